"""A file and its version are one transaction: whatever a file does or fails to do, on a real PostgreSQL."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
from migrations import Migrate, background, pid_running

from codeactions.migrate.errors import ErrorCode, MigrationError

# A run of the command in a process of its own, which then tells how much memory it has needed, in KiB.
MEASURED = """
import resource, sys
from codeactions.migrate.main import main
code = main(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
sys.exit(code)
"""


class TestFailure:
    """Nothing of a failing file stays, and the version before it is clean."""

    def test_a_failing_file_leaves_the_clean_version_before_it(self, migrate: Migrate) -> None:
        migrate.write(_1="CREATE TABLE a (i int);", _2="CREATE TABLE b (i int);\nCREATE TABEL c;\n")
        assert migrate("up") == (
            1,
            '1/u step (T)\nerror: migration failed: syntax error at or near "TABEL" (column 8) in line 2: '
            'CREATE TABLE b (i int);\nCREATE TABEL c;\n (details: pq: syntax error at or near "TABEL")\n',
            "",
        )
        assert migrate.rows() == [(1, False)]
        assert "a" in migrate.relations()
        assert "b" not in migrate.relations()
        migrate.write(_2="CREATE TABLE b (i int);")
        assert migrate("up") == (0, "2/u step (T)\n", "")

    def test_to_the_server_it_says_so_in_one_line(self, migrate: Migrate) -> None:
        migrate.write(_1="CREATE TABLE a (i int);", _2="CREATE TABLE b (i int);\nCREATE TABEL c;\n")
        lines: list[str] = []
        with pytest.raises(MigrationError) as caught:
            migrate.upgrade(progress=lines.append)
        assert [line.split()[0] for line in lines] == ["1/u"]
        assert caught.value.code is ErrorCode.INTERNAL
        assert caught.value.message == (
            'migration 2/u step failed: syntax error at or near "TABEL" in line 2, column 8 (SQLSTATE 42601); nothing '
            "of it was kept, the database is at version 1 and clean; mend the cause, then run `codeactions migrate up`"
        )

    def test_a_failing_down_leaves_the_version_that_it_was_to_undo(self, migrate: Migrate) -> None:
        migrate.write(_1="SELECT 1;", _2="CREATE TABLE b (i int);", _2_down="DROP TABLE b; SELECT 1/0;")
        migrate("up")
        assert migrate("down", "1").code == 1
        assert migrate.rows() == [(2, False)]
        assert "b" in migrate.relations()

    def test_one_that_fails_only_when_it_commits(self, migrate: Migrate) -> None:
        table = "CREATE TABLE a (i int UNIQUE, j int REFERENCES a (i) DEFERRABLE INITIALLY DEFERRED);"
        migrate.write(_1=table + "INSERT INTO a VALUES (1, 2);")
        ran = migrate("up")
        assert ran.code == 1
        assert "error: migration failed: insert or update on table" in ran.err
        assert "Key (j)=(2) is not present" in ran.err
        assert migrate.rows() == []
        assert "a" not in migrate.relations()
        migrate.write(_1=table + "INSERT INTO a VALUES (1, 1);")
        assert migrate("up").code == 0

    def test_with_a_nul_byte_nothing_is_sent(self, migrate: Migrate) -> None:
        # libpq would run what is before the NUL and call it a success.
        migrate.write(_1="CREATE TABLE a (i int);\0CREATE TABLE b (i int);")
        ran = migrate("up")
        assert ran.code == 1
        assert ran.err.startswith("error: migration failed: invalid message format in line 0: CREATE TABLE a")
        assert "a" not in migrate.relations()
        assert migrate.rows() == []

    def test_what_is_no_utf_8_is_refused_and_shown_escaped(self, migrate: Migrate) -> None:
        migrate.write(_1=b"CREATE TABLE a (i int); SELECT '\xff';")
        ran = migrate("up")
        assert (ran.code, migrate.rows()) == (1, [])
        assert "invalid byte sequence" in ran.err
        assert r"SELECT '\xff'" in ran.err

    def test_a_backend_that_is_killed(self, migrate: Migrate) -> None:
        migrate.write(_1="SELECT 1;", _2="CREATE TABLE b (i int); SELECT pg_sleep(60);")
        with background(lambda: migrate("up")) as result:
            migrate.query("SELECT pg_terminate_backend(%s)", pid_running(migrate.database, "pg_sleep"))
            ran = result.result(30)
        assert ran.code == 1
        assert "(details: driver: bad connection)" in ran.err
        assert migrate.rows() == [(1, False)]
        assert "b" not in migrate.relations()
        # Nor is the lock left behind.
        migrate.write(_2="CREATE TABLE b (i int);")
        assert migrate("-lock-timeout", "5", "up") == (0, "2/u step (T)\n", "")

    def test_one_that_ends_its_own_backend(self, migrate: Migrate) -> None:
        migrate.write(_1="CREATE TABLE a (i int); SELECT pg_terminate_backend(pg_backend_pid());")
        with pytest.raises(MigrationError, match="the connection was lost: look with `codeactions migrate status`"):
            migrate.upgrade()
        assert migrate.rows() == []

    def test_one_whose_statement_is_cancelled(self, migrate: Migrate) -> None:
        migrate.write(_1="CREATE TABLE a (i int); SELECT pg_sleep(60);")
        with background(lambda: migrate("up")) as result:
            migrate.query("SELECT pg_cancel_backend(%s)", pid_running(migrate.database, "pg_sleep"))
            assert "canceling statement due to user request" in result.result(30).err
        assert migrate.rows() == []
        assert "a" not in migrate.relations()

    def test_a_file_that_cannot_be_read_is_no_success(self, migrate: Migrate) -> None:
        # golang-migrate records it as done.
        migrate.write(_1="SELECT 1;")
        (migrate.directory / "2_gone.up.sql").symlink_to(migrate.directory / "nowhere")
        assert migrate("up") == (
            1,
            "1/u step (T)\nerror: cannot read the migration 2_gone.up.sql: No such file or directory\n",
            "",
        )
        assert migrate.rows() == [(1, False)]


class TestBookkeeping:
    """What a file does to the session or to the tables of `migrate` itself."""

    def test_a_file_that_drops_the_version_table_is_undone(self, migrate: Migrate) -> None:
        migrate.write(_1="SELECT 1;", _2="CREATE TABLE b (i int); DROP TABLE schema_migrations;")
        ran = migrate("up")
        assert ran.code == 1
        assert 'relation "public.schema_migrations" does not exist' in ran.err
        assert migrate.rows() == [(1, False)]
        assert "b" not in migrate.relations()

    def test_so_is_one_that_drops_the_history(self, migrate: Migrate) -> None:
        migrate.write(_1="SELECT 1;", _2="CREATE TABLE b (i int); DROP TABLE schema_migrations_history;")
        assert migrate("up").code == 1
        assert migrate.rows() == [(1, False)]
        assert migrate.history("version") == [(1,)]
        assert "b" not in migrate.relations()

    def test_no_setting_of_a_file_reaches_the_bookkeeping(self, migrate: Migrate) -> None:
        migrate.write(
            _1="SET search_path = '';",
            _2="SET extra_float_digits = -15; SET DateStyle = 'SQL, DMY'; SET TimeZone = 'Asia/Tokyo';",
            _3="SELECT pg_advisory_unlock_all();",
            _4="SET standard_conforming_strings = off; SET client_min_messages = error;",
            _5="SELECT 1;",
        )
        assert migrate("up").code == 0
        assert migrate.rows() == [(5, False)]
        assert migrate.history("version") == [(1,), (2,), (3,), (4,), (5,)]
        # All within this test's last minute, whatever time zone and form of dates the files ask for.
        now = "SELECT bool_and(begun_at BETWEEN now() - interval '1 minute' AND now()) FROM schema_migrations_history"
        assert migrate.query(now) == [(True,)]

    def test_session_settings_that_keep_others_from_writing(self, migrate: Migrate) -> None:
        migrate.write(
            _1="SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY;",
            _2="SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE; CREATE TABLE b (i int);",
        )
        assert migrate("up").code == 0
        assert migrate.rows() == [(2, False)]

    @pytest.mark.parametrize(
        "text",
        [
            "SET LOCAL ROLE test_reader; SELECT 1;",
            "SET TRANSACTION READ ONLY; SELECT 1;",
            "SELECT 1; SET TRANSACTION READ ONLY;",
            # Refused behind another statement, and ours stand before the file.
            "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; SELECT 1;",
            "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY, DEFERRABLE; SELECT 1;",
        ],
    )
    def test_settings_of_the_transaction(self, migrate: Migrate, text: str) -> None:
        migrate.query("CREATE ROLE test_reader")
        migrate.write(_1=text, _2="CREATE TABLE b (i int);")
        assert migrate("up") == (0, "1/u step (T)\n2/u step (T)\n", "")
        assert migrate.rows() == [(2, False)]
        assert migrate.history("version, done") == [(1, True), (2, True)]

    def test_a_transaction_read_only_by_itself_writes_nothing_else(self, migrate: Migrate) -> None:
        migrate.write(_1="SET TRANSACTION READ ONLY; CREATE TABLE a (i int);")
        ran = migrate("up")
        assert ran.code == 1
        assert "cannot execute CREATE TABLE in a read-only transaction" in ran.err
        assert migrate.rows() == []

    def test_with_default_transaction_read_only_only_the_version_can_be_written(self, migrate: Migrate) -> None:
        # As with golang-migrate, which then leaves the version dirty.
        migrate.write(_1="SELECT 1;", _2="CREATE TABLE b (i int);")
        migrate.query("CREATE TABLE schema_migrations (version bigint not null primary key, dirty boolean not null)")
        ran = migrate("up", options="default_transaction_read_only=on")
        assert ran.code == 1
        assert ran.err.startswith("1/u step (T)\nerror: migration failed: cannot execute CREATE TABLE in a read-only")
        assert migrate.history() == [(1, "up", 1), (2, "up", 2)]
        assert migrate.rows() == [(2, True)]
        assert "transactions are read-only here" in ran.err


class TestText:
    """What is in a file is sent as it is."""

    @pytest.mark.parametrize(
        "text",
        ["", " \n\t", ";", "-- only a comment", "/* one */ ; ;", "SELECT '%s', '$1', '\\d', E'\\n';\r\n", "SELECT 1"],
    )
    def test_texts_that_are_fine(self, migrate: Migrate, text: str) -> None:
        migrate.write(_1=text)
        assert migrate("up") == (0, "1/u step (T)\n", "")
        assert migrate.history("version, checksum") == [(1, hashlib.sha256(text.encode()).hexdigest())]

    def test_blanks_beyond_ascii_are_nothing_to_send_either(self, migrate: Migrate) -> None:
        migrate.write(_1="\u2003\u00a0\n")
        assert migrate("up").code == 0

    def test_a_missing_half_moves_the_version_all_the_same(self, migrate: Migrate) -> None:
        migrate.write(_1_down="CREATE TABLE undone (i int);", _2="SELECT 1;")
        assert migrate("up") == (0, "1/u <empty> (T)\n2/u step (T)\n", "")
        warning = "warning: nothing was undone: 2 (step) has no down file\n"
        assert migrate("down", "2") == (0, f"2/d <empty> (T)\n{warning}1/d step (T)\n", "")
        assert migrate.rows() == []
        assert "undone" in migrate.relations()

    def test_copy_to_stdout_and_large_results_are_dropped(self, migrate: Migrate) -> None:
        migrate.write(
            _1="COPY (SELECT generate_series(1, 100000)) TO STDOUT; CREATE TABLE a (i int);",
            _2="SELECT repeat('x', 10000000); SELECT 1; COPY a TO STDOUT;",
        )
        assert migrate("up") == (0, "1/u step (T)\n2/u step (T)\n", "")
        assert migrate.rows() == [(2, False)]
        assert "a" in migrate.relations()

    @pytest.mark.parametrize("nothing", ["", " \n\t", "\ufeff", "\ufeff \n"])
    def test_a_down_file_with_nothing_in_it_is_told_before_and_after(self, migrate: Migrate, nothing: str) -> None:
        migrate.write(_1="SELECT 1;", _1_down=nothing)
        migrate("up")
        warning = "warning: nothing was undone: 1 (step) has an empty down file\n"
        assert migrate("down", "-dry-run", "1").err == warning
        assert migrate("down", "1") == (0, f"1/d step (T)\n{warning}", "")

    def test_a_down_file_that_says_why_it_does_nothing_is_meant(self, migrate: Migrate) -> None:
        migrate.write(_1="SELECT 1;", _1_down="-- data cannot come back")
        migrate("up")
        assert migrate("down", "1") == (0, "1/d step (T)\n", "")

    def test_a_million_rows_are_not_kept_in_memory(self, migrate: Migrate, tmp_path: Path) -> None:
        def needed(version: int) -> int:
            words = ["-path", str(migrate.directory), "-database", migrate.url, "goto", str(version)]
            done = subprocess.run([sys.executable, "-c", MEASURED, *words], capture_output=True, text=True, check=True)
            return int(done.stdout)

        # 50 MB of values and as much again for what is around them.
        migrate.write(_1="SELECT 1;", _2="SELECT repeat('x', 50) FROM generate_series(1, 1000000);")
        assert needed(2) - needed(1) < 10 * 1024
        assert migrate.rows() == [(1, False)]
