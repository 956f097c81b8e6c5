"""Rows for COPY in files that begin and end transactions themselves. Rows are no SQL, whatever is in them."""

import pytest
from migrations import Migrate

TABLE = "CREATE TABLE found (n int, word text);\n"
# Words that would keep the file out of a transaction, quotes that would never end, and the end of a statement.
WORDS = [
    "COMMIT;",
    "it's",
    "$$",
    "/*",
    "BEGIN",
    "CREATE INDEX CONCURRENTLY i ON found (n);",
    "SET TRANSACTION READ ONLY;",
]
ROWS = "".join(f"{number}\t{word}\n" for number, word in enumerate(WORDS))
COPY = f"COPY found (n, word) FROM stdin;\n{ROWS}\\.\n"
FOUND = list(enumerate(WORDS))
MULTI = "x-multi-statement=true"


@pytest.mark.parametrize("options", ["", MULTI])
@pytest.mark.parametrize(
    "text",
    [
        COPY,
        f"BEGIN;\n{COPY}COMMIT;\n",
        f"-- a dump\nSTART TRANSACTION;\n{COPY}\nCREATE TABLE more ();\nEND;\n-- done\n",
        f"SET work_mem = '8MB';\n{COPY}",
    ],
)
def test_the_rows_and_the_version_are_one_transaction(migrate: Migrate, text: str, options: str) -> None:
    migrate.write(_1=TABLE, _2=text)
    assert "2/u step (in one transaction)\n" in migrate("up", "-dry-run", options=options).out or options
    assert migrate("up", options=options) == (0, "1/u step (T)\n2/u step (T)\n", "")
    assert migrate.query("SELECT n, word FROM found ORDER BY n") == FOUND
    assert migrate.rows() == [(2, False)]


@pytest.mark.parametrize("options", ["", MULTI])
def test_a_bad_row_in_a_transaction_of_the_file_leaves_nothing(migrate: Migrate, options: str) -> None:
    migrate.write(_1=TABLE, _2="BEGIN;\nCREATE TABLE a ();\nCOPY found FROM stdin;\n1\tx\nzz\ty\n\\.\nCOMMIT;\n")
    ran = migrate("up", options=options)
    assert ran.code == 1
    assert 'invalid input syntax for type integer: "zz"' in ran.err
    assert "in line 5" in ran.err or options
    assert "Nothing of it was kept, the database is at version 1 and clean" in ran.err
    assert migrate.rows() == [(1, False)]
    assert migrate.relations() & {"a"} == set()


def test_a_mistake_behind_the_rows_is_named_in_its_line(migrate: Migrate) -> None:
    migrate.write(_1=TABLE, _2=f"BEGIN;\n{COPY}SELECT 1;\nCREATE TABEL b ();\nCOMMIT;\n")
    ran = migrate("up")
    assert f'syntax error at or near "TABEL" (column 8) in line {len(WORDS) + 5}: ' in ran.err
    assert migrate.rows() == [(1, False)]
    assert migrate.query("SELECT * FROM found") == []


def test_two_transactions_with_rows_run_as_they_are(migrate: Migrate) -> None:
    migrate.write(_1=TABLE, _2=f"BEGIN;\n{COPY}COMMIT;\nBEGIN;\n{COPY}COMMIT;\n")
    assert migrate("up") == (0, "1/u step (T)\n2/u step (T)\n", "")
    assert migrate.query("SELECT count(*) FROM found") == [(2 * len(WORDS),)]
    assert migrate.rows() == [(2, False)]


def test_two_transactions_the_second_with_a_bad_row(migrate: Migrate) -> None:
    bad = "COPY found FROM stdin;\nzz\ty\n\\.\n"
    migrate.write(_1=TABLE, _2=f"BEGIN;\n{COPY}COMMIT;\nBEGIN;\n{bad}COMMIT;\n")
    ran = migrate("up")
    assert ran.code == 1
    assert "The database is left dirty at version 2" in ran.err
    # Not known to be so of a file that its rows cut into several transactions.
    assert "Nothing of it was kept" not in ran.err
    assert migrate.query("SELECT count(*) FROM found") == [(len(WORDS),)]
    assert migrate.rows() == [(2, True)]
