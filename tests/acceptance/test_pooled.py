"""The server and the commands for its database, behind a real PgBouncer."""

from pathlib import Path

import pytest
from backups import Codeactions, codeactions_in, rows
from harness import running_server
from pgbouncer import pooled


@pytest.fixture
def codeactions(tmp_path: Path) -> Codeactions:
    """The command line, run in the test's folder."""
    return codeactions_in(tmp_path)


def test_everything_works_with_sessions(database_url: str, codeactions: Codeactions, tmp_path: Path) -> None:
    with pooled(database_url, "session", size=25) as url:
        with running_server(tmp_path / "data", url) as server:
            assert server.healthy()
            answer = server.call("def Run(engine):\n    return engine.params.get('x')\n", params={"x": "1"})
            assert (answer.text, server.record(answer)["status"]) == ("1", "completed")
        assert codeactions("migrate", "version", DATABASE_URL=url).stderr.strip().isdigit()
        done = codeactions("backup", "all.sql", DATABASE_URL=url)
        assert done.returncode == 0, done.stderr
        assert rows(database_url)["coderuns"]
        assert codeactions("audit", DATABASE_URL=url).returncode == 0


def test_a_pooler_that_shares_sessions_is_refused(database_url: str, codeactions: Codeactions, tmp_path: Path) -> None:
    with pooled(database_url, "transaction") as url:
        # A migration needs no session of its own.
        assert codeactions("migrate", "up", DATABASE_URL=url).returncode == 0
        for words, subject in (
            (["serve", "--port", "0", "--data-dir", str(tmp_path / "data")], "the server"),
            (["backup", "all.sql"], "`codeactions backup`"),
            (["audit"], "the command"),
        ):
            done = codeactions(*words, DATABASE_URL=url)
            assert done.returncode == 1
            *_, said = done.stderr.splitlines()
            assert f"pool_mode=transaction), and {subject} needs a session that stays" in said
            assert "give the URL of the database itself" in said
        assert not (tmp_path / "all.sql").exists()


def test_settings_that_a_pooler_does_not_take_are_named(database_url: str, codeactions: Codeactions) -> None:
    with pooled(database_url, "session") as url:
        assert codeactions("migrate", "up", DATABASE_URL=url).returncode == 0
        done = codeactions("audit", DATABASE_URL=f"{url}&options=-csearch_path%3Dpublic")
        assert done.returncode == 1
        assert "a pooler is no place for options or settings in the URL" in done.stderr
        done = codeactions("backup", "-", DATABASE_URL=f"{url}&search_path=public")
        assert done.returncode == 1
        assert "a pooler is no place for options or settings in the URL" in done.stderr
