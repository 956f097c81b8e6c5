"""Reading the transaction that a file brings along, and taking its BEGIN and COMMIT out of the text."""

import re

import pytest
from hypothesis import given
from unit.soup import ANYTHING

from codeactions.migrate.statements.own_transaction import own_transaction
from codeactions.migrate.statements.split import heading

ONE = [
    "BEGIN; SELECT 1; COMMIT;",
    "begin work;select 1;end",
    "START TRANSACTION; SELECT 1; COMMIT TRANSACTION AND NO CHAIN;",
    "-- a\n/* b; */BEGIN/* c */WORK/* d */;;SELECT 1;;COMMIT--e\n;--f",
    "SELECT 1; COMMIT;",
    "SET a = 1; BEGIN; SELECT 1; COMMIT;",
    "BEGIN; SAVEPOINT a; ROLLBACK TO a; RELEASE a; ROLLBACK WORK TO SAVEPOINT a; COMMIT;",
    "BEGIN; PREPARE transaction AS SELECT 1; COMMIT;",
    "BEGIN; SELECT $$ BEGIN; COMMIT; $$, 'COMMIT;', \"COMMIT;\"; COMMIT;",
    "BEGIN; CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; END; COMMIT;",
    "BEGIN; END;",
]
MORE = [
    "BEGIN; COMMIT; SELECT 1",
    "BEGIN; COMMIT; BEGIN; COMMIT;",
    "BEGIN; BEGIN; COMMIT;",
    "BEGIN; ROLLBACK;",
    "ABORT; SELECT 1; COMMIT;",
    "BEGIN; COMMIT AND CHAIN;",
    "BEGIN; COMMIT PREPARED 'a';",
    "BEGIN; PREPARE TRANSACTION 'a';",
    "BEGIN SOMETHING; COMMIT;",
    "BEGIN ISOLATION LEVEL SERIALIZABLE,; COMMIT;",
    "SELECT 1; BEGIN READ ONLY; COMMIT;",
    "BEGIN; SET TRANSACTION SNAPSHOT 'a'; COMMIT;",
    "BEGIN; SET LOCAL transaction_isolation = 'serializable'; COMMIT;",
]
NONE = ["", "SELECT 1", "-- BEGIN; COMMIT;", "SELECT 1; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;", "VACUUM"]
MODES = [
    ("BEGIN ISOLATION LEVEL SERIALIZABLE; COMMIT;", "ISOLATION LEVEL SERIALIZABLE", False),
    ("BEGIN WORK ISOLATION LEVEL READ UNCOMMITTED READ WRITE; COMMIT;", "ISOLATION LEVEL READ UNCOMMITTED", False),
    ("start transaction read only, not deferrable; commit;", "NOT DEFERRABLE", True),
    ("BEGIN READ ONLY; SET TRANSACTION READ WRITE; COMMIT;", "", False),
    (
        "SET TRANSACTION DEFERRABLE; SET x = 1; SET LOCAL TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;",
        "DEFERRABLE, ISOLATION LEVEL REPEATABLE READ",
        True,
    ),
    ("BEGIN; SELECT 1; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; COMMIT;", "", False),
]


@pytest.mark.parametrize("text", ONE)
def test_the_one_transaction_is_found_and_all_else_keeps_its_place(text: str) -> None:
    found = own_transaction(text.encode())
    assert found is not None
    assert found.commits
    rest = found.text.decode()
    assert len(rest) == len(text)
    # A letter stays what it is or is a blank; and what is left brings no transaction.
    assert all(new in (old, " ") for old, new in zip(text, rest, strict=True))
    assert own_transaction(found.text) is None
    for comment in re.findall(r"--\w*|/\*.*?\*/", text):
        assert comment in rest
    assert heading(found.text, 1).split()[:1] not in (["BEGIN"], ["START"], ["COMMIT"])


@pytest.mark.parametrize("text", MORE + NONE)
def test_other_files_are_left_alone(text: str) -> None:
    assert own_transaction(text.encode()) is None


@pytest.mark.parametrize(("text", "modes", "read_only"), MODES)
def test_modes(text: str, modes: str, read_only: bool) -> None:
    found = own_transaction(text.encode())
    assert found is not None
    assert (found.modes, found.read_only) == (modes, read_only)


def test_what_it_has() -> None:
    opened = own_transaction(b"BEGIN; SELECT 1;")
    assert opened is not None
    assert (opened.begins, opened.commits, opened.begins_first) == (True, False, True)
    late = own_transaction(b"SELECT 1; BEGIN; COMMIT")
    assert late is not None
    assert (late.begins, late.commits, late.begins_first) == (True, True, False)
    modes = own_transaction(b"SET TRANSACTION READ ONLY; SELECT 1;")
    assert modes is not None
    assert (modes.begins, modes.commits, modes.begins_first) == (False, False, False)


@given(ANYTHING)
def test_no_text_is_too_strange(text: bytes) -> None:
    found = own_transaction(text + b"; COMMIT")
    assert found is None or len(found.text) == len(text) + 8
