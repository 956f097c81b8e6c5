"""`migrate` and the database die at any moment: what is recorded is true, or dirty with a way out that is said.

The ground truth is in the files: each notes its version in the table `ran`, in the transaction in which its work
is done, or makes an index, which cannot be made twice.
"""

import contextlib
import os
import random
import re
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from gotool import APPLICATION, GATE, Gate, Migrate, backend_at, backends, migrate, wait_for_silence, write_files
from harness import any_moment, wait_until

from codeactions.postgres.embedded.server import EmbeddedPostgres

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
    "-- No more\n" + RAN,
)


@pytest.fixture
def database(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(PREPARE)
        yield connection


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


def seen_at_work(database: psycopg.Connection[Any], process: Migrate) -> bool:
    """Wait until the process has a backend; False if it has ended before."""
    wait_until(lambda: backends(database) or process.process.poll() is not None, 20, "a backend")
    return process.process.poll() is None


def die_again_and_again(
    url: str, folder: Path, database: psycopg.Connection[Any], end: Callable[[Migrate, float], bool], times: int
) -> None:
    """Run `up` and `end` it, which gets a number between 0 and 1, and says whether it ended anything. Over and over.

    What is left is checked each time, and mended where `up` asks for that.
    """
    choose = random.Random(20261123)
    ended = 0
    while ended < times:
        if look(database).version == LAST:
            finish(url, folder, database)
            database.execute(PREPARE)
        with watched(url):
            with Migrate(url, folder, "up") as process:
                ended += end(process, choose.random())
                code = process.wait()
            look(database).check()
            assert code in (0, 1, -signal.SIGKILL), process.said
            assert "Traceback" not in process.said
            # Without that the next one meets the dead one's backend, which goes on with its statement.
            if code != -signal.SIGKILL or choose.random() < 0.5:
                wait_for_silence(database)
                look(database).check()
        if code == 1 and look(database).dirty and "force" in process.said:
            obey(url, folder, database, process.said)
    wait_for_silence(database)
    finish(url, folder, database)


@pytest.mark.slow
def test_kill_9_at_any_moment(database_url: str, database: psycopg.Connection[Any], tmp_path: Path) -> None:
    def kill(process: Migrate, chance: float) -> bool:
        # Some while it starts, most while it works.
        if chance > 0.15 and not seen_at_work(database, process):
            return False
        any_moment(chance * 0.4)
        if process.process.poll() is not None:
            return False
        process.process.kill()
        return True

    die_again_and_again(database_url, thirty(tmp_path / "m"), database, kill, 25)


@pytest.mark.slow
def test_a_terminated_backend_at_any_moment(
    database_url: str, database: psycopg.Connection[Any], tmp_path: Path
) -> None:
    def terminate(process: Migrate, chance: float) -> bool:
        if not seen_at_work(database, process):
            return False
        any_moment(chance * 0.4)
        pids = backends(database)
        for pid in pids:
            database.execute("SELECT pg_terminate_backend(%s)", (pid,))
        return bool(pids)

    die_again_and_again(database_url, thirty(tmp_path / "m"), database, terminate, 10)


class TestKilledAtAStatement:
    """kill -9 while a given statement is seen at work in the server, which then does it to its end."""

    PLAIN = RAN.format(2) + GATE
    OWN = "BEGIN;" + RAN.format(2) + GATE + "COMMIT;"
    INDEX = "CREATE INDEX CONCURRENTLY i2 ON big (i);"

    @staticmethod
    def folder(path: Path, second: str) -> Path:
        return write_files(path / "m", {1: RAN.format(1), 2: second, 3: RAN.format(3)}, {2: "", 1: ""})

    def test_in_a_transaction(self, database_url: str, database: psycopg.Connection[Any], tmp_path: Path) -> None:
        folder = self.folder(tmp_path, self.PLAIN)
        with Gate(database_url) as gate:
            with Migrate(database_url, folder, "up") as process:
                pid = backend_at(database, "advisory_xact")
                process.kill()
            assert look(database) == Truth(1, False, [1], [])
            # The dead one's statement still holds the lock.
            code, said = migrate(database_url, folder, "-lock-timeout", "1", "up")
            assert code == 1
            assert f"It is held by pid {pid} (application {APPLICATION}" in said
            with Migrate(database_url, folder, "up") as process:
                wait_until(lambda: len(backends(database)) == 2, 20, "the next one waiting")
                gate.open()
                assert process.wait() == 0
        finish(database_url, folder, database, 3)

    @pytest.mark.parametrize("text", [OWN, INDEX])
    def test_outside_of_a_transaction_what_was_going_on_is_done(
        self, database_url: str, database: psycopg.Connection[Any], tmp_path: Path, text: str
    ) -> None:
        folder = self.folder(tmp_path, text)
        # The index waits for the writer to end.
        with Gate(database_url), psycopg.connect(database_url) as writer:
            writer.execute("INSERT INTO big VALUES (1)")
            with Migrate(database_url, folder, "up") as process:
                backend_at(database, text[-20:])
                process.kill()
            assert (look(database).version, look(database).dirty, look(database).done) == (2, True, [1])
        wait_for_silence(database)
        assert look(database) == Truth(2, True, [1, 2], [])
        code, said = migrate(database_url, folder, "up")
        assert code == 1
        assert said.startswith("error: Dirty database version 2. Fix and force version.\n")
        assert ways_out(said) == (["2"], ["1"])
        finish(database_url, folder, database, 3)

    @pytest.mark.parametrize("text", [OWN, INDEX])
    def test_outside_of_a_transaction_with_its_backend_nothing_is_done(
        self, database_url: str, database: psycopg.Connection[Any], tmp_path: Path, text: str
    ) -> None:
        folder = self.folder(tmp_path, text)
        with Gate(database_url), psycopg.connect(database_url) as writer:
            writer.execute("INSERT INTO big VALUES (1)")
            with Migrate(database_url, folder, "up") as process:
                pid = backend_at(database, text[-20:])
                waits = "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'"
                wait_until(lambda: database.execute(waits, (pid,)).fetchone(), 20, "its waiting, with the index there")
                process.kill()
            database.execute("SELECT pg_terminate_backend(%s)", (pid,))
            wait_for_silence(database)
        found = look(database)
        assert (found.version, found.dirty, found.done) == (2, True, [1])
        assert found.invalid == (["i2"] if text == self.INDEX else [])
        finish(database_url, folder, database, 3)

    @pytest.mark.parametrize("text", [PLAIN, OWN, INDEX])
    def test_its_backend_alone_is_terminated(
        self, database_url: str, database: psycopg.Connection[Any], tmp_path: Path, text: str
    ) -> None:
        folder = self.folder(tmp_path, text)
        with Gate(database_url), psycopg.connect(database_url) as writer:
            writer.execute("INSERT INTO big VALUES (1)")
            with Migrate(database_url, folder, "up") as process:
                database.execute("SELECT pg_terminate_backend(%s)", (backend_at(database, text[-20:]),))
                assert process.wait() == 1
        found = look(database)
        assert found.done == [1]
        assert (found.version, found.dirty) == ((1, False) if text == self.PLAIN else (2, True))
        assert process.said.splitlines()[1].startswith("error: migration failed in line 0: ")
        if found.dirty:
            obey(database_url, folder, database, process.said)
        finish(database_url, folder, database, 3)

    def test_the_first_file(self, database_url: str, database: psycopg.Connection[Any], tmp_path: Path) -> None:
        folder = write_files(tmp_path / "m", {1: "BEGIN;" + GATE + RAN.format(1) + "COMMIT;"})
        with Gate(database_url):
            with Migrate(database_url, folder, "up") as process:
                pid = backend_at(database, "advisory_xact")
                process.kill()
            database.execute("SELECT pg_terminate_backend(%s)", (pid,))
            wait_for_silence(database)
        assert look(database) == Truth(1, True, [], [])
        code, said = migrate(database_url, folder, "up")
        assert code == 1
        assert ways_out(said) == (["1"], ["--", "-1"])
        finish(database_url, folder, database, 1)

    @pytest.mark.parametrize("is_done", [True, False])
    def test_going_down(
        self, database_url: str, database: psycopg.Connection[Any], tmp_path: Path, is_done: bool
    ) -> None:
        undo = "DELETE FROM ran WHERE version = 1;"
        folder = write_files(tmp_path / "m", {1: RAN.format(1)}, {1: f"BEGIN;{undo}{GATE}COMMIT;"})
        finish(database_url, folder, database, 1)
        with Gate(database_url) as gate:
            with Migrate(database_url, folder, "down", "1") as process:
                pid = backend_at(database, "advisory_xact")
                process.kill()
            if is_done:
                gate.open()
            else:
                database.execute("SELECT pg_terminate_backend(%s)", (pid,))
            wait_for_silence(database)
        assert (look(database).version, look(database).dirty) == (-1, True)
        code, said = migrate(database_url, folder, "down", "1")
        assert code == 1
        full, nothing = ways_out(said)
        assert (full, nothing) == (["--", "-1"], ["1"])
        assert migrate(database_url, folder, "force", *(full if is_done else nothing)) == (0, "")
        look(database).check()
        finish(database_url, folder, database, 1)


class TestRestart:
    """The database goes away under a migration, and comes back."""

    @pytest.fixture
    def own(self) -> Iterator[EmbeddedPostgres]:
        folder = Path(tempfile.mkdtemp(prefix="codeactions-tests-"))
        postgres = EmbeddedPostgres(folder)
        postgres.start()
        try:
            yield postgres
        finally:
            postgres.stop()
            shutil.rmtree(folder)

    @pytest.mark.slow
    def test_shut_down_or_killed_at_any_moment(self, own: EmbeddedPostgres, tmp_path: Path) -> None:
        def shut_down() -> None:
            own.stop()
            own.start()

        def crash() -> None:
            assert own.pid is not None
            os.kill(own.pid, signal.SIGKILL)
            wait_until(own.restart_if_dead, 30, "the restart")

        folder = thirty(tmp_path / "m")
        with psycopg.connect(own.url, autocommit=True) as database:
            database.execute(PREPARE)
        choose = random.Random(20261123)
        for cut in [shut_down, crash] * 3:
            with psycopg.connect(own.url, autocommit=True) as database, Migrate(own.url, folder, "up") as process:
                seen_at_work(database, process)
                any_moment(choose.random() * 0.4)
                cut()
                assert process.wait() in (0, 1)
            assert "Traceback" not in process.said
            with psycopg.connect(own.url, autocommit=True) as database:
                found = look(database)
                found.check()
                if found.dirty:
                    code, said = migrate(own.url, folder, "up")
                    assert code == 1
                    obey(own.url, folder, database, said)
        with psycopg.connect(own.url, autocommit=True) as database:
            finish(own.url, folder, database)
