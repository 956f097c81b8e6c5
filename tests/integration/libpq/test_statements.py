"""Statements by PostgreSQL's client library, by ctypes, on a real server: results, errors, cancelling, escaping."""

import signal

import pytest
from migrations import Connection as Psycopg
from migrations import background, wait_for

from codeactions.migrate.database.connection import Connection
from codeactions.migrate.database.errors import (
    QUERY_CANCELED,
    ServerError,
)
from codeactions.migrate.database.libpq import TransactionStatus

HOSTILE = [
    "",
    "'",
    "''",
    '"',
    "\\",
    "\\'; DROP TABLE x; --",
    "$$",
    "E'\\n'",
    "%s %d $1 :x",
    "a\nb\tc\r",
    "naïve 文 \U0001f600",
    "x" * 100_000,
]


class TestRun:
    def test_rows_are_text_and_null_is_none(self, connection: Connection) -> None:
        rows = connection.execute(
            "SELECT 1, true, NULL, '', 'ä', ARRAY[1, 2] UNION ALL SELECT 2, false, 'x', NULL, '', NULL"
        )
        assert rows == [("1", "t", None, "", "ä", "{1,2}"), ("2", "f", "x", None, "", None)]

    def test_of_many_statements_the_last_one_that_selects_counts(self, connection: Connection) -> None:
        assert connection.execute("SELECT 1; SELECT 2; CREATE TABLE a (i int)") == [("2",)]
        assert connection.execute("SELECT 1; SELECT 2 WHERE false") == []
        assert connection.execute("INSERT INTO a VALUES (7), (8) RETURNING i") == [("7",), ("8",)]

    @pytest.mark.parametrize("text", ["", " ", ";", "-- nothing", "CREATE TABLE a (i int)"])
    def test_nothing_selected(self, connection: Connection, text: str) -> None:
        assert connection.execute(text) == []

    def test_bytes_that_are_no_text_are_replaced(self, connection: Connection) -> None:
        connection.execute("SET client_encoding = LATIN1")
        assert connection.execute("SELECT chr(228)") == [("\ufffd",)]

    def test_texts_and_results_larger_than_any_buffer(self, connection: Connection) -> None:
        # Both sides have to write before either has read all.
        text = "x" * 5_000_000
        assert connection.execute(f"SELECT '{text}'; SELECT '{text}'") == [(text,)]

    def test_a_notification_in_between_is_nothing(self, connection: Connection, database: Psycopg) -> None:
        connection.execute("LISTEN something")
        database.execute("NOTIFY something, 'x'")
        assert connection.execute("SELECT 1; NOTIFY something; SELECT 2") == [("2",)]

    def test_notices_are_not_printed(self, connection: Connection, capfd: pytest.CaptureFixture[str]) -> None:
        connection.execute("DROP TABLE IF EXISTS nothing; DO $$ BEGIN RAISE WARNING 'look'; END $$")
        assert capfd.readouterr() == ("", "")


class TestRunFile:
    def test_it_runs_all_of_it(self, connection: Connection) -> None:
        connection.execute_script(
            b"CREATE TABLE a (i int); INSERT INTO a VALUES (1); SELECT * FROM a; INSERT INTO a VALUES (2)"
        )
        assert connection.execute("SELECT i FROM a ORDER BY i") == [("1",), ("2",)]

    def test_it_is_one_transaction(self, connection: Connection) -> None:
        with pytest.raises(ServerError):
            connection.execute_script(b"CREATE TABLE a (i int); SELECT 1/0")
        assert connection.execute("SELECT to_regclass('a')") == [(None,)]

    def test_copy_to_stdout_is_dropped_and_what_follows_it_is_not(self, connection: Connection) -> None:
        connection.execute_script(
            b"COPY (SELECT generate_series(1, 10000)) TO STDOUT; COPY (SELECT 1) TO STDOUT;"
            b"CREATE TABLE a (i int); SELECT 1"
        )
        assert connection.execute("SELECT to_regclass('a')") == [("a",)]

    def test_copy_from_stdin_is_refused_and_the_session_goes_on(self, connection: Connection) -> None:
        connection.execute("CREATE TABLE a (i int)")
        with pytest.raises(ServerError, match="COPY FROM STDIN has nothing to read in a migration") as caught:
            connection.execute_script(b"COPY a FROM STDIN; SELECT 1")
        assert caught.value.sqlstate == "57014"
        assert connection.execute("SELECT count(*) FROM a") == [("0",)]

    def test_rows_that_the_library_does_not_take_are_not_passed_over(
        self, connection: Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        connection.execute("CREATE TABLE a (i int)")
        # Its answer where it finds no memory for them.
        monkeypatch.setattr(connection._libpq, "PQputCopyData", lambda *_: 0)
        with pytest.raises(ServerError):
            connection.execute_script(b"COPY a FROM STDIN;", data=b"1\n")

    def test_an_error_in_the_middle_of_rows(self, connection: Connection) -> None:
        with pytest.raises(ServerError, match="division by zero"):
            connection.execute_script(b"SELECT 1000 / (1000 - i) FROM generate_series(1, 2000) i")
        assert connection.execute("SELECT 1") == [("1",)]

    def test_after_the_time_out_the_session_goes_on(self, connection: Connection) -> None:
        connection.execute("BEGIN")
        with pytest.raises(ServerError) as caught:
            connection.execute_script(b"SELECT pg_sleep(600)", 0.1)
        assert caught.value.sqlstate == "57014"
        assert connection.status is TransactionStatus.IN_ERROR
        connection.execute("ROLLBACK")
        assert connection.execute("SELECT 1") == [("1",)]

    def test_a_time_out_that_does_not_come(self, connection: Connection) -> None:
        connection.execute_script(b"SELECT pg_sleep(0.01)", 600)
        assert connection.status is TransactionStatus.IDLE


class TestErrors:
    def test_what_the_server_says(self, connection: Connection) -> None:
        text = "DO $$ BEGIN RAISE 'what' USING ERRCODE = 'AB123', DETAIL = 'which', HINT = 'how'; END $$"
        with pytest.raises(ServerError) as caught:
            connection.execute(text)
        error = caught.value
        assert (error.sqlstate, error.message, error.detail, error.hint) == ("AB123", "what", "which", "how")
        assert (error.position, error.query, str(error)) == (0, text, "what")

    def test_the_position_is_in_characters(self, connection: Connection) -> None:
        with pytest.raises(ServerError) as caught:
            connection.execute_script("SELECT 'äöü', nowhere".encode())
        assert (caught.value.position, caught.value.query) == (15, "")

    def test_the_first_error_counts(self, connection: Connection) -> None:
        with pytest.raises(ServerError, match="division by zero"):
            connection.execute("SELECT 1/0; SELECT nowhere")

    def test_the_session_goes_on(self, connection: Connection) -> None:
        for _ in range(3):
            with pytest.raises(ServerError):
                connection.execute("SELECT 1/0")
        assert connection.execute("SELECT 1") == [("1",)]

    def test_the_transactions_status(self, connection: Connection) -> None:
        seen = [connection.status]
        for text in ("BEGIN", "SELECT 1/0", "ROLLBACK", "BEGIN", "COMMIT"):
            try:
                connection.execute(text)
            except ServerError:
                assert text == "SELECT 1/0"
            seen.append(connection.status)
        idle, within, failed = TransactionStatus.IDLE, TransactionStatus.IN_TRANSACTION, TransactionStatus.IN_ERROR
        assert seen == [idle, within, failed, idle, within, idle]


class TestCancel:
    def test_from_another_thread(self, connection: Connection, database: Psycopg) -> None:
        with background(lambda: connection.execute("SELECT pg_sleep(600)")) as result:
            query = "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND query LIKE '%%pg_sleep%%' AND state = 'active'"
            wait_for(lambda: database.execute(query, (connection.pid,)).fetchone())
            connection.cancel()
            with pytest.raises(ServerError, match="canceling statement due to user request"):
                result.result(30)
        assert connection.execute("SELECT 1") == [("1",)]

    def test_from_a_signal_handler_while_the_statement_is_waited_for(self, connection: Connection) -> None:
        """A second Ctrl-C has to get through."""
        before = signal.signal(signal.SIGALRM, lambda *_: connection.cancel())
        try:
            # Again and again, in case that the first comes before the statement has begun.
            signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
            with pytest.raises(ServerError, match="canceling statement due to user request"):
                connection.execute_script(b"SELECT pg_sleep(600)")
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

    def test_from_a_signal_handler_in_the_middle_of_a_copy(self, connection: Connection) -> None:
        # The first row is more than the server holds back, so it is here while the second one is waited for.
        rows = "SELECT repeat('x', 20000), CASE i WHEN 2 THEN pg_sleep(1.5) END FROM generate_series(1, 2) i"
        before = signal.signal(signal.SIGALRM, lambda *_: connection.cancel())
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.5, 0.1)
            with pytest.raises(ServerError, match="canceling statement due to user request"):
                connection.execute_script(f"COPY ({rows}) TO STDOUT".encode())
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

    def test_a_file_that_comes_right_after_it_is_refused_and_nothing_else(self, connection: Connection) -> None:
        """It may be a moment too early: between two statements of a file that is sent in pieces, for instance."""
        connection.cancel()
        with pytest.raises(ServerError, match="canceling statement due to user request") as caught:
            connection.execute_script(b"CREATE TABLE a (i int)")
        assert caught.value.sqlstate == QUERY_CANCELED
        assert connection.execute("SELECT to_regclass('a')") == [(None,)]

    def test_where_nothing_runs_it_is_nothing(self, connection: Connection) -> None:
        connection.cancel()
        connection.close()
        connection.cancel()


class TestEscaping:
    @pytest.mark.parametrize("value", HOSTILE)
    @pytest.mark.parametrize("standard", ["on", "off"])
    def test_a_literal_is_what_it_was(self, connection: Connection, value: str, standard: str) -> None:
        connection.execute(f"SET standard_conforming_strings = {standard}")
        assert connection.execute(f"SELECT {connection.literal(value)}") == [(value,)]

    def test_none_is_null(self, connection: Connection) -> None:
        assert connection.execute(f"SELECT {connection.literal(None)}") == [(None,)]

    @pytest.mark.parametrize("name", [name[:63] for name in HOSTILE if name])
    def test_a_name_is_what_it_was(self, connection: Connection, name: str) -> None:
        connection.execute(f"CREATE SCHEMA app; CREATE TABLE {connection.identifier('app', name)} (i int)")
        tables = "SELECT relname FROM pg_class WHERE relnamespace = 'app'::regnamespace AND relkind = 'r'"
        assert connection.execute(tables) == [(name,)]

    def test_names_are_joined_by_dots(self, connection: Connection) -> None:
        assert connection.identifier("a.b", 'c"d', "E") == '"a.b"."c""d"."E"'
