"""Connections of PostgreSQL's client library, by ctypes, to a real server: how they are made and lost."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest
from migrations import Connection as Psycopg
from migrations import background, wait_for

from codeactions.migrate.database import address, connect, libpq
from codeactions.migrate.database.connection import Connection
from codeactions.migrate.database.errors import (
    ConnectFailed,
    ConnectionLost,
)
from codeactions.migrate.database.libpq import TransactionStatus
from codeactions.migrate.errors import MigrationError


def is_there(database: Psycopg, pid: int) -> bool:
    return database.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", (pid,)).fetchone() is not None


class TestConnecting:
    def test_the_pid_is_the_servers(self, connection: Connection) -> None:
        assert connection.execute("SELECT pg_backend_pid()") == [(str(connection.pid),)]

    def test_it_ends_with_the_block(self, url: str, database: Psycopg) -> None:
        with connect.connect(address.parse(url)) as connection:
            pid = connection.pid
            assert is_there(database, pid)
        wait_for(lambda: not is_there(database, pid))
        assert connection.closed
        connection.close()
        assert connection.status is TransactionStatus.UNKNOWN
        with pytest.raises(ConnectionLost, match="the connection is closed"):
            connection.execute("SELECT 1")

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"dbname": "nowhere"}, 'database "nowhere" does not exist'),
            ({"user": "nobody at all"}, 'role "nobody at all" does not exist'),
            ({"host": "/nowhere"}, "No such file or directory"),
            ({"host": "127.0.0.1", "port": "1"}, "Connection refused"),
            ({"host": "127.0.0.1", "port": "1,x"}, "could not match"),
            ({"no_such_keyword": "x"}, 'invalid connection option "no_such_keyword"'),
        ],
    )
    def test_a_failure_says_why(self, url: str, changes: dict[str, str], said: str) -> None:
        with pytest.raises(ConnectFailed, match=said):
            Connection(address.parse(url).parameters | changes)

    def test_neither_success_nor_failure_leaves_a_file_open(self, url: str) -> None:
        parameters = address.parse(url).parameters
        Connection(parameters).close()
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(5):
            Connection(parameters).close()
            with pytest.raises(ConnectFailed):
                Connection(parameters | {"dbname": "nowhere"})
        assert len(os.listdir("/proc/self/fd")) == before

    def test_two_at_once_are_two(self, url: str) -> None:
        with connect.connect(address.parse(url)) as one, connect.connect(address.parse(url)) as other:
            assert one.pid != other.pid
            one.execute("CREATE TEMPORARY TABLE a (i int)")
            assert other.execute("SELECT to_regclass('a')") == [(None,)]

    def test_in_threads_of_their_own(self, url: str) -> None:
        def work(number: int) -> set[str | None]:
            with connect.connect(address.parse(url)) as connection:
                return {connection.execute(f"SELECT {number}")[0][0] for _ in range(20)}

        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(work, range(4))) == [{"0"}, {"1"}, {"2"}, {"3"}]


class TestLost:
    def test_while_idle(self, connection: Connection, database: Psycopg) -> None:
        pid = connection.pid
        database.execute("SELECT pg_terminate_backend(%s)", (pid,))
        wait_for(lambda: not is_there(database, pid))
        with pytest.raises(ConnectionLost):
            connection.execute("SELECT 1")
        assert connection.closed
        assert connection.status is TransactionStatus.UNKNOWN
        with pytest.raises(ConnectionLost):
            connection.execute_script(b"SELECT 1")

    def test_in_the_middle_of_a_statement(self, connection: Connection) -> None:
        with pytest.raises(ConnectionLost, match="terminating connection due to administrator command"):
            connection.execute_script(b"SELECT 1; SELECT pg_terminate_backend(pg_backend_pid()); SELECT 2")
        assert connection.closed

    def test_in_the_middle_of_rows(self, connection: Connection, database: Psycopg) -> None:
        rows = b"SELECT repeat('x', 1000) FROM generate_series(1, 100000000)"
        with background(lambda: connection.execute_script(rows)) as result:
            wait_for(
                lambda: database.execute(
                    "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND query LIKE '%%repeat%%'", (connection.pid,)
                ).fetchone()
            )
            database.execute("SELECT pg_terminate_backend(%s)", (connection.pid,))
            with pytest.raises(ConnectionLost):
                result.result(30)

    def test_escaping_goes_on_without_one(self, connection: Connection) -> None:
        with pytest.raises(ConnectionLost):
            connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        assert connection.literal("it's") == "'it''s'"


def test_it_is_the_wheels_own() -> None:
    """So that both clients of this program speak TLS, SCRAM and the rest alike."""
    first = libpq._candidates()[0]
    assert "psycopg_binary.libs" in first
    assert os.path.exists(first)


@pytest.mark.parametrize("escape", ["%20", "%09", "%0A", "%0D", "%0B", "%0C", "%5C", "%27", "%22"])
def test_a_setting_of_the_url_is_what_it_was(url: str, escape: str) -> None:
    value = bytes.fromhex(escape[1:]).decode()
    with connect.connect(address.parse(f"{url}&app.value=a{escape}-c{escape}app.other=1")) as connection:
        found = connection.execute("SELECT current_setting('app.value'), current_setting('app.other', true)")
    assert found == [(f"a{value}-c{value}app.other=1", None)]


class TestEnvironment:
    """What libpq reads from it counts where the URL says nothing."""

    def test_the_time_to_connect(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("PGCONNECT_TIMEOUT", raising=False)
        assert connect._parameters(address.parse("postgres://h/d"))["connect_timeout"] == connect.CONNECT_TIMEOUT
        monkeypatch.setenv("PGCONNECT_TIMEOUT", "60")
        assert "connect_timeout" not in connect._parameters(address.parse("postgres://h/d"))
        assert connect._parameters(address.parse("postgres://h/d?connect_timeout=5"))["connect_timeout"] == "5"

    @pytest.mark.parametrize("user", ["pwuser", None])
    def test_messages_name_the_user_that_was_meant(self, monkeypatch: pytest.MonkeyPatch, user: str | None) -> None:
        def nobody(uid: int) -> None:
            raise KeyError(f"getpwuid(): uid not found: {uid}")

        monkeypatch.setattr("pwd.getpwuid", nobody)  # as in a container that runs as any number
        for name in ("USER", "LOGNAME", "LNAME", "USERNAME", "PGUSER", "PGDATABASE"):
            monkeypatch.delenv(name, raising=False)
        if user:
            monkeypatch.setenv("PGUSER", user)
        with pytest.raises(MigrationError) as caught:
            connect.connect(address.parse("pgx5://127.0.0.1:1/"))
        named = user or str(os.getuid())
        assert f"failed to connect to `user={named} database={named}`" in str(caught.value.go_text)
