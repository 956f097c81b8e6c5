"""`migrate create`: the files it makes, what it says, and which of two mistakes it names.

The numbers in brackets are those of the recorded runs of golang-migrate.
"""

from pathlib import Path

import pytest
from unit.migrate_create.folders import NOW, SECONDS, Run, entries, pair, touch

from codeactions.migrate.commands.table import COMMANDS
from codeactions.migrate.files import create
from codeactions.migrate.go_compat import flags


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
