"""The log as the server collects it: whole entries, printed text cut anywhere, raw output, and the limits of all."""

import pytest
from hypothesis import given
from hypothesis import strategies as some
from recording import NOW

from codeactions.domain.job import OutputLimits
from codeactions.execution.log_collector import LogCollector
from codeactions.runtimes.protocol import LOG_LEVELS, Kind, Malformed

DEBUG, INFO, WARNING, ERROR = (bytes([number]) for number in range(len(LOG_LEVELS)))
texts = some.text(alphabet="aü🐍\n", max_size=20).map(str.encode)


def collector(**limits: int) -> LogCollector:
    return LogCollector(OutputLimits(**limits), lambda: NOW)


def lines(log: LogCollector) -> list[tuple[str, str]]:
    return [(line.level, line.content) for line in log.lines]


def test_an_entry_is_one_line_of_its_level_whatever_is_in_it() -> None:
    log = collector()
    for level in (DEBUG, INFO, WARNING, ERROR):
        log.add_frame(Kind.LOG, level + b"a\nb\n")
    assert lines(log) == [(level, "a\nb\n") for level in LOG_LEVELS]


@given(texts, some.data())
def test_printed_text_makes_the_same_lines_however_it_is_cut(text: bytes, data: some.DataObject) -> None:
    whole, pieces = collector(), collector()
    cuts = sorted(data.draw(some.lists(some.integers(0, len(text)))))
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        pieces.add_frame(Kind.TEXT, INFO + text[start:end])
    whole.add_output("info", text)
    for log in (whole, pieces):
        log.finish()
    assert lines(pieces) == lines(whole) == [("info", line) for line in _split(text.decode())]


def _split(text: str) -> list[str]:
    found = text.split("\n")
    return found if found[-1] else found[:-1]


def test_a_line_is_kept_when_it_ends_and_an_unfinished_one_at_the_end_alone() -> None:
    log = collector()
    log.add_frame(Kind.TEXT, INFO + b"step 1 ")
    log.add_frame(Kind.LOG, WARNING + b"between")
    assert lines(log) == [("warning", "between")]
    log.add_frame(Kind.TEXT, INFO + b"done\nstep 2 ")
    assert lines(log) == [("warning", "between"), ("info", "step 1 done")]
    log.finish()
    log.finish()
    assert lines(log)[2:] == [("info", "step 2 ")]


def test_what_was_begun_in_four_places_stays_apart_and_in_order() -> None:
    log = collector()
    log.add_output("error", b"raw e")
    log.add_output("info", b"raw i")
    log.add_frame(Kind.TEXT, ERROR + b"printed e")
    log.add_frame(Kind.TEXT, INFO + b"printed i")
    log.finish()
    assert lines(log) == [("info", "printed i"), ("error", "printed e"), ("info", "raw i"), ("error", "raw e")]


@pytest.mark.parametrize("payload", [b"", b"\x04x", b"\xffx", DEBUG + b"x", WARNING + b"x"])
def test_printed_text_is_of_one_of_the_two_streams(payload: bytes) -> None:
    with pytest.raises(Malformed):
        collector().add_frame(Kind.TEXT, payload)


def test_of_a_line_without_end_no_more_is_held_than_is_kept() -> None:
    log = collector(log_characters=10)
    for _ in range(1000):
        log.add_frame(Kind.TEXT, INFO + "🐍".encode() * 5)
    assert sum(map(len, log._printed.values())) <= 44
    log.finish()
    assert lines(log) == [("info", "🐍" * 9 + "…")]


def test_lines_over_the_number_are_counted_and_the_next_begins_anew() -> None:
    log = collector(log_lines=1)
    log.add_frame(Kind.TEXT, INFO + b"1\n2 ")
    log.add_frame(Kind.TEXT, INFO + b"2\n3\n4 ")
    log.add_frame(Kind.TEXT, INFO + b"4")
    log.finish()
    assert (lines(log), log.dropped) == ([("info", "1")], 3)


@pytest.mark.parametrize("kind", [Kind.LOG, Kind.TEXT])
def test_empty_frames_count_as_well(kind: Kind) -> None:
    log = collector(log_bytes=1000)
    for _ in range(1000 // 128 + 1):
        assert not log.over_limit
        log.add_frame(kind, INFO)
    assert log.over_limit
