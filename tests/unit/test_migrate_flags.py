"""Flags of `migrate` that take signed numbers, and the list of a command's flags after a mistake."""

import pytest

from codeactions.migrate.commands.table import COMMANDS
from codeactions.migrate.go_compat import flags
from codeactions.migrate.go_compat.flag_usage import flag_usage
from codeactions.migrate.go_compat.flags import Kind


def usage(name: str) -> str:
    return flag_usage(name, COMMANDS[name].flag_list)


class TestSignedFlags:
    @pytest.mark.parametrize(
        ("word", "number"),
        [
            ("6", 6),
            ("-1", -1),
            ("+5", 5),
            ("010", 8),
            ("-010", -8),
            ("-0x1f", -31),
            ("0B1_0", 2),
            ("0o17", 15),
            ("1_000", 1000),
            ("0_7", 7),
            (str(2**63 - 1), 2**63 - 1),
            (str(-(2**63)), -(2**63)),
        ],
    )
    def test_good(self, word: str, number: int) -> None:
        for words in (["-n", word], [f"--n={word}"]):
            assert flags.parse(words, {"n": Kind.INTEGER}) == ({"n": number}, [])

    @pytest.mark.parametrize(
        ("words", "reason"),
        [
            (["", "-", "--1", "+-1", "- 1", "1.5", "08", "1__0", "_1", "-_1", "٣", "0x"], "parse error"),
            ([str(2**63), str(-(2**63) - 1)], "value out of range"),
        ],
    )
    def test_bad(self, words: list[str], reason: str) -> None:
        for word in words:
            with pytest.raises(flags.FlagError) as caught:
                flags.parse([f"-n={word}"], {"n": Kind.INTEGER})
            assert str(caught.value) == f'invalid value "{word}" for flag -n: {reason}'


class TestUsage:
    @pytest.mark.parametrize("name", ["up", "goto", "force", "status"])
    def test_most_have_only_help(self, name: str) -> None:
        # (116)
        assert usage(name) == f"Usage of {name}:\n  -help\n    \tPrint help information"

    def test_a_flag_of_one_letter_is_on_one_line(self) -> None:
        # (175)
        assert usage("drop") == (
            "Usage of drop:\n  -f\tForce the drop command by bypassing the confirmation prompt\n"
            "  -help\n    \tPrint help information"
        )

    def test_flags_are_in_order_of_their_names(self) -> None:
        assert usage("down") == (
            "Usage of down:\n  -all\n    \tApply all down migrations\n  -help\n    \tPrint help information"
        )
        assert usage("down").endswith(COMMANDS["down"].flag_list)

    def test_kinds_and_defaults_are_shown(self) -> None:
        lines = COMMANDS["create"].flag_list.split("\n")
        assert lines[::2] == [
            "  -digits int",
            "  -dir string",
            "  -ext string",
            "  -format string",
            "  -help",
            "  -seq",
            "  -tz string",
        ]
        assert all(line.startswith("    \t") for line in lines[1::2])
        assert [line.rpartition(" (default ")[2] for line in lines[1::2] if " (default " in line] == [
            "6)",
            '"20060102150405")',
            '"UTC")',
        ]
        assert {line[3:].split()[0] for line in lines[::2]} == set(COMMANDS["create"].flags) - {"json"}
