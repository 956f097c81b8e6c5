"""The log as the server collects it: whole entries, printed text cut anywhere, raw output, and the limits of all."""

import pytest
from hypothesis import given
from hypothesis import strategies as some
from recording import NOW

from codeactions.domain.job import OutputLimits
from codeactions.domain.masker import Masker
from codeactions.execution.log_collector import LogCollector
from codeactions.runtimes.protocol import LOG_LEVELS, Kind, Malformed

DEBUG, INFO, WARNING, ERROR = (bytes([number]) for number in range(len(LOG_LEVELS)))
texts = some.text(alphabet="aü🐍\n", max_size=20).map(str.encode)


def collector(masker: Masker | None = None, **limits: int) -> LogCollector:
    return LogCollector(OutputLimits(**limits), lambda: NOW, masker)


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


TOKEN = "xoxb-17653672481-19874698323-pdFZKVeTuE8sk7oOcHrzqqgy"


@given(some.data())
def test_a_secret_is_masked_however_a_line_is_cut_into_pieces(data: some.DataObject) -> None:
    text = f"a {TOKEN} b\n{TOKEN}{TOKEN}".encode()
    log = collector(Masker([TOKEN]))
    cuts = sorted(data.draw(some.lists(some.integers(0, len(text)))))
    add = data.draw(some.sampled_from(("frame", "output")))
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        if add == "frame":
            log.add_frame(Kind.TEXT, INFO + text[start:end])
        else:
            log.add_output("info", text[start:end])
    log.finish()
    assert lines(log) == [("info", "a *** b"), ("info", "***")]


@pytest.mark.parametrize("kind", [Kind.LOG, Kind.TEXT, None])
@pytest.mark.parametrize("place", range(60, 105))
def test_no_piece_of_a_secret_is_left_where_a_line_is_cut(kind: Kind | None, place: int) -> None:
    log = collector(Masker([TOKEN]), log_characters=100)
    line = b"." * place + TOKEN.encode() + b"." * 200
    if kind is None:
        log.add_output("info", line + b"\n")
    else:  # an engine cuts an entry behind the first character that is not kept
        log.add_frame(kind, INFO + (line[:101] if kind is Kind.LOG else line + b"\n"))
    ((_, text),) = lines(log)
    assert text.startswith("." * min(place, 99))
    assert text.endswith("…")
    assert len(text) <= 100
    assert TOKEN[:4] not in text
    assert "***" in text or place > 96


@given(some.lists(some.sampled_from([TOKEN, "a b", "\\", "Ab+/9w==", "two\nlines here", TOKEN[:9], "ü"]), max_size=30))
def test_lines_that_come_together_are_masked_as_those_that_come_alone(pieces: list[str]) -> None:
    text = "\n".join(pieces).encode() + b"\n"
    masker = Masker([TOKEN, "two\nlines here", "odd\\\\\\\\\\"])
    together, alone = collector(masker), collector(masker)
    together.add_output("info", text)
    for line in text.splitlines(keepends=True):
        alone.add_output("info", line)
    for log in (together, alone):
        log.finish()
        assert not any(TOKEN in content or "lines here" in content for _, content in lines(log))
    assert lines(together) == lines(alone)


def test_a_line_that_the_mask_makes_short_still_says_that_it_was_cut() -> None:
    log = collector(Masker([TOKEN]), log_characters=100)
    log.add_frame(Kind.LOG, INFO + f"{TOKEN} {TOKEN}".encode()[:101])
    assert lines(log) == [("info", "*** ***…")]


def test_a_secret_of_several_lines_is_masked_line_by_line_the_short_ones_too() -> None:
    value = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQ\nAb==\n\nend"
    for feed in ("\n", "\r\n"):
        log = collector(Masker([value]))
        log.add_frame(Kind.TEXT, INFO + f"key: {value}, Ab==\nend\nAb==\n".replace("\n", feed).encode())
        log.add_frame(Kind.LOG, DEBUG + value.encode())
        log.finish()
        texts = [text.rstrip("\r") for _, text in lines(log)]
        assert texts == ["key: ***", "***", "***", "***", "***, Ab==", "end", "Ab==", "***"]
        assert log.lines[0].at is NOW


def test_lines_of_two_streams_do_not_keep_a_secret_apart() -> None:
    value = "ab\ncd\nef\ngh"
    log = collector(Masker([value]))
    for line in value.split("\n"):
        log.add_output("info", line.encode() + b"\n")
        log.add_output("error", b"between\n")
    log.finish()
    assert lines(log) == [("info", "***"), ("error", "between")] * 4


def test_bytes_that_are_no_text_do_not_hide_a_secret() -> None:
    log = collector(Masker([TOKEN]))
    log.add_output("error", b"\xff" + TOKEN.encode() + b"\xfe\n")
    assert lines(log) == [("error", "\\xff***\\xfe")]
