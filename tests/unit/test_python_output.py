"""The output of a Python run, up to the frames that it sends."""

import contextlib
import os
import signal
from collections.abc import Iterator
from threading import Thread
from types import FrameType
from typing import TextIO

import pytest
from hypothesis import given
from hypothesis import strategies as some
from recording import NOW

from codeactions.domain.job import OutputLimits
from codeactions.execution.log_collector import LogCollector
from codeactions.runtimes.protocol import CHUNK_BYTES, PIECE_BYTES, Kind, Reader, pack
from codeactions.runtimes.python import output as output_module
from codeactions.runtimes.python.output import Output, OutputLimitError


class Run:
    """An output whose frames are collected as the server does it."""

    def __init__(self, **limits: int) -> None:
        self.limits = OutputLimits(**limits)
        self._reading, self._writing = os.pipe()
        self.output = Output(self._writing)
        self.output.set_limits(
            lines=self.limits.log_lines, characters=self.limits.log_characters, size=self.limits.log_bytes
        )
        self.stdout: TextIO = self.output.stream("info")
        self.frames: list[tuple[Kind, bytes]] = []
        line = 1 + 4 * (self.limits.log_characters + 1)
        self._reader = Reader({Kind.LOG: line, Kind.TEXT: line + 1})
        os.set_blocking(self._reading, False)

    def read(self) -> list[tuple[Kind, bytes]]:
        """The frames since the last time."""
        try:
            new = list(self._reader.feed(os.read(self._reading, 1 << 20)))
        except BlockingIOError:
            new = []
        self.frames += new
        return new

    def log(self) -> LogCollector:
        """What the server makes of all frames so far, when the run is killed."""
        self.read()
        log = LogCollector(self.limits, lambda: NOW)
        for kind, payload in self.frames:
            log.add_frame(kind, payload)
        log.finish()
        return log

    def close(self) -> None:
        os.close(self._reading)
        os.close(self._writing)


@pytest.fixture
def run() -> Iterator[Run]:
    run = Run()
    yield run
    run.close()


def test_every_piece_of_a_line_is_sent_at_once(run: Run) -> None:
    print("a", 1, end=" ", file=run.stdout)
    assert [payload for _, payload in run.read()] == [b"\1a", b"\1 ", b"\0011", b"\1 "]
    print("b\nc", end="", file=run.stdout)
    assert run.read() == [(Kind.TEXT, b"\1b\n"), (Kind.TEXT, b"\1c")]
    run.output.finish()
    run.output.finish()
    assert run.read() == [(Kind.TEXT, b"\1\n")]


@given(some.lists(some.text(alphabet="aü🐍\n", max_size=9), max_size=12), some.integers(0, 3))
def test_whatever_is_printed_has_the_lines_of_its_text(texts: list[str], lines: int) -> None:
    run = Run(log_lines=lines, log_characters=5)
    try:
        for text in texts:
            run.stdout.write(text)
        run.output.finish()
        log = run.log()
        whole = "".join(texts)
        expected = [line if len(line) <= 5 else line[:4] + "…" for line in whole.split("\n")]
        expected = expected if expected[-1] else expected[:-1]
        assert [line.content for line in log.lines] == expected[:lines]
        assert run.output.held_back + log.dropped == max(0, len(expected) - lines)
    finally:
        run.close()


# The server counts each frame; text in small pieces must not come to the limit by their number.
@pytest.mark.parametrize("size", [1, 3, 100, PIECE_BYTES])
def test_the_frames_of_small_pieces_are_bounded(size: int) -> None:
    run = Run(log_lines=10**6, log_characters=10**6, log_bytes=1 << 20)
    try:
        for number in range((1 << 19) // size):
            run.stdout.write("x" * (size - 1) + ("\n" if number % 9999 == 0 else "x"))
            run.read()
        run.stdout.write("y" * PIECE_BYTES)
        log = run.log()
        assert not log.over_limit
        assert log.lines[-1].content.endswith("x" + "y" * PIECE_BYTES)
    finally:
        run.close()


def test_the_limit_is_told_by_an_exception_that_is_none_of_the_usual(run: Run) -> None:
    for _ in range(16):
        run.stdout.write("x" * (1 << 20))
        run.read()
    with pytest.raises(OutputLimitError):
        run.stdout.write("x")
    assert not issubclass(OutputLimitError, Exception)


def test_a_level_is_the_frames_first_byte(run: Run) -> None:
    for level in ("debug", "info", "warning", "error"):
        run.output.line(level, "a\nb")
    assert run.read() == [(Kind.LOG, bytes([number]) + b"a\nb") for number in range(4)]


class Interruption(Exception):
    pass


@pytest.mark.parametrize("raises", [False, True])
def test_frames_stay_whole_whatever_a_signals_handler_does_in_the_middle_of_one(raises: bool) -> None:
    reading, writing = os.pipe()
    output = Output(writing)
    output.set_limits(lines=10_000, characters=1000, size=1 << 30)
    reader, kinds, handled = Reader({Kind.CHUNK: CHUNK_BYTES, Kind.LOG: 5000, Kind.END: 0}), list[Kind](), 0

    def read() -> None:
        try:
            while Kind.END not in kinds and (data := os.read(reading, CHUNK_BYTES)):
                kinds.extend(kind for kind, _ in reader.feed(data))
        finally:
            os.close(reading)

    is_handling = False

    def interrupt(_: int, frame: FrameType | None) -> None:
        nonlocal handled, is_handling
        if raises and is_handling:
            return  # an exception out of the first handler's own line would take that line away
        if frame is not None and frame.f_code.co_filename == output_module.__file__:
            handled += 1
            is_handling = True
            output.line("info", "in between")
            is_handling = False
            if raises:
                raise Interruption

    before = signal.signal(signal.SIGALRM, interrupt)
    thread = Thread(target=read)
    thread.start()
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    try:
        while handled < 100:
            with contextlib.suppress(Interruption, BrokenPipeError):
                output.send(pack(Kind.CHUNK, b"x" * CHUNK_BYTES))
            assert thread.is_alive(), "a frame was not whole"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        with contextlib.suppress(BrokenPipeError):
            output.send(pack(Kind.END))
        os.close(writing)
        thread.join()
    assert (kinds.count(Kind.LOG), kinds[-1]) == (handled, Kind.END)
