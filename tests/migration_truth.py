"""What is true of a database after a migration died in it, and what its messages say about that.

The ground truth is in the files: each notes its version in the table `ran`, in the transaction in which its work is
done, or makes an index, which cannot be made twice.
"""

import contextlib
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from migrate_process import migrate, write_files

LAST = 30
PREPARE = """
DROP SCHEMA public CASCADE;
CREATE SCHEMA public;
CREATE TABLE ran (version bigint, at timestamptz DEFAULT clock_timestamp());
CREATE TABLE big (i int);
INSERT INTO big SELECT generate_series(1, 4);
CREATE FUNCTION slowly(i int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
    $$ BEGIN PERFORM pg_sleep(0.02); RETURN i; END $$;
CREATE PROCEDURE by_itself(version bigint) LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_sleep(0.03); INSERT INTO ran VALUES (version); COMMIT; PERFORM pg_sleep(0.03); END $$;
"""
COPIED = "COPY ran (version) FROM stdin;\n{0}\n\\.\n"
RAN = "INSERT INTO ran VALUES ({0});"
# By turns; the plain ones are most, as in life.
KINDS = (
    "CREATE TABLE t{0} (i int);" + RAN,
    RAN + "SELECT pg_sleep(0.08);",
    "CREATE TABLE t{0} (i int);" + RAN,
    "CREATE INDEX CONCURRENTLY i{0} ON big (slowly(i));",
    "BEGIN;" + RAN + "SELECT pg_sleep(0.05); COMMIT; SELECT pg_sleep(0.03);",
    "ALTER TABLE big ADD c{0} int DEFAULT 3;" + RAN,
    "SELECT pg_sleep(0.05);" + RAN,
    "BEGIN; SELECT pg_sleep(0.05);" + RAN + "COMMIT;",
    "CALL by_itself({0});",
    "-- No more\n" + COPIED + "SELECT pg_sleep(0.03);",
)


def thirty(folder: Path) -> Path:
    return write_files(folder, {n: KINDS[n % len(KINDS)].format(n) for n in range(1, LAST + 1)})


@dataclass(frozen=True)
class Truth:
    """One moment of the database."""

    version: int
    dirty: bool
    done: list[int]
    """Versions whose work is in the database, as often as it was done."""
    invalid: list[str]
    """Indexes that were begun and are not there."""
    noted: int = field(default=-1, compare=False)
    """The version after the last step that the history has as done."""

    def check(self) -> None:
        """A clean version says exactly what was done; a dirty one leaves itself open, and nothing else."""
        below = self.version - 1 if self.dirty else self.version
        possible = [list(range(1, below + 1))]
        if self.dirty:
            possible.append(list(range(1, self.version + 1)))
        assert self.done in possible, self
        assert self.noted == (below or -1), self


def look(database: psycopg.Connection[Any]) -> Truth:
    with database.transaction():
        # One snapshot for all of it.
        database.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        ran = [version for (version,) in database.execute("SELECT version FROM ran")]
        indexes = database.execute(
            "SELECT relname, indisvalid FROM pg_index JOIN pg_class ON oid = indexrelid WHERE relname ~ '^i[0-9]+$'"
        ).fetchall()
        tables = {name for (name,) in database.execute("SELECT relname FROM pg_class WHERE relkind = 'r'")}
        row: Any = None
        if "schema_migrations" in tables:
            row = database.execute("SELECT version, dirty FROM schema_migrations").fetchone()
        note: Any = None
        if "schema_migrations_history" in tables:
            newest = "SELECT recorded FROM schema_migrations_history WHERE done ORDER BY id DESC LIMIT 1"
            note = database.execute(newest).fetchone()
    done = sorted(ran + [int(name[1:]) for name, is_valid in indexes if is_valid])
    invalid = [name for name, is_valid in indexes if not is_valid]
    version, dirty = row or (-1, False)
    return Truth(version, dirty, done, invalid, note[0] if note else -1)


@contextlib.contextmanager
def watched(url: str) -> Iterator[None]:
    """Look again and again during the block, and check what was seen."""
    stop = threading.Event()
    wrong: list[BaseException] = []

    def watch() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            while not stop.wait(0.02) and not wrong:
                try:
                    look(connection).check()
                except (AssertionError, psycopg.Error) as error:
                    wrong.append(error)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(20)
    if wrong:
        raise wrong[0]


def ways_out(said: str) -> tuple[list[str], list[str]]:
    """The arguments of the two `force` commands that a message names: if all was done, if nothing was."""
    full = re.search(r"(?:done in full|all of it is), run `migrate force ([^`]+)`", said)
    full = full or re.search(r"all of it is, `migrate force ([^`]+)`", said)
    nothing = re.search(r"nothing of it (?:was, |is in the database, run )`migrate force ([^`]+)`", said)
    assert full, said
    assert nothing, said
    return full[1].split(), nothing[1].split()


def obey(url: str, folder: Path, database: psycopg.Connection[Any], said: str) -> None:
    """Do what the message says, by what is true."""
    truth = look(database)
    full, nothing = ways_out(said)
    is_done = truth.version in truth.done
    for name in truth.invalid:
        database.execute(f"DROP INDEX {name}".encode())
    code, answer = migrate(url, folder, "force", *(full if is_done else nothing))
    assert (code, answer) == (0, "")
    after = look(database)
    after.check()
    assert not after.dirty
    assert not after.invalid


def finish(url: str, folder: Path, database: psycopg.Connection[Any], last: int = LAST) -> None:
    """`up`, after `force` if the message asks for it, comes to the end, and all that is known agrees with that."""
    code, said = migrate(url, folder, "up")
    if code:
        assert code == 1
        obey(url, folder, database, said)
        code, said = migrate(url, folder, "up")
    assert code == 0, said
    assert look(database) == Truth(last, False, list(range(1, last + 1)), [])
    code, said = migrate(url, folder, "status", "-check")
    assert code == 0, said
    noted = database.execute("SELECT version FROM schema_migrations_history WHERE done AND direction = 'up'").fetchall()
    assert {version for (version,) in noted} == set(range(1, last + 1))
    unknown = database.execute("SELECT count(*) FROM schema_migrations_history WHERE tool = 'unknown'").fetchone()
    assert unknown == (0,)
