"""Secret values in texts: found in every form, wherever they are, and nothing but them."""

import base64
import binascii
import csv
import html
import io
import json
import shlex
from collections.abc import Callable, Iterable
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import assume, given
from hypothesis import strategies as some

from codeactions.domain.folding import folded
from codeactions.domain.masker import Masker, masker_of
from codeactions.domain.run_values import RunValues
from codeactions.domain.secret_forms import forms, roots

TOKEN = "ghp_16C7e42F292c6912E7710c838347Ae178B4a"
MIXED = "pä'ss\"w<ö>rd /&%+\\=?🐍\t~"
PEM = "-----BEGIN KEY-----\n" + "\n".join("MIIEvQ" + str(n) * 58 for n in range(3)) + "\nAb/+9w==\n-----END KEY-----\n"
VALUES = [TOKEN, MIXED, PEM, "a/b+c=d/e+f==", "short 8b", "-----unusual~!*'();,/?:@&=+$#[]"]
ENCODERS: dict[str, Callable[[str], str]] = {
    "plain": lambda value: value,
    "quote": quote,
    "quote, all": lambda value: quote(value, safe=""),
    "quote_plus": quote_plus,
    "urlencode": lambda value: urlencode({"a": value}),
    "encodeURIComponent": lambda value: quote(value, safe="-_.!~*'()"),
    "encodeURI": lambda value: quote(value, safe="-_.!~*'();,/?:@&=+$#"),
    "quoted twice": lambda value: quote(quote(value, safe=""), safe=""),
    "lower case hex in a URL": lambda value: quote_plus(value).replace("%2F", "%2f").replace("%3D", "%3d"),
    "JSON": json.dumps,
    "JSON in UTF-8": lambda value: json.dumps({"a": value}, ensure_ascii=False),
    "JSON with slashes escaped": lambda value: json.dumps(value).replace("/", "\\/"),
    "JSON for HTML": lambda value: json.dumps(value).replace("<", "\\u003c").replace("&", "\\u0026"),
    "JSON in JSON": lambda value: json.dumps({"b": json.dumps({"a": value})}),
    "repr": repr,
    "repr with other quotes": lambda value: repr({"a": "'\"" + value, "b": "'" + value, "c": '"' + value}),
    "repr of bytes": lambda value: repr(value.encode()),
    "ascii": ascii,
    "repr of JSON": lambda value: repr(json.dumps(value)),
    "HTML": html.escape,
    "HTML with numbers": lambda value: html.escape(value).replace("&quot;", "&#34;").replace("&#x27;", "&#39;"),
    "hex": lambda value: value.encode().hex(),
    "HEX": lambda value: value.encode().hex().upper(),
    "percent": lambda value: "%" + value.encode().hex("%"),
    "shell": lambda value: shlex.quote("x=" + value),
    "CSV": lambda value: _csv(value),
    "base64": lambda value: base64.b64encode(value.encode()).decode(),
    "base64 for URLs": lambda value: base64.urlsafe_b64encode(value.encode()).decode().rstrip("="),
    "base64 in lines": lambda value: base64.encodebytes(value.encode()).decode(),
    "base64 in a URL": lambda value: quote(base64.b64encode(value.encode()).decode(), safe=""),
}
names = some.text(alphabet="abAB01", min_size=8, max_size=14)


def _csv(value: str) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(["a", value])
    return out.getvalue()


def pieces(text: str, value: str) -> list[str]:
    """What of a value's own 8-byte pieces is still in a text."""
    found = [value[place : place + 8] for place in range(len(value) - 7)]
    return [piece for piece in found if piece in text]


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("encoder", ENCODERS)
def test_a_value_is_found_in_every_form(value: str, encoder: str) -> None:
    encoded = ENCODERS[encoder](value)
    masked = Masker([value]).mask(f"before {encoded} after")
    assert "***" in masked
    assert masked.startswith("before ")
    assert masked.endswith(" after")
    if encoder not in ("urlencode", "CSV", "shell") and not encoder.startswith(("JSON", "repr", "ascii")):
        assert masked == "before *** after" or "in lines" in encoder
    for form in (value, base64.b64encode(value.encode()).decode()):
        assert not pieces(masked, form)


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("before", ["", "u", "us", "use", "user"])
@pytest.mark.parametrize("after", ["", "!", "!!", "!!!"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_base64_is_found_wherever_the_value_begins(
    value: str, before: str, after: str, encode: Callable[[bytes], bytes]
) -> None:
    encoded = encode(f"{before}{value}{after}".encode()).decode()
    masked = Masker([value]).mask(f"Basic {encoded}.")
    assert masked.startswith("Basic ")
    assert "***" in masked
    # At either end a character may be left that holds bits of what is beside the value, too.
    around = masked.removeprefix("Basic ").removesuffix(".").split("***")
    assert len(around) == 2
    assert [len(part) for part in around] <= [len(before) // 3 * 4 + 3, len(after) // 3 * 4 + 7]


@pytest.mark.parametrize("line", [line for line in PEM.splitlines() if len(line) >= 8])
def test_each_line_of_a_value_is_secret(line: str) -> None:
    masker = Masker([PEM])
    assert masker.mask(f"x {line} y") == "x *** y"
    assert masker.mask(f"x {quote(line, safe='')} y") == "x *** y"
    assert masker.mask(PEM.replace("\n", "\r\n")) == "***"
    assert masker.mask("\n".join(f"  {line}" for line in PEM.splitlines())).replace("*", "").split() == []


def test_what_is_under_8_bytes_is_left_and_8_bytes_are_not() -> None:
    assert Masker(["1234567"]).mask("1234567") == "1234567"
    assert Masker(["12345678"]).mask("12345678") == "***"
    assert Masker(["ääää"]).mask("ääää") == "***"
    assert Masker([" 1234567 "]).mask("1234567") == "1234567"
    assert not Masker(["1234567", ""]).has_values


@given(some.lists(names, min_size=1, max_size=4), some.text(alphabet="abAB01 ", max_size=80))
def test_no_piece_is_left_however_values_overlap(values: list[str], text: str) -> None:
    for value in values[:2]:  # some that overlap by all but a few characters
        text += value + value[3:] + value[:5]
    covered = [False] * len(text)
    for form in {folded(form).decode() for value in values for root in roots(value) for form in forms(root)}:
        for start in range(len(text)):
            if text.upper().startswith(form, start):
                covered[start : start + len(form)] = [True] * len(form)
    expected = "".join("\0" if is_covered else letter for letter, is_covered in zip(text, covered, strict=True))
    while "\0\0" in expected:
        expected = expected.replace("\0\0", "\0")
    assert Masker(values).mask(text) == expected.replace("\0", "***")


def test_a_chain_of_values_that_overlap_is_masked_whole() -> None:
    masker = Masker(["abcdefghij", "ijklmnopqr", "qrstuvwxyz"])
    assert masker.mask("<abcdefghijklmnopqrstuvwxyz>") == "<***>"
    assert Masker(["abcdefab"]).mask("<" + "abcdef" * 5 + "ab>") == "<***>"
    assert Masker(["12345678", "0123456789"]).mask("<12345678 0123456789>") == "<*** ***>"


def test_a_long_value_is_found_and_the_beginning_of_it_too() -> None:
    value = "".join(f"{number:x}-" for number in range(5000, 9000))
    masker = Masker([value, value + "tail", value[:100] + "other"])
    assert masker.mask(f"<{value}>") == "<***>"
    assert masker.mask(f"<{value}tail>") == "<***>"
    assert masker.mask(f"<{value[:100]}other>") == "<***>"
    assert masker.mask(f"<{value[:500]}>") == "<***>"
    assert masker.mask(f"<{base64.b64encode(value.encode()).decode()}>") == "<***>"
    assert masker.mask(f"<{value[:60]}>") == f"<{value[:60]}>"


def test_many_lines_are_found_at_least_as_they_are() -> None:
    lines = [f"{number:010x}" for number in range(3000)]
    masker = Masker(iter(["\n".join(lines), TOKEN]))
    assert masker.mask(" ".join(lines)).replace("*** ", "") == "***"
    assert masker.mask(f"<{base64.b64encode(TOKEN.encode()).decode()}>") == "<***>"  # whatever comes before it


@pytest.mark.parametrize("text", ["a" * 100_000, ("a" * 127 + "b") * 800])
def test_values_that_match_everywhere_are_masked_all_the_same(text: str) -> None:
    for values in (["a" * length for length in range(8, 129)], ["a" * 5000]):
        masked = Masker(values).mask(text)
        assert "aaaaaaaa" not in masked or values == ["a" * 5000]
        assert masked.count("a") <= text.count("a")
    assert Masker(["a" * 5000]).mask("a" * 100_000) == "***"


def test_values_of_backslashes_are_found_as_fast_as_others() -> None:
    """One by one, these thousand forms would take longer than any test may."""
    values = ["\n".join(letter + "\\" * length for length in range(8, 108)) for letter in "abcdefgh"]
    masker = Masker(values)
    assert masker.has_values
    for length in range(8, 108):  # a few match so often that the text is masked as a whole
        assert masker.mask("<h" + "\\" * length + ">") in ("<***>", "***")
    for _ in range(1000):
        assert masker.mask("a\\b") == "a\\b"
    assert masker.lines_with_values(b"x\nb" + b"\\" * 20 + b"\nx") == {1}


@pytest.mark.parametrize("value", ["0\n\\+\r\n\\Z\\", '\\"\\\\"\\\\a', "\\" * 12, "ab\n\n\n\n\n\nc"])
def test_values_that_are_nearly_all_escapes_are_found_in_json_in_json(value: str) -> None:
    for text in (value, json.dumps(value), json.dumps(json.dumps(value)), json.dumps({"a": json.dumps([value])})):
        assert "***" in Masker([value]).mask(text)


def test_blocks_of_equal_lines_are_found_as_fast_as_others() -> None:
    """Compared line by line, they would take minutes."""
    masker = Masker(["\n".join([*["a"] * 500, str(number), "a"]) for number in range(200)])
    assert masker.mask_blocks(["a"] * 1000) == {}
    for _ in range(50):
        changed = masker.mask_blocks([*["a"] * 900, "7", "a", "a"])
        assert changed == dict.fromkeys(range(400, 902), "***")


def test_blocks_that_overlap_leave_nothing_of_each_other() -> None:
    masker = Masker(["k1\nzz\nab k2"])
    assert masker.mask_blocks(["k1", "zz", "ab k2k1", "zz", "ab k2"]) == dict.fromkeys(range(5), "***")
    assert masker.mask_blocks(["x k1", "zz", "ab k2 k1", "zz", "ab k2 x"]) == {
        0: "x ***", 1: "***", 2: "*** ***", 3: "***", 4: "*** x",
    }  # fmt: skip
    assert masker.mask_blocks(["k1", "zz", "ab"]) == {}


@pytest.mark.parametrize("length", range(4, len(TOKEN)))
def test_a_piece_at_a_cut_is_masked(length: int) -> None:
    masker = Masker([TOKEN])
    assert masker.mask_cut(f"key {TOKEN[:length]}") == "key ***"
    assert masker.mask_cut_bytes(f"key {TOKEN[:length]}".encode()) == b"key ***"
    assert masker.mask_cut(f"{TOKEN[-length:]} key", beginning=True, end=False) == "*** key"
    assert masker.mask(f"key {TOKEN[:length]}") == f"key {TOKEN[:length]}"
    assert masker.mask_cut(f"key {TOKEN[:length]} ") == f"key {TOKEN[:length]} "


def test_a_piece_of_a_long_value_or_of_half_a_character_is_masked_at_a_cut() -> None:
    value = "".join(f"{number:x}-" for number in range(5000, 9000))
    masker = Masker([value, MIXED])
    for length in (5, 63, 64, 65, 200, 10_000):
        assert masker.mask_cut(f"key {value[:length]}") == "key ***"
        assert masker.mask_cut(f"{value[-length:]} key", beginning=True) == "*** key"
    assert masker.mask_cut(value[300:900], beginning=True) == "***"
    cut = MIXED[: MIXED.index("🐍")] + "\ud83d"
    assert masker.mask_cut(f"key {cut}") == "key ***"
    assert masker.mask_cut_bytes(b"key " + MIXED.encode()[:-4]) == b"key ***"


def test_text_that_is_no_unicode_stays_as_it_is() -> None:
    masker = Masker([TOKEN])
    assert masker.mask(f"\ud800{TOKEN}\udfff") == "\ud800***\udfff"
    assert masker.mask_bytes(b"\xff" + TOKEN.encode() + b"\x00") == b"\xff***\x00"
    assert masker.mask("") == ""
    assert masker.mask_bytes(b"") == b""


def test_a_masker_is_made_once_for_the_same_values() -> None:
    values = RunValues((("A", TOKEN), ("B", "short")), (("C", "variable value"),))
    masker = masker_of(values)
    assert masker is not None
    assert masker is masker_of(RunValues((("A", TOKEN), ("B", "short"))))
    assert masker.mask("variable value") == "variable value"
    assert masker_of(RunValues()) is None
    assert masker_of(RunValues((("A", "short"),))) is None
    assert TOKEN not in repr(masker)
    changed = masker_of(RunValues((("A", "another value"),)))
    assert changed is not None
    assert changed.mask(f"{TOKEN} another value") == f"{TOKEN} ***"


def test_values_of_very_many_forms_are_found_wherever_they_overlap() -> None:
    values = [f"{number:05d}<>{number:05d}" for number in range(200)]
    masker = Masker(["\n".join(values[place::8]) for place in range(8)])
    text = "".join(value[:5] + value for value in values)
    assert masker.mask(f"<{text}>") == f"<{'***'.join(value[:5] for value in values)}***>"
    assert masker.mask(f"<{quote(values[0])[:-2]}{values[0]}{values[199]}>") == "<***>"
    lines = [values[7], "a", "b" + values[150], "a", base64.b64encode(values[33].encode()).decode(), "a"]
    assert masker.lines_with_values("\n".join(lines).encode()) == {0, 2, 4}


class Huge(Masker):
    """A masker as of the largest values, which takes seconds to make."""

    def __init__(self, values: Iterable[str]) -> None:
        super().__init__(values)
        self.memory = 1 << 40


def test_a_masker_that_is_larger_than_all_that_is_kept_is_made_once_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("codeactions.domain.masker.Masker", Huge)
    values = RunValues((("A", "a value of a huge masker"),))
    assert masker_of(values) is masker_of(values) is not None


@given(names, some.text(max_size=60))
def test_nothing_but_the_value_is_masked(value: str, text: str) -> None:
    assume(not any(folded(form) in folded(text.encode()) for form in forms(value)))
    assert Masker([value]).mask(text) == text


def test_hex_of_a_dump_is_found() -> None:
    assert TOKEN not in Masker([TOKEN]).mask(binascii.hexlify(b"x" + TOKEN.encode()).decode())
    assert Masker([TOKEN]).mask(binascii.hexlify(b"x" + TOKEN.encode()).decode()) == "78***"
