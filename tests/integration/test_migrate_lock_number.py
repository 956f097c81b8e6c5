"""The number of golang-migrate's advisory lock, which ours has too."""

import zlib

import pytest
from migrations import PAUSE, Migrate

from codeactions.migrate.database import lock, session

SCHEMES = ["postgres", "postgresql", "pgx", "pgx4", "pgx5"]


class TestNumber:
    @pytest.mark.parametrize(
        ("path", "schema", "table", "number"),
        [
            ("/mydb", "public", "schema_migrations", 616192132),
            ("/shop", "app", "schema_migrations", 2582123737),
            ("/my db", "ops", "db_migrations", 3769403419),
            ("mydb", "public", "schema_migrations", 2103762914),
            ("/t", "public", "schema_migrations", 2670802960),
            ("/t", "app", "my_mig", 1247474678),
        ],
    )
    def test_golang_migrates(self, path: str, schema: str, table: str, number: int) -> None:
        """As they were seen in pg_locks while it ran, or worked out from its documentation."""
        assert lock.number(path, schema, table) == number

    def test_of_the_row_it_has_the_database_only(self) -> None:
        assert lock.number("/mydb") == zlib.crc32(b"/mydb") * 1486364155 % 2**32

    @pytest.mark.parametrize(
        ("options", "path", "schema", "table"),
        [
            ("", "/shared", "public", "schema_migrations"),
            ("search_path=app", "/shared", "app", "schema_migrations"),
            ("x-migrations-table=a.b", "/shared", "public", "a.b"),
            ("x-migrations-table-quoted=1&x-migrations-table=%22app%22.%22m%22", "/shared", "app", "m"),
        ],
    )
    def test_what_a_run_holds(self, migrate: Migrate, options: str, path: str, schema: str, table: str) -> None:
        migrate.query("CREATE SCHEMA app")
        migrate.write(_1=PAUSE)
        with migrate.paused(lambda: migrate("up", options=options)) as (result, _):
            assert migrate.locks() == [lock.number(path, schema, table)]
        assert result.result().code == 0

    @pytest.mark.parametrize(
        ("path", "counts"), [("/shared", "/shared"), ("/sh%61red", "/shared"), ("/other", "/other"), ("", "shared")]
    )
    def test_the_path_counts_as_it_is_spelled(self, migrate: Migrate, path: str, counts: str) -> None:
        # The key dbname says where to connect to, if it is there.
        url = migrate.url.replace("/shared?", f"{path}?dbname=shared&")
        with session.opened(url) as opened:
            assert isinstance(opened.lock, lock.AdvisoryLock)
            assert opened.lock.key == lock.number(counts, "public", "schema_migrations")
            assert opened.connection.execute("SELECT current_database()") == [("shared",)]

    @pytest.mark.parametrize("scheme", SCHEMES)
    def test_every_scheme_has_the_same(self, migrate: Migrate, scheme: str) -> None:
        migrate.write(_1="SELECT 1;", _1_down="SELECT 1;")
        with migrate.locked():
            ran = migrate("-lock-timeout", "0", "up", scheme=scheme)
        assert ran.err.startswith("error: timeout: can't acquire database lock")
        assert migrate("up", scheme=scheme) == (0, "1/u step (T)\n", "")
        assert migrate("version", scheme=scheme) == (0, "1\n", "")
        assert migrate("down", "1", scheme=scheme) == (0, "1/d step (T)\n", "")
