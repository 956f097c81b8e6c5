"""Our process and golang-migrate (`GoTool`) migrate one database in turns."""

from pathlib import Path
from typing import Any

import psycopg
import pytest
from acceptance.migrate_together.steps import FILES, GO, OURS, history, require_done_once
from gotool import GoTool, GoToolError
from migrate_process import migrate, write_files


class TestInTurns:
    def test_each_goes_on_where_the_other_stopped(
        self, database_url: str, database: psycopg.Connection[Any], folder: Path
    ) -> None:
        with GoTool(database_url, folder) as tool:
            assert tool.up(2) == GO[:2]
        assert migrate(database_url, folder, "version") == (0, "2\n")
        assert migrate(database_url, folder, "up") == (0, "\n".join(OURS[2:]) + "\n")
        with GoTool(database_url, folder) as tool:
            assert tool.version() == "6"
            assert tool.up() == ["no change"]
            assert tool.down(1) == ["6/d step"]
        assert migrate(database_url, folder, "goto", "1")[1].split("\n")[:-1] == [
            f"{version}/d step (T)" for version in (5, 4, 3, 2)
        ]
        with GoTool(database_url, folder) as tool:
            assert tool.version() == "1"
            tool.force(2)
        assert migrate(database_url, folder, "down", "2") == (0, "2/d step (T)\n1/d step (T)\n")
        with GoTool(database_url, folder) as tool:
            with pytest.raises(GoToolError, match="no migration"):
                tool.version()
            assert tool.up() == GO
        assert migrate(database_url, folder, "status", "-check")[0] == 0
        assert migrate(database_url, folder, "up") == (0, "no change\n")
        require_done_once(database)
        assert history(database)[-6:] == [(version, "up", True, "unknown") for version in FILES]

    @pytest.mark.parametrize("first", ["ours", "its"])
    def test_what_one_leaves_dirty_the_other_refuses_until_it_is_forced(
        self, database_url: str, tmp_path: Path, first: str
    ) -> None:
        folder = write_files(tmp_path / "m", {1: "SELECT 1;", 2: "BEGIN; COMMIT; SELECT 1/0;"})
        dirty = "Dirty database version 2. Fix and force version."
        if first == "ours":
            assert migrate(database_url, folder, "up")[0] == 1
            with GoTool(database_url, folder) as tool:
                assert tool.version() == "2 (dirty)"
                with pytest.raises(GoToolError, match=dirty):
                    tool.up()
            assert migrate(database_url, folder, "force", "1") == (0, "")
        else:
            with GoTool(database_url, folder) as tool, pytest.raises(GoToolError, match="division by zero"):
                tool.up()
            code, said = migrate(database_url, folder, "up")
            assert (code, said.splitlines()[0]) == (1, f"error: {dirty}")
            with GoTool(database_url, folder) as tool:
                tool.force(1)
        write_files(folder, {2: "SELECT 2;"})
        assert migrate(database_url, folder, "up") == (0, "2/u step (T)\n")
