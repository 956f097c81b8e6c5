"""The engines that are not written in Python repeat the protocol's constants; here they are compared."""

import re
from pathlib import Path

import pytest

from codeactions.runtimes import protocol
from codeactions.runtimes.protocol import Kind
from codeactions.sandbox import descriptors

RUNTIMES = Path(protocol.__file__).parent
JAVASCRIPT = "\n".join(path.read_text() for path in sorted((RUNTIMES / "javascript").glob("*.cjs")))
GO = "\n".join(path.read_text() for path in sorted((RUNTIMES / "go" / "engine").glob("*.go")))
EXPECTED = {
    "job descriptor": protocol.JOB_FD,
    "frames descriptor": protocol.FRAMES_FD,
    "log frame": Kind.LOG,
    "result frame": Kind.RESULT,
    "failure frame": Kind.FAILURE,
    "text frame": Kind.TEXT,
    "stream frame": Kind.STREAM,
    "chunk frame": Kind.CHUNK,
    "answered frame": Kind.ANSWERED,
    "end frame": Kind.END,
    "chunk bytes": protocol.CHUNK_BYTES,
    "meta limit": protocol.META_LIMIT,
    "piece bytes": protocol.PIECE_BYTES,
    "most headers": protocol.MOST_HEADERS,
    "name limit": protocol.NAME_LIMIT,
    "value limit": protocol.VALUE_LIMIT,
}
IN_JAVASCRIPT = {
    **{name: name.upper().replace(" ", "_") for name in EXPECTED},
    "log frame": "LOG",
    "result frame": "RESULT",
    "failure frame": "FAILURE",
    "text frame": "TEXT",
    "stream frame": "STREAM",
    "chunk frame": "CHUNK",
    "answered frame": "ANSWERED",
    "end frame": "END",
}


def camel(name: str) -> str:
    """`mostHeaders` of "most headers"."""
    first, *others = name.split()
    return first + "".join(word.capitalize() for word in others)


def number(text: str) -> int:
    """The value of a literal, or of a product of literals."""
    value = 1
    for factor in text.replace("_", "").split("*"):
        value *= int(factor)
    return value


def values(source: str, pattern: str) -> set[int]:
    """Every value that a constant is given."""
    return {number(found) for found in re.findall(pattern, source, re.MULTILINE)}


@pytest.mark.parametrize("name", EXPECTED)
def test_javascript_has_the_same(name: str) -> None:
    pattern = rf"(?:^const |, ){IN_JAVASCRIPT[name]} = ([\d_]+(?: \* [\d_]+)*)"
    assert values(JAVASCRIPT, pattern) == {EXPECTED[name]}


@pytest.mark.parametrize("name", EXPECTED)
def test_go_has_the_same(name: str) -> None:
    assert values(GO, rf"^\t{camel(name)} += ([\d_]+(?: \* [\d_]+)*)$") == {EXPECTED[name]}


def test_the_limit_of_texts_is_the_same_share() -> None:
    assert re.findall(r"TEXT_LIMIT = Math\.floor\(META_LIMIT / (\d+)\)", JAVASCRIPT) == ["40"]
    assert re.findall(r"textLimit += metaLimit / (\d+)", GO) == ["40"]
    assert protocol.META_LIMIT // 40 == protocol.TEXT_LIMIT
    assert "/ 40" not in JAVASCRIPT.replace("META_LIMIT / 40)", "")
    assert "/ 40" not in GO.replace("metaLimit / 40\n", "")


@pytest.mark.parametrize(
    ("source", "pattern"),
    [(JAVASCRIPT, r"const LEVELS = \{ (.*) \};"), (GO, r"var levels = map\[string\]byte\{(.*)\}")],
    ids=["javascript", "go"],
)
def test_levels_have_the_same_numbers(source: str, pattern: str) -> None:
    [table] = re.findall(pattern, source)
    found = {level: int(value) for level, value in re.findall(r'"?(\w+)"?: (\d)', table)}
    assert found == {level: value for value, level in enumerate(protocol.LOG_LEVELS)}


@pytest.mark.parametrize(
    ("path", "pattern"),
    [("javascript/types.cjs", r'^  "?([\w-]+)"?: "(.*)",$'), ("go/engine/types.go", r'^\t\{"([\w-]+)", "(.*)"\},$')],
    ids=["javascript", "go"],
)
def test_short_content_types_mean_the_same(path: str, pattern: str) -> None:
    found = re.findall(pattern, (RUNTIMES / path).read_text(), re.MULTILINE)
    assert found == list(protocol.SHORT_TYPES.items())


def test_every_short_type_of_text_has_its_charset() -> None:
    without = [name for name, full in protocol.SHORT_TYPES.items() if full.startswith("text/") and ";" not in full]
    assert without == []
    charsets = {full.partition("; charset=")[2] for full in protocol.SHORT_TYPES.values()}
    assert charsets == {"", "utf-8"}


def test_a_frames_head_is_five_bytes_everywhere() -> None:
    assert protocol.HEADER.size == 5
    assert "Buffer.alloc(5)" in JAVASCRIPT
    assert "receive(5)" in JAVASCRIPT
    assert "make([]byte, 5)" in GO


def test_a_runs_descriptors_follow_each_other() -> None:
    assert (descriptors.JOB_FD, descriptors.FRAMES_FD, descriptors.PROGRAM_FD) == (3, 4, 5)
