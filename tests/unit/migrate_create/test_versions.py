"""`migrate create`: the numbers and the times that it names files by."""

import io
import time
from collections.abc import Iterator
from contextlib import redirect_stderr
from pathlib import Path

import pytest
from unit.migrate_create.folders import Run, entries, pair, touch

from codeactions.migrate.commands import create as command
from codeactions.migrate.files.directory import read_directory
from codeactions.migrate.terminal.output import Output
from codeactions.migrate.versions import MAX_VERSION


class TestNumbers:
    def test_other_files_do_not_count(self, run: Run, tmp_path: Path) -> None:
        # Not a number, not a version, another extension; and the last in byte order is a migration.
        names = ["-a_b.sql", f"{2**64}_a.sql", "9000_a.pgsql", ".sql", "README.sql.txt", "7_a.up.sql"]
        touch(tmp_path / "d", *names)
        assert run("-ext", "sql", "-dir", "d", "-seq", "b") == pair("d/000008_b")

    def test_the_order_is_that_of_the_bytes(self, run: Run, tmp_path: Path) -> None:
        touch(tmp_path / "d", "1_a.sql", "é.sql")
        assert run("-ext", "sql", "-dir", "d", "-seq", "b") == (1, ["error: malformed migration filename: d/é.sql"])

    def test_none_is_made_that_no_database_could_record(self, run: Run, tmp_path: Path) -> None:
        touch(tmp_path / "d", f"{MAX_VERSION}_a.up.sql")
        message = f"error: next sequence number {2**63} too large, at most {MAX_VERSION} is allowed"
        assert run("-ext", "sql", "-dir", "d", "-seq", "-digits", "30", "b") == (1, [message])

    def test_more_digits_than_a_name_can_have(self, run: Run) -> None:
        code, said = run("-ext", "sql", "-dir", "d", "-seq", "-digits", str(2**63 - 1), "b")
        assert code == 1
        assert said[0].startswith("error: open d/00000")
        assert said[0].endswith("1_b.up.sql: file name too long")

    def test_duplicates_are_found_by_number_or_else_by_text(self, run: Run, tmp_path: Path) -> None:
        touch(tmp_path / "d", "022_a.up.sql", "v11_a.up.sql", "026_11_a.up.sql", "23.sql", "23_a.txt")
        same = ["d", "-format"]
        assert run("-ext", "sql", "-dir", *same, "2", "b") == (1, ["error: duplicate migration version: 22"])
        assert run("-ext", "sql", "-dir", *same, "v1", "b") == (1, ["error: duplicate migration version: v11"])
        assert run("-ext", "sql", "-dir", *same, "006_01", "b") == (1, ["error: duplicate migration version: 026_11"])
        # 0 is as good as 000, and 22 is not 220.
        touch(tmp_path / "d", "000_a.sql")
        assert run("-ext", "sql", "-dir", *same, "0", "b") == (1, ["error: duplicate migration version: 0"])
        assert run("-ext", "sql", "-dir", *same, "20", "b") == pair("d/220_b")
        assert run("-ext", "pgsql", "-dir", *same, "2", "b") == pair("d/22_b", "pgsql")

    def test_what_was_made_is_what_is_read(self, run: Run, tmp_path: Path) -> None:
        for name in ("a", "b c", "d.up.e"):
            run("-ext", "sql", "-seq", name)
        found = read_directory(tmp_path)
        assert [(item.version, item.title) for item in found.items] == [(1, "a"), (2, "b c"), (3, "d.up.e")]
        assert all(item.up and item.down for item in found.items)


class TestZones:
    @pytest.fixture
    def local(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        """The machine is in Paris."""
        monkeypatch.setenv("TZ", "Europe/Paris")
        time.tzset()
        yield
        monkeypatch.undo()
        time.tzset()

    @pytest.mark.usefixtures("local")
    @pytest.mark.parametrize(
        ("zone", "version"),
        [
            ("", "22 18:26 UTC"),
            ("UTC", "22 18:26 UTC"),
            ("Local", "22 19:26 CET"),
            ("Asia/Kolkata", "22 23:56 IST"),
            ("Asia/Kathmandu", "23 00:11 +0545"),
            ("America/New_York", "22 13:26 EST"),
        ],
    )
    def test_the_time_is_that_of_the_zone(self, run: Run, zone: str, version: str) -> None:
        assert run("-ext", "sql", "-tz", zone, "-format", "02 15:04 MST", "n") == pair(f"{version}_n")

    @pytest.mark.parametrize("zone", ["local", "utc+1", "Europe", "zone.tab", "UTC/x", "x" * 300, "\udcff"])
    def test_a_bad_one(self, run: Run, zone: str) -> None:
        shown = zone.encode(errors="backslashreplace").decode()
        assert run("-ext", "sql", "-tz", zone, "-seq", "n") == (1, [f"unknown time zone {shown}"])

    @pytest.mark.parametrize("zone", ["/etc/localtime", "../UTC", "Europe/../UTC", "\\UTC"])
    def test_a_path_is_none(self, run: Run, zone: str) -> None:
        assert run("-ext", "sql", "-tz", zone, "n") == (1, ["time: invalid location name"])

    def test_the_clock_is_asked_if_no_time_is_given(self, tmp_path: Path) -> None:
        before = time.time_ns()
        values = {"ext": "sql", "dir": str(tmp_path), "format": "unixNano"}
        with redirect_stderr(io.StringIO()):
            assert command.run(["n"], values, Output()) == 0
        assert before <= int(entries(tmp_path)[0].partition("_")[0]) <= time.time_ns()
