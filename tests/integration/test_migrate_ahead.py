"""A database that is ahead of the files, as an older release finds it."""

import json

from migrations import Migrate


class TestAhead:
    """`up -ahead accept`, for an older release that is started again."""

    def ahead(self, migrate: Migrate) -> None:
        migrate.write(_1="SELECT 1;", _2="SELECT 2;")
        migrate("up")
        (migrate.directory / "2_step.up.sql").unlink()

    def test_by_default_it_is_an_error_as_in_go(self, migrate: Migrate) -> None:
        self.ahead(migrate)
        error = "error: no migration found for version 2: read down for version 2 .: file does not exist\n"
        for command in (["up"], ["up", "1"], ["up", "-ahead", "refuse"], ["down", "1"], ["goto", "1"]):
            assert migrate(*command) == (1, error, "")

    def test_accept(self, migrate: Migrate) -> None:
        self.ahead(migrate)
        text = "the database is at version 2, newer than the latest file here (1); nothing to do\n"
        assert migrate("up", "-ahead", "accept") == (0, text, "")
        assert migrate("up", "-ahead", "accept", "1").code == 0
        event = json.loads(migrate("-json", "up", "-ahead", "accept").out)
        assert event == {"event": "ahead", "version": 2, "latest": 1}
        assert migrate.rows() == [(2, False)]

    def test_accept_in_a_dry_run(self, migrate: Migrate) -> None:
        self.ahead(migrate)
        assert migrate("up", "-ahead", "accept", "-dry-run").code == 0

    def test_it_accepts_nothing_else(self, migrate: Migrate) -> None:
        self.ahead(migrate)
        migrate.query("UPDATE schema_migrations SET dirty = true")
        assert migrate("up", "-ahead", "accept").err.startswith("error: Dirty database version 2.")
        # A gap below the latest file is no newer release.
        migrate.query("UPDATE schema_migrations SET dirty = false")
        migrate.write(_3="SELECT 3;")
        assert migrate("up", "-ahead", "accept").err.startswith("error: no migration found for version 2")
        assert migrate("up", "-ahead", "maybe").err == "error: -ahead must be one of refuse, accept\n"
        assert migrate("down", "-ahead", "accept", "1").code == 2

    def test_on_an_older_database_it_changes_nothing(self, migrate: Migrate) -> None:
        migrate.write(_1="SELECT 1;")
        assert migrate("up", "-ahead", "accept") == (0, "1/u step (T)\n", "")
        assert migrate("up", "-ahead", "accept") == (0, "no change\n", "")
