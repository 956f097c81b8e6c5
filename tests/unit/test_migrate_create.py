"""`migrate create`: the files it makes, what it says.

The numbers in brackets are those of the recorded runs of golang-migrate.
"""

import io
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from datetime import UTC, datetime
from pathlib import Path

import pytest

from codeactions.migrate.commands import create as command
from codeactions.migrate.commands.table import COMMANDS
from codeactions.migrate.errors import ErrorCode, MigrationError
from codeactions.migrate.files import create
from codeactions.migrate.files.directory import read_directory
from codeactions.migrate.go_compat import flags
from codeactions.migrate.terminal.output import Output
from codeactions.migrate.versions import MAX_VERSION

# A Sunday in November, 18:26:41.012345678 UTC; the recorded runs were made then.
SECONDS = int(datetime(2026, 11, 22, 18, 26, 41, tzinfo=UTC).timestamp())
NOW = SECONDS * 10**9 + 12345678
Run = Callable[..., tuple[int, list[str]]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command in `tmp_path`, where the clock stands still; return exit code and output lines."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PWD", str(tmp_path))

    def run(*words: str) -> tuple[int, list[str]]:
        values, rest = flags.parse(words, COMMANDS["create"].flags)
        with redirect_stderr(io.StringIO()) as said:
            try:
                code = command.run(rest, values, Output(), NOW)
            except MigrationError as error:
                print(f"error: {error.message}", file=said)
                # The mistake is always in the command line.
                code = 1 if error.code is ErrorCode.INVALID else -1
        return code, said.getvalue().replace(str(tmp_path), "$CWD").splitlines()

    return run


def touch(folder: Path, *names: str) -> None:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_text("")


def entries(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def pair(stem: str, ending: str = "sql") -> tuple[int, list[str]]:
    """What is said of two files that were made."""
    return 0, [f"$CWD/{stem}.up.{ending}", f"$CWD/{stem}.down.{ending}"]


class TestRecorded:
    def test_a_name_and_an_extension_are_needed(self, run: Run) -> None:
        assert run() == (1, ["error: please specify name"])  # (71)
        assert run("x") == (1, ["error: -ext flag must be specified"])  # (72)

    def test_numbers_go_up_and_the_dot_of_the_extension_does_not_matter(self, run: Run, tmp_path: Path) -> None:
        # (73)
        assert run("-ext", "sql", "-dir", "db", "-seq", "users") == pair("db/000001_users")
        assert run("-ext", ".sql", "-dir", "db", "-seq", "posts") == pair("db/000002_posts")
        names = ["000001_users.down.sql", "000001_users.up.sql", "000002_posts.down.sql", "000002_posts.up.sql"]
        assert entries(tmp_path / "db") == names
        assert all(path.read_bytes() == b"" for path in (tmp_path / "db").iterdir())

    def test_flags_after_the_name_are_words_and_further_words_are_ignored(self, run: Run) -> None:
        assert run("-ext", "sql", "-dir", "db", "name2", "-seq") == pair("db/20261122182641_name2")  # (74)
        assert run("-ext", "sql", "-dir", "t6", "-seq", "a", "b") == pair("t6/000001_a")  # (84)

    def test_digits(self, run: Run, tmp_path: Path) -> None:
        touch(tmp_path / "db", "000001_users.up.sql", "000002_posts.up.sql")
        assert run("-ext", "sql", "-dir", "db", "-seq", "-digits", "3", "third") == pair("db/003_third")  # (75)
        for digits in ("0", "-1"):  # (77)
            answer = run("-ext", "sql", "-dir", "db", "-seq", "-digits", digits, "z")
            assert answer == (1, ["error: digits must be positive"])
        # (341)
        assert run("-ext", "sql", "-dir", "o", "-seq", "-digits", "010", "z") == pair("o/00000001_z")

    def test_bad_digits(self) -> None:
        with pytest.raises(flags.FlagError) as caught:  # (78)
            flags.parse(["-ext", "sql", "-dir", "db", "-seq", "-digits", "abc", "z"], COMMANDS["create"].flags)
        assert str(caught.value) == 'invalid value "abc" for flag -digits: parse error'

    def test_the_largest_number_counts_not_the_last_name(self, run: Run, tmp_path: Path) -> None:
        # (76), where the Go tool makes a second number 10.
        touch(tmp_path / "t1", "9_a.up.sql", "10_b.up.sql")
        assert run("-ext", "sql", "-dir", "t1", "-seq", "c") == pair("t1/000011_c")

    def test_a_full_sequence(self, run: Run, tmp_path: Path) -> None:
        touch(tmp_path / "t2", "9_a.up.sql")  # (79)
        message = "error: next sequence number 10 too large, at most 1 digits are allowed"
        assert run("-ext", "sql", "-dir", "t2", "-seq", "-digits", "1", "b") == (1, [message])

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("schema.sql", "malformed migration filename: t/schema.sql"),  # (80)
            ("_schema.sql", "malformed migration filename: t/_schema.sql"),
            ("my_schema.sql", 'strconv.ParseUint: parsing "my": invalid syntax'),  # (81)
            ('a"\\_b.sql', 'strconv.ParseUint: parsing "a\\"\\\\": invalid syntax'),
            ("+9_a.sql", 'strconv.ParseUint: parsing "+9": invalid syntax'),
            (f"{2**64}_a.sql", f'strconv.ParseUint: parsing "{2**64}": value out of range'),
        ],
    )
    def test_a_last_name_that_is_no_migrations(self, run: Run, tmp_path: Path, name: str, message: str) -> None:
        touch(tmp_path / "t", name)
        assert run("-ext", "sql", "-dir", "t", "-seq", "b") == (1, [f"error: {message}"])
        assert entries(tmp_path / "t") == [name]

    def test_the_name_is_used_as_it_is(self, run: Run, tmp_path: Path) -> None:
        assert run("-ext", "sql", "-dir", "t5", "-seq", "add users") == pair("t5/000001_add users")  # (82)
        message = "error: open t5/000002_a/b.up.sql: no such file or directory"
        assert run("-ext", "sql", "-dir", "t5", "-seq", "a/b") == (1, [message])
        assert run("-ext", "sql", "-dir", "t6", "-seq", "") == pair("t6/000001_")  # (83)
        # The Go tool cleans this path first, and makes a file without a number, here even outside the folder.
        assert run("-ext", "sql", "-dir", "t7", "-seq", "a/../../b")[0] == 1
        assert not (tmp_path / "b.up.sql").exists()

    def test_an_extension_with_a_dot(self, run: Run) -> None:
        assert run("-ext", "up.sql", "-dir", "t7", "-seq", "a") == pair("t7/000001_a", "up.sql")  # (85)

    def test_a_version_that_is_taken(self, run: Run) -> None:
        assert run("-ext", "sql", "-dir", "d", "a")[0] == 0
        # (87)
        answer = run("-ext", "sql", "-dir", "d", "b")
        assert answer == (1, ["error: duplicate migration version: 20261122182641"])

    def test_any_layout_will_do(self, run: Run) -> None:
        assert run("-ext", "sql", "-dir", "d", "-format", "v1", "a") == pair("d/v11_a")  # (90)
        assert run("-ext", "sql", "-dir", "d", "-format", "", "a") == (
            1,
            ["error: time format may not be empty"],
        )  # (91)
        for layout in ("unix", ""):  # (92, 93)
            answer = run("-ext", "sql", "-dir", "d", "-seq", "-format", layout, "a")
            assert answer == (1, ["error: the seq and format options are mutually exclusive"])
        assert run("-ext", "sql", "-dir", "s", "-seq", "-format", create.DEFAULT_LAYOUT, "a") == pair("s/000001_a")
        assert run("-ext", "sql", "-dir", "d", "-format", "unix", "a") == pair(f"d/{SECONDS}_a")
        assert run("-ext", "sql", "-dir", "d", "-format", "unixNano", "a") == pair(f"d/{NOW}_a")

    def test_an_unknown_zone_is_said_without_the_word_error(self, run: Run) -> None:
        assert run("-ext", "sql", "-tz", "Mars/Base", "a") == (1, ["unknown time zone Mars/Base"])  # (95)

    def test_glob_characters_in_the_folders_name_mean_nothing(self, run: Run) -> None:
        # (362), where the Go tool begins at 1 again each time.
        for number in (1, 2):
            assert run("-ext", "sql", "-dir", "[m]*", "-seq", "a") == pair(f"[m]*/{number:06}_a")


class TestOrder:
    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["-tz", "x", "a"], "error: -ext flag must be specified"),
            (["-ext", "s", "-tz", "x", "-seq", "-format", "1", "a"], "unknown time zone x"),
            (["-ext", "s", "-seq", "-format", "1", "-digits", "0", "a"], "error: the seq and format options are"),
        ],
    )
    def test_the_first_mistake_is_named_and_nothing_made(
        self, run: Run, tmp_path: Path, words: list[str], message: str
    ) -> None:
        code, said = run(*words)
        assert code == 1
        assert said[0].startswith(message)
        assert entries(tmp_path) == []

    def test_digits_matter_to_numbers_only(self, run: Run) -> None:
        assert run("-ext", "sql", "-digits", "-1", "a") == pair("20261122182641_a")


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


class TestFolder:
    @pytest.mark.parametrize(
        ("directory", "shown"),
        [
            ("", ""),
            (".", ""),
            ("./", ""),
            ("a/../b", "b/"),
            ("b//c/", "b/c/"),
            ("x y", "x y/"),
        ],
    )
    def test_it_is_cleaned_and_made(self, run: Run, directory: str, shown: str) -> None:
        assert run("-ext", "sql", "-dir", directory, "-seq", "n") == pair(f"{shown}000001_n")

    def test_an_absolute_one_may_begin_with_two_slashes(self, run: Run, tmp_path: Path) -> None:
        assert run("-ext", "sql", "-dir", f"/{tmp_path}/d", "-seq", "n") == pair("d/000001_n")

    def test_a_version_that_begins_with_a_slash_stays_in_it(self, run: Run) -> None:
        assert run("-ext", "sql", "-format", "/2006", "n") == pair("2026_n")

    def test_the_path_is_the_one_the_shell_shows(
        self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "real").mkdir()
        (tmp_path / "link").symlink_to("real")
        monkeypatch.chdir(tmp_path / "link")
        monkeypatch.setenv("PWD", str(tmp_path / "link"))
        assert run("-ext", "sql", "-seq", "n") == pair("link/000001_n")
        for stale in (str(tmp_path), "real", str(tmp_path / "gone"), ""):
            monkeypatch.setenv("PWD", stale)
            assert run("-ext", "sql", "-seq", "n")[1][0].startswith("$CWD/real/")

    def test_the_umask_decides(self, run: Run, tmp_path: Path) -> None:
        old = os.umask(0o027)
        try:
            run("-ext", "sql", "-dir", "d", "-seq", "n")
        finally:
            os.umask(old)
        assert (tmp_path / "d").stat().st_mode & 0o777 == 0o750
        assert {path.stat().st_mode & 0o777 for path in (tmp_path / "d").iterdir()} == {0o640}


class TestTrouble:
    def test_a_file_in_the_way_of_the_folder(self, run: Run, tmp_path: Path) -> None:
        touch(tmp_path, "x")
        for directory in ("x", "x/y/z"):
            answer = run("-ext", "sql", "-dir", directory, "-seq", "n")
            assert answer == (1, ["error: mkdir x: not a directory"])
        (tmp_path / "dangling").symlink_to("gone")
        assert run("-ext", "sql", "-dir", "dangling", "n") == (1, ["error: mkdir dangling: file exists"])

    def test_a_file_in_the_way_is_never_changed(
        self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Another process makes the second file meanwhile.
        taken = tmp_path / "000001_n.down.sql"
        taken.write_text("DROP TABLE t;\n")
        monkeypatch.setattr(os, "listdir", lambda folder: [])
        made, message = run("-ext", "sql", "-seq", "n")[1]
        assert made == "$CWD/000001_n.up.sql"
        assert message == "error: open 000001_n.down.sql: file exists"
        assert run("-ext", "sql", "-seq", "n") == (1, ["error: open 000001_n.up.sql: file exists"])
        assert taken.read_text() == "DROP TABLE t;\n"

    def test_a_name_of_which_only_one_file_can_be_made(self, run: Run) -> None:
        name = "n" * (255 - len("000001_.up.sql"))
        code, said = run("-ext", "sql", "-dir", "d", "-seq", name)
        assert code == 1
        assert said == [
            f"$CWD/d/000001_{name}.up.sql",
            f"error: open d/000001_{name}.down.sql: file name too long",
        ]

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may do everything")
    def test_what_may_not_be_read_or_written(self, run: Run, tmp_path: Path) -> None:
        folder = tmp_path / "d"
        folder.mkdir()
        for mode, directory, message in [
            (0o500, "d", "open d/000001_n.up.sql: permission denied"),
            (0o500, "d/e", "mkdir d/e: permission denied"),
            (0o300, "d", "open d: permission denied"),
            (0o600, "d/e", "mkdir d/e: permission denied"),
        ]:
            folder.chmod(mode)
            answer = run("-ext", "sql", "-dir", directory, "-seq", "n")
            folder.chmod(0o700)
            assert answer == (1, [f"error: {message}"])

    @pytest.mark.parametrize("names", [("n", "n"), ("n", "m")])
    def test_two_at_once_overwrite_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: tuple[str, str]
    ) -> None:
        both = threading.Barrier(2)
        look = os.listdir

        def listdir(folder: str) -> list[str]:
            found = look(folder)
            both.wait(10)
            return found

        made: list[str] = []
        refused: list[str] = []

        def work(name: str) -> None:
            try:
                made.extend(
                    create.create(
                        str(tmp_path),
                        name,
                        "sql",
                        sequential=True,
                        digits=6,
                        layout=create.DEFAULT_LAYOUT,
                        zone="UTC",
                        now=NOW,
                    )
                )
            except MigrationError as error:
                refused.append(error.message)

        threads = [threading.Thread(target=work, args=(name,)) for name in names]
        with monkeypatch.context() as patched:
            patched.setattr(os, "listdir", listdir)
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(20)
        # With one name one of the two is refused. With two, both take the number 1, and `up` will say so.
        assert sorted(made) == sorted(str(tmp_path / name) for name in entries(tmp_path))
        assert len(made) == 2 * len(set(names))
        assert len(refused) == 2 - len(set(names))
        assert all(message.endswith("_n.up.sql: file exists") for message in refused)


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
