"""Failed migrations: what `migrate` says of the place, of the cause, and of what to do."""

from pathlib import Path

import pytest
from unit.migration_folder import folder

from codeactions.migrate import failures, plan
from codeactions.migrate.database.errors import ConnectionLost, ServerError
from codeactions.migrate.errors import ErrorCode, MigrationError
from codeactions.migrate.files import directory as files
from codeactions.migrate.go_compat.drivers import Driver


class TestFailures:
    @pytest.mark.parametrize(
        ("query", "given", "place"),
        [
            ("SELEC 1", 1, (1, 1)),
            ("--\nCREATE TABEL", 11, (2, 8)),
            ("--\r\nCREATE TABEL", 12, (2, 8)),
            ("-- ä\n\tx", 7, (2, 2)),
            ("SELECT", 7, (0, 0)),
            ("SELECT", 0, (0, 0)),
        ],
    )
    def test_position(self, query: str, given: int, place: tuple[int, int]) -> None:
        assert failures.position(query, given) == place

    @pytest.mark.parametrize(
        ("driver", "details"),
        [(Driver.POSTGRES, "driver: bad connection"), (Driver.PGX5, "unexpected EOF: gone\naway")],
    )
    def test_an_error_that_is_not_the_servers(self, tmp_path: Path, driver: Driver, details: str) -> None:
        step = plan.up(files.read_directory(folder(tmp_path, "4_d.up.sql")), -1)[0]
        error = failures.failed(step, b"SELECT 1;\n", ConnectionLost("gone\naway"), failures.lost(), driver)
        assert error.message == (
            "migration 4/u d failed: gone away; the connection was lost: look with `migrate status`, "
            "then run `migrate up`"
        )
        assert error.go_text == f"migration failed in line 0: SELECT 1;\n (details: {details})"
        assert not error.urgent

    @pytest.mark.parametrize(
        ("driver", "details"),
        [(Driver.POSTGRES, "pq: no such thing"), (Driver.PGX4, "ERROR: no such thing (SQLSTATE 42704)")],
    )
    def test_an_error_of_the_servers(self, tmp_path: Path, driver: Driver, details: str) -> None:
        step = plan.down(files.read_directory(folder(tmp_path, "3_c.up.sql", "4_d.down.sql")), 4)[0]
        refused = ServerError("42704", "no such thing", detail="Not here.", hint="Look\nelsewhere.", position=8)
        outcome = failures.left_dirty(step, 4, why="VACUUM", advice="Do this")
        error = failures.failed(step, b"SELECT x", refused, outcome, driver)
        assert error.go_text == (
            f"migration failed: no such thing (column 8), Not here. in line 1: SELECT x (details: {details})"
        )
        assert error.message.startswith(
            "migration 4/d d failed: no such thing, Not here. in line 1, column 8 (SQLSTATE 42704); "
            "hint: Look elsewhere.; the database is left dirty at version 3: "
        )
        assert "run `migrate force 4`, if all of it is, `migrate force 3`" in error.message
        assert error.hint.endswith("then `migrate up`. Do this.")
        assert "\n" not in error.message
        assert error.urgent

    def test_the_program_is_called_what_people_type(self) -> None:
        error = MigrationError(
            ErrorCode.CONFLICT, "run `migrate up`", go_text="`migrate x`", hint="`migrate y`"
        ).renamed("a b")
        assert (error.message, error.go_text, error.hint) == ("run `a b up`", "`a b x`", "`a b y`")
