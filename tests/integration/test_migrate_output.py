"""What a run of the command prints: its lines, -verbose, -json, and never a password."""

import io
import json
from typing import Any

import pytest
from migrations import Migrate, Ran

from codeactions.migrate.main import main

SECRET = "hunter2"


def events(ran: Ran) -> list[dict[str, Any]]:
    """The lines of -json, which are all there is."""
    assert ran.err == ""
    assert ran.out.endswith("\n")
    return [json.loads(line) for line in ran.out.splitlines()]


class TestLines:
    def test_each_command_says_what_gos_says(self, migrate: Migrate) -> None:
        migrate.write(_1="CREATE TABLE a (i int);", _1_down="DROP TABLE a;")
        migrate.write(_2="CREATE TABLE b (i int);", _2_down="DROP TABLE b;")
        for words, code, said in [
            (["version"], 1, "error: no migration\n"),
            (["down", "1"], 1, "error: file does not exist\n"),
            (["down", "-all"], 0, "no change\n"),
            (["up", "0"], 0, "no change\n"),
            (["up", "1"], 0, "1/u step (T)\n"),
            (["version"], 0, "1\n"),
            (["up", "5"], 1, "2/u step (T)\nerror: limit 4 short\n"),
            (["up"], 0, "no change\n"),
            (["up", "1"], 1, "error: file does not exist\n"),
            (["goto", "1"], 0, "2/d step (T)\n"),
            (["goto", "1"], 0, "no change\n"),
            (["goto", "2"], 0, "2/u step (T)\n"),
            (["down", "5"], 1, "2/d step (T)\n1/d step (T)\nerror: limit 3 short\n"),
        ]:
            assert migrate(*words) == (code, said, ""), words

    def test_database_and_folder_may_come_from_elsewhere(
        self, migrate: Migrate, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        migrate.write(_1="SELECT 1;")
        monkeypatch.setenv("DATABASE_URL", migrate.url)
        assert main(["-source", f"file://{migrate.directory}", "up"]) == 0
        assert capsys.readouterr().err.startswith("1/u step (")
        # Without a folder there is an error, as in Go, and not another folder.
        assert main(["up"]) == 1
        assert capsys.readouterr().err == "error: failed to parse scheme from source URL: URL cannot be empty\n"

    def test_notices_of_the_server_are_not_printed(self, migrate: Migrate, capfd: pytest.CaptureFixture[str]) -> None:
        # libpq's own way is to write them to the process's standard error, past Python's.
        migrate.write(_1="DROP TABLE IF EXISTS nothing; DO $$ BEGIN RAISE WARNING 'look'; END $$;")
        assert migrate("up") == (0, "1/u step (T)\n", "")
        assert capfd.readouterr() == ("", "")

    def test_a_file_name_that_is_no_utf_8(self, migrate: Migrate) -> None:
        (migrate.directory / b"1_caf\xe9.up.sql".decode(errors="surrogateescape")).write_text("SELECT 1;")
        assert migrate("up") == (0, "1/u caf\\xe9 (T)\n", "")
        assert migrate.rows() == [(1, False)]
        assert migrate.history("title") == [("caf\\xe9",)]
        assert migrate("status").out.splitlines()[1].endswith(" caf\\xe9")

    def test_an_answer_that_is_no_utf_8_is_a_no(self, migrate: Migrate, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\xff\n"), encoding="utf-8"))
        ran = migrate("drop")
        assert (ran.code, ran.err.splitlines()[1:]) == (1, ["Aborted dropping the entire database schema"])

    def test_a_file_name_beyond_ascii(self, migrate: Migrate) -> None:
        (migrate.directory / "1_naïve ' \\ 文.up.sql").write_text("SELECT 1;")
        assert migrate("up") == (0, "1/u naïve ' \\ 文 (T)\n", "")
        assert migrate.history("title") == [("naïve ' \\ 文",)]


class TestVerbose:
    def test_the_lines_in_their_order(self, migrate: Migrate) -> None:
        migrate.write(_1="SELECT 1;", _2_down="SELECT 1;", _3="SELECT 3;")
        assert migrate("-verbose", "up").err.splitlines() == [
            "@ Start buffering 1/u step",
            "@ Scheduled 2/u <empty>",
            "@ Start buffering 3/u step",
            "@ Read and execute 1/u step",
            "@ Finished 1/u step (read T, ran T)",
            "@ Finished 2/u <empty> (read T, ran T)",
            "@ Read and execute 3/u step",
            "@ Finished 3/u step (read T, ran T)",
            "@ Finished after T",
            "@ Closing source and database",
        ]

    def test_prefetch_only_shifts_them(self, migrate: Migrate) -> None:
        """golang-migrate announces a file before it waits for room among those that it reads ahead."""
        migrate.write(_1="SELECT 1;", _2="SELECT 2;", _3="SELECT 3;")
        assert migrate("-verbose", "-prefetch", "0", "up").err.splitlines()[:6] == [
            "@ Scheduled 1/u step",
            "@ Scheduled 2/u step",
            "@ Read and execute 1/u step",
            "@ Finished 1/u step (read T, ran T)",
            "@ Scheduled 3/u step",
            "@ Read and execute 2/u step",
        ]
        migrate("down", "-all")
        migrate("drop", "-f")
        assert migrate("-verbose", "-prefetch", "1", "up").err.splitlines()[:4] == [
            *(f"@ Start buffering {number}/u step" for number in (1, 2, 3)),
            "@ Read and execute 1/u step",
        ]

    def test_an_error_has_a_time_too_and_nothing_after_it(self, migrate: Migrate) -> None:
        migrate.write(_1="SELECT 1/0;")
        assert migrate("-verbose", "up").err.splitlines() == [
            "@ Start buffering 1/u step",
            "@ Read and execute 1/u step",
            "@ error: migration failed: division by zero in line 0: SELECT 1/0; (details: pq: division by zero)",
        ]

    def test_version_ends_without_a_duration(self, migrate: Migrate) -> None:
        migrate.write(_1="SELECT 1;")
        migrate("up")
        assert migrate("-verbose", "version").err == "@ 1\n@ Closing source and database\n"


class TestJson:
    def test_a_run_up_and_down(self, migrate: Migrate) -> None:
        migrate.write(_1="SELECT 1;", _2_down="SELECT 2;")
        one, two = events(migrate("-json", "up"))
        assert one.pop("duration_ms") > 0
        assert one == {"event": "applied", "version": 1, "title": "step", "recorded": 1}
        assert (two["event"], two["title"]) == ("applied", None)
        *undone, warning = events(migrate("down", "-json", "-all"))
        assert [(event["event"], event["version"], event["recorded"]) for event in undone] == [
            ("undone", 2, 1),
            ("undone", 1, None),
        ]
        assert warning == {"event": "warning", "message": "nothing was undone: 1 (step) has no down file"}

    def test_short_answers(self, migrate: Migrate, monkeypatch: pytest.MonkeyPatch) -> None:
        migrate.write(_1="SELECT 1;")
        assert events(migrate("-json", "up", "0")) == [{"event": "no_change"}]
        assert events(migrate("-json", "version")) == [
            {"event": "error", "code": "not_found", "message": "no migration"}
        ]
        migrate("up")
        assert events(migrate("version", "-json")) == [{"event": "version", "version": 1, "dirty": False}]
        assert events(migrate("-json", "-verbose", "up")) == [{"event": "no_change"}]
        monkeypatch.setattr("sys.stdin", None)
        assert events(migrate("-json", "down")) == [
            {"event": "question", "question": "Are you sure you want to apply all down migrations?"},
            {"event": "answer", "answer": False},
        ]

    def test_a_failure_and_its_way_out(self, migrate: Migrate) -> None:
        migrate.write(_1="SELECT 1;", _2="VACUUM nowhere;")
        applied, error = events(migrate("-json", "up"))
        assert applied["event"] == "applied"
        assert (error["event"], error["code"]) == ("error", "internal")
        assert error["message"].startswith('migration 2/u step failed: relation "nowhere" does not exist')
        assert "`migrate force 1`" in error["hint"]
        (dirty,) = events(migrate("-json", "up"))
        assert (dirty["event"], dirty["code"]) == ("error", "conflict")
        assert dirty["hint"].startswith("The database is dirty at version 2")

    def test_warnings_and_what_cannot_be_opened(self, migrate: Migrate) -> None:
        migrate.write(_3="SELECT 1;")
        migrate("up")
        migrate.write(_1="SELECT 1;")
        warning, nothing = events(migrate("-json", "up"))
        assert (warning["event"], nothing) == ("warning", {"event": "no_change"})
        assert "1 (step)" in warning["message"]
        (refused,) = events(migrate("-json", "up", url="postgres://u:hunter2@127.0.0.1:1/d"))
        assert (refused["event"], refused["code"]) == ("error", "internal")
        (refused,) = events(migrate("-json", "up", url="mysql://h/d"))
        assert refused["code"] == "invalid"


class TestPasswords:
    """No output holds one, whatever fails."""

    @pytest.mark.parametrize(
        "text",
        [
            f"CREATE ROLE test_x PASSWORD '{SECRET}'; SELECT 1/0;",
            f"CREATE ROLE test_x PASSWORD '{SECRET}' NO SUCH OPTION;",
            f"CREATE USER MAPPING FOR x SERVER y OPTIONS (password '{SECRET}');",
            f"SELECT 'postgres://u:{SECRET}@h/d'; SELECT 1/0;",
            f"SELECT 'postgres://u:{SECRET}@h/d'::int;",
            f"SELECT 'host=h password={SECRET}'::int;",
            "DO $$ BEGIN RAISE EXCEPTION 'no' USING "
            f"DETAIL = 'password={SECRET} host=h', HINT = 'postgres://u:{SECRET}@h'; END $$;",
            f"BEGIN; ALTER ROLE nobody PASSWORD '{SECRET}'; COMMIT;",
            f"CREATE ROLE test_x PASSWORD '{SECRET}';\0",
        ],
    )
    def test_in_a_files_text(self, migrate: Migrate, text: str) -> None:
        migrate.write(_1=text)
        for flag, scheme in (("-verbose", "postgres"), ("-verbose=false", "pgx5"), ("-json", "pgx4")):
            ran = migrate(flag, "up", scheme=scheme)
            assert ran.code == 1
            assert "error" in ran.err + ran.out
            assert SECRET not in ran.err + ran.out
            migrate("force", "-1")

    def test_in_a_piece_and_in_the_query_of_who_holds_the_lock(self, migrate: Migrate) -> None:
        migrate.write(_1=f"SELECT 1; CREATE ROLE postgres PASSWORD '{SECRET}';")
        ran = migrate("up", options="x-multi-statement=true")
        assert 'role "postgres" already exists' in ran.err
        assert SECRET not in ran.err
        migrate("force", "-1")
        migrate.query(f"SELECT pg_advisory_lock({migrate.lock_number()}), 'password={SECRET} host=h'")
        ran = migrate("-lock-timeout", "0", "up")
        assert "last: SELECT pg_advisory_lock" in ran.err
        assert SECRET not in ran.err
