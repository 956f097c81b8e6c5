"""What is read off a migration's text: its blanks, its heading, and whether it can share a transaction."""

import pytest
from hypothesis import given
from unit.soup import ANYTHING

from codeactions.migrate.statements.kind import may_end_transaction, outside_transaction
from codeactions.migrate.statements.split import heading, is_blank


@pytest.mark.parametrize(
    ("piece", "blank"),
    [
        ("", True),
        (" \t\n\v\f\r", True),
        # Unicode's, as Go sees them.
        ("\u0085\u00a0\u1680\u2000\u200a\u2028\u2029\u202f\u205f\u3000", True),
        (";", False),
        ("-- comment", False),
        ("\u200b", False),
        ("\ufeff", False),
        ("\x1c", False),
        ("\0", False),
    ],
)
def test_only_what_go_takes_for_blank_is_blank(piece: str, blank: bool) -> None:
    assert is_blank(piece.encode()) is blank
    assert is_blank(f" {piece} ".encode()) is blank
    assert not is_blank(f"{piece}a".encode())


def test_half_a_blank_is_not_blank() -> None:
    assert not is_blank(b" \xe2\x80")
    assert not is_blank(b"\x80")


def test_a_heading_is_words_without_comments_and_texts() -> None:
    text = b"/* a /* b */ */ create--c\n index\tIF \"x;\"\"y\"('a''b', E'\\'', $t$ $$ $t$ ,'off', \"off\", a$1, 12);"
    assert heading(text, 99) == "CREATE INDEX IF \"\" ( '' , '' , '' , OFF , \"\" , A$1 , 12 ) ;"
    assert heading(text, 2) == "CREATE INDEX"
    assert heading(b" -- nothing", 5) == ""


# What it is called, and ways to write it. The integration test tries on a server what is tried there.
CONTROLLING = {
    "BEGIN": ["BEGIN", "begin;", "/* a */ Begin isolation level serializable"],
    "START TRANSACTION": ["START TRANSACTION", "start/**/transaction read only"],
    "COMMIT": ["COMMIT", "commit work", "COMMIT AND CHAIN"],
    "END": ["END", "end transaction;"],
    "ROLLBACK": ["ROLLBACK", "rollback work", "ROLLBACK TRANSACTION AND NO CHAIN"],
    "ABORT": ["ABORT", "abort work"],
    "PREPARE TRANSACTION": ["PREPARE TRANSACTION 'a'", "prepare transaction $$a$$"],
}
# BEGIN and START TRANSACTION only begin one.
ENDING = CONTROLLING.keys() - {"BEGIN", "START TRANSACTION"}
REFUSED = {
    "COMMIT PREPARED": ["COMMIT PREPARED 'a'"],
    "ROLLBACK PREPARED": ["rollback prepared 'a'"],
    "CREATE INDEX CONCURRENTLY": [
        "CREATE INDEX CONCURRENTLY ON a (b)",
        "create unique index/**/concurrently if not exists a on b (c)",
    ],
    "DROP INDEX CONCURRENTLY": ["DROP INDEX CONCURRENTLY a", "drop index concurrently if exists a, b"],
    "REINDEX CONCURRENTLY": [
        "REINDEX TABLE CONCURRENTLY a",
        "reindex (verbose) index concurrently a.b",
        "REINDEX (CONCURRENTLY) TABLE a",
        "REINDEX (VERBOSE, CONCURRENTLY true) TABLE a",
        "REINDEX (concurrently 'on', verbose off) TABLE a",
        "REINDEX (VERBOSE)INDEX CONCURRENTLY a",
    ],
    "REINDEX DATABASE": ["REINDEX DATABASE a", "REINDEX (VERBOSE) DATABASE a"],
    "REINDEX SCHEMA": ["REINDEX SCHEMA a"],
    "REINDEX SYSTEM": ["REINDEX SYSTEM a"],
    "VACUUM": ["VACUUM", "vacuum (full, analyze) a", "VACUUM VERBOSE a"],
    "CLUSTER without a table": ["CLUSTER", "cluster;", "CLUSTER VERBOSE;", "CLUSTER (VERBOSE)"],
    "CREATE DATABASE": ["CREATE DATABASE a"],
    "DROP DATABASE": ["DROP DATABASE IF EXISTS a"],
    "ALTER DATABASE SET TABLESPACE": [
        "ALTER DATABASE a SET TABLESPACE b",
        'alter database "a" tablespace b',
        "ALTER DATABASE tablespace WITH TABLESPACE b",
    ],
    "CREATE TABLESPACE": ["CREATE TABLESPACE a LOCATION '/a'"],
    "DROP TABLESPACE": ["DROP TABLESPACE a"],
    "ALTER SYSTEM": ["ALTER SYSTEM SET work_mem = '4MB'", "alter system reset all"],
    "DISCARD ALL": ["DISCARD ALL", "discard all;"],
    "ALTER TABLE DETACH PARTITION CONCURRENTLY": [
        "ALTER TABLE a DETACH PARTITION b CONCURRENTLY",
        'alter table if exists only s."a b" detach partition s.b concurrently;',
    ],
    "CREATE SUBSCRIPTION": [
        "CREATE SUBSCRIPTION a CONNECTION 'connect = false' PUBLICATION b",
        "CREATE SUBSCRIPTION a CONNECTION '' PUBLICATION b WITH (create_slot, copy_data = false)",
        "CREATE SUBSCRIPTION a CONNECTION '' PUBLICATION b WITH (create_slot = true);",
    ],
    "ALTER SUBSCRIPTION REFRESH": ["ALTER SUBSCRIPTION a REFRESH PUBLICATION"],
    "ALTER SUBSCRIPTION PUBLICATION": [
        "ALTER SUBSCRIPTION a SET PUBLICATION b",
        "ALTER SUBSCRIPTION a ADD PUBLICATION b WITH (copy_data = false)",
        'ALTER SUBSCRIPTION "a" DROP PUBLICATION b WITH (refresh = on)',
    ],
}
INSIDE = [
    "",
    "-- COMMIT;",
    "/* ; VACUUM; */",
    "SELECT ';VACUUM;'",
    "DO $$ BEGIN COMMIT; END $$",
    "CALL p()",
    "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END",
    "SAVEPOINT a",
    "RELEASE a",
    "ROLLBACK TO a",
    "ROLLBACK TO SAVEPOINT a",
    "ROLLBACK WORK TO a",
    "rollback transaction to savepoint a",
    "PREPARE transaction AS SELECT 1",
    "PREPARE a AS SELECT 'x'",
    "CREATE INDEX a ON b (c)",
    "CREATE INDEX b ON concurrently_made (a)",
    'CREATE INDEX "concurrently" ON a (b)',
    "DROP INDEX a",
    "REINDEX TABLE a",
    "REINDEX TABLE a.concurrently",
    "REINDEX (CONCURRENTLY false) TABLE a",
    "REINDEX (verbose, concurrently 'off') TABLE a",
    "REINDEX (CONCURRENTLY 0) INDEX a",
    "REFRESH MATERIALIZED VIEW CONCURRENTLY a",
    "ANALYZE",
    "CLUSTER a",
    "CLUSTER a USING b",
    "CLUSTER (VERBOSE) a",
    "ALTER DATABASE a SET work_mem = '4MB'",
    "ALTER DATABASE a OWNER TO tablespace",
    "ALTER DATABASE tablespace RENAME TO a",
    "ALTER TABLESPACE a OWNER TO b",
    "DISCARD PLANS",
    "ALTER TABLE a DETACH PARTITION b",
    "ALTER TABLE a DETACH PARTITION b FINALIZE",
    "ALTER TABLE a DETACH PARTITION s.concurrently",
    "CREATE SUBSCRIPTION a CONNECTION '' PUBLICATION b WITH (connect = false)",
    "CREATE SUBSCRIPTION a CONNECTION '' PUBLICATION b WITH (slot_name = x, create_slot = 'off')",
    "DROP SUBSCRIPTION a",
    "ALTER SUBSCRIPTION a SET (slot_name = NONE)",
    "ALTER SUBSCRIPTION a SET PUBLICATION b WITH (refresh = false)",
    "ALTER TYPE a ADD VALUE 'b'",
    "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
    "CREATE TABLE \"end\" (vacuum int, cluster int, start int, database text)",
    "INSERT INTO a VALUES ('x', 'BEGIN')",
    "DROP INDEX concurrently$made",
    "REINDEX systems",
    "beginning",
    "commit_all",
    "commité",
]  # fmt: skip


def forms(table: dict[str, list[str]]) -> list[tuple[str, str]]:
    """Pairs of a name and one way to write it."""
    return [(name, text) for name, texts in table.items() for text in texts]


@pytest.mark.parametrize(("name", "text"), forms(CONTROLLING) + forms(REFUSED))
def test_a_statement_that_needs_to_be_alone_is_named(name: str, text: str) -> None:
    assert outside_transaction(text.encode()) == name
    assert outside_transaction(f"SELECT ';';\n-- here\n{text.lower()}; VACUUM; COMMIT".encode()) == name
    assert name not in ENDING or may_end_transaction(text.lower().encode())


@pytest.mark.parametrize("text", INSIDE)
def test_other_statements_can_share_a_transaction(text: str) -> None:
    assert outside_transaction(text.encode()) is None
    assert outside_transaction(f"SELECT 1; /* COMMIT */ {text}; SELECT 2".encode()) is None


def test_the_first_such_statement_of_the_file_is_named() -> None:
    assert outside_transaction(b"SELECT 1; VACUUM; COMMIT") == "VACUUM"
    assert outside_transaction(b"COMMIT; VACUUM") == "COMMIT"


def test_a_word_that_ends_a_transaction_counts_wherever_it_is() -> None:
    assert may_end_transaction(b"SELECT 'it''s; commit'")
    assert may_end_transaction(b"CREATE FUNCTION f() ... BEGIN ... END")
    assert not may_end_transaction(b"BEGIN; SELECT committed, ended FROM prepared")


@given(ANYTHING)
def test_no_text_is_too_strange(text: bytes) -> None:
    assert outside_transaction(text + b"\n") in {None, *CONTROLLING, *REFUSED}
    assert may_end_transaction(text) in (True, False)
