"""The command line of `migrate`: its flags, its words, and durations as it prints them."""

import pytest

from codeactions.migrate.go_compat import flags
from codeactions.migrate.go_compat.duration import duration_text
from codeactions.migrate.go_compat.flags import Kind
from codeactions.migrate.main import main


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0s"),
        (850, "850ns"),
        (1500, "1.5µs"),
        (7074163, "7.074163ms"),
        (10300000, "10.3ms"),
        (10**9, "1s"),
        (62 * 10**9 + 5 * 10**8, "1m2.5s"),
        (3603 * 10**9, "1h0m3s"),
    ],
)
def test_durations_look_like_gos(nanoseconds: int, text: str) -> None:
    assert duration_text(nanoseconds) == text


class TestFlags:
    KNOWN = {"path": Kind.TEXT, "n": Kind.UNSIGNED, "all": Kind.BOOLEAN}  # noqa: RUF012

    def test_the_ways_to_give_one(self) -> None:
        words = ["-path", "a", "--path=b", "-n", "010", "-all", "up", "-path", "c"]
        assert flags.parse(words, self.KNOWN) == ({"path": "b", "n": 8, "all": True}, ["up", "-path", "c"])
        assert flags.parse(["--", "-1"], self.KNOWN) == ({}, ["-1"])
        assert flags.parse(["-n=0x1f", "-all=F"], self.KNOWN) == ({"n": 31, "all": False}, [])

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["-nope"], "flag provided but not defined: -nope"),
            (["-path"], "flag needs an argument: -path"),
            (["-n", "15s"], 'invalid value "15s" for flag -n: parse error'),
            (["-n", "-1"], 'invalid value "-1" for flag -n: parse error'),
            (["-n", str(2**64)], f'invalid value "{2**64}" for flag -n: value out of range'),
            (["-all=maybe"], 'invalid boolean value "maybe" for -all: parse error'),
            (["---path"], "bad flag syntax: ---path"),
            (["-=x"], "bad flag syntax: -=x"),
        ],
    )
    def test_mistakes_are_called_what_go_calls_them(self, words: list[str], message: str) -> None:
        with pytest.raises(flags.FlagError) as caught:
            flags.parse(words, self.KNOWN)
        assert str(caught.value) == message


class TestCommandLine:
    @pytest.mark.parametrize(
        ("words", "code", "begins"),
        [
            ([], 2, "Usage: migrate"),
            (["help"], 2, "Usage: migrate"),
            (["UP"], 2, "Usage: migrate"),
            (["-help"], 0, "Usage: migrate"),
            (["up", "-help"], 0, "up [N]"),
            (["up", "-1"], 2, "flag provided but not defined: -1"),
            (["-version", "up"], 0, "0."),
            (["up"], 1, "error: failed to parse scheme from source URL: URL cannot be empty"),
            (["-path", "/nowhere", "up"], 1, "error: failed to parse scheme from database URL: URL cannot be empty"),
            (
                ["-path", "/nowhere", "-database", "postgres://h/d", "up"],
                1,
                'error: failed to open source, "file:///nowhere": open .: no such file or directory',
            ),
        ],
    )
    def test_what_needs_no_database(
        self,
        words: list[str],
        code: int,
        begins: str,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.delenv("DATABASE_URL", raising=False)
        assert main(words) == code
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err.startswith(begins)
