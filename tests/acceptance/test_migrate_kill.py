"""`migrate` and the database die at any moment: what is recorded is true, or dirty with a way out that is said.

The ground truth is in the files: each notes its version in the table `ran`, in the transaction in which its work
is done, or makes an index, which cannot be made twice.
"""

import os
import random
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from harness import wait_until
from migrate_process import (
    APPLICATION,
    GATE,
    Gate,
    Migrate,
    backend_at,
    backends,
    migrate,
    wait_for_silence,
    write_files,
)
from migration_truth import LAST, PREPARE, RAN, Truth, finish, look, obey, thirty, watched, ways_out

from codeactions.postgres.embedded.server import EmbeddedPostgres

# At how many statements a process is seen at most before it ends; a file needs about three.
MOST_STATEMENTS = 30


@pytest.fixture
def database(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(PREPARE)
        yield connection


def seen_at_work(database: psycopg.Connection[Any], process: Migrate, statements: int = 1) -> bool:
    """Wait until the process was seen at that many statements, one after the other. False: it has ended before.

    The pause between two looks is a round trip, so that the moments between two statements of a file's count too.
    """
    look_at = "SELECT pid, query, query_start FROM pg_stat_activity WHERE application_name = %s"
    seen: object = None
    while process.process.poll() is None:
        found = database.execute(look_at, (APPLICATION,)).fetchall()
        if found and found != seen:
            seen, statements = found, statements - 1
        if statements <= 0:
            return True
    return False


def die_again_and_again(
    url: str, folder: Path, database: psycopg.Connection[Any], end: Callable[[Migrate, float], bool], times: int
) -> None:
    """Run `up` and end it by `end`, until it was ended so many times.

    `end` gets a number between 0 and 1 and returns whether it ended anything. The database is checked each time, and
    mended where `up` asks for that.
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
        if 0.07 < chance <= 0.15:
            maps = Path(f"/proc/{process.pid}/maps")
            wait_until(lambda: "libpq" in maps.read_text(), 20, "its loading of libpq")
        if chance > 0.15 and not seen_at_work(database, process, round(chance * MOST_STATEMENTS)):
            return False
        process.process.kill()
        return True

    die_again_and_again(database_url, thirty(tmp_path / "m"), database, kill, 25)


@pytest.mark.slow
def test_a_terminated_backend_at_any_moment(
    database_url: str, database: psycopg.Connection[Any], tmp_path: Path
) -> None:
    def terminate(process: Migrate, chance: float) -> bool:
        if not seen_at_work(database, process, round(chance * MOST_STATEMENTS)):
            return False
        pids = backends(database)
        for pid in pids:
            database.execute("SELECT pg_terminate_backend(%s)", (pid,))
        return bool(pids)

    die_again_and_again(database_url, thirty(tmp_path / "m"), database, terminate, 10)


class TestKilledAtAStatement:
    """kill -9 while a given statement is seen at work in the server, which then does it to its end."""

    PLAIN = RAN.format(2) + GATE
    OWN = "BEGIN;" + RAN.format(2) + GATE + "COMMIT;"
    # Not one transaction, so none with its version.
    SPLIT = OWN + " SELECT 1, 2, 3;"
    INDEX = "CREATE INDEX CONCURRENTLY i2 ON big (i);"

    @staticmethod
    def folder(path: Path, second: str) -> Path:
        return write_files(path / "m", {1: RAN.format(1), 2: second, 3: RAN.format(3)}, {2: "", 1: ""})

    @pytest.mark.parametrize("text", [PLAIN, OWN])
    def test_in_a_transaction(
        self, database_url: str, database: psycopg.Connection[Any], tmp_path: Path, text: str
    ) -> None:
        folder = self.folder(tmp_path, text)
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

    @pytest.mark.parametrize("text", [SPLIT, INDEX])
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

    @pytest.mark.parametrize("text", [SPLIT, INDEX])
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

    @pytest.mark.parametrize("text", [PLAIN, OWN, SPLIT, INDEX])
    def test_its_backend_alone_is_terminated(
        self, database_url: str, database: psycopg.Connection[Any], tmp_path: Path, text: str
    ) -> None:
        folder = self.folder(tmp_path, text)
        with Gate(database_url), psycopg.connect(database_url) as writer:
            writer.execute("INSERT INTO big VALUES (1)")
            with Migrate(database_url, folder, "up") as process:
                seen = "advisory_xact" if text == self.OWN else text[-20:]
                database.execute("SELECT pg_terminate_backend(%s)", (backend_at(database, seen),))
                assert process.wait() == 1
        found = look(database)
        assert found.done == [1]
        assert (found.version, found.dirty) == ((1, False) if text in (self.PLAIN, self.OWN) else (2, True))
        assert process.said.splitlines()[1].startswith("error: migration failed in line 0: ")
        if found.dirty:
            obey(database_url, folder, database, process.said)
        finish(database_url, folder, database, 3)

    def test_the_first_file(self, database_url: str, database: psycopg.Connection[Any], tmp_path: Path) -> None:
        folder = write_files(tmp_path / "m", {1: "BEGIN;" + GATE + RAN.format(1) + "COMMIT; SELECT 1;"})
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
        folder = write_files(tmp_path / "m", {1: RAN.format(1)}, {1: f"BEGIN;{undo}{GATE}COMMIT; SELECT 1;"})
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
                seen_at_work(database, process, round(choose.random() * MOST_STATEMENTS))
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
