"""The server's side of a run, with nobody at the other end of its pipes: what is in them when the run ends."""

import asyncio
import os

import pytest
from recording import NOW

from codeactions.domain.job import OutputLimits
from codeactions.domain.run import ErrorType, Outcome, RunError
from codeactions.execution.sandbox_run import SandboxRun
from codeactions.runtimes.protocol import Kind, pack, pack_described
from codeactions.sandbox.server.sandbox import Sandbox

CANCELLED = RunError(ErrorType.CANCELLED, "enough")
PRINTED = pack(Kind.TEXT, b"\1", b"one\ntwo ")
RESULT = pack_described(Kind.RESULT, {"status_code": 200, "content_type": "text/plain", "headers": []}, b"late")


async def ended(frames: bytes = b"", stdout: bytes = b"", *, at_once: bool = True, timeout: float = 60) -> Outcome:
    """What becomes of a run that has written this when it is cancelled, before the server has read any, or later."""
    sandbox = Sandbox(1, 1, "none", lambda: None)
    run = SandboxRun(sandbox, OutputLimits(), lambda: NOW)
    run.begin(b"", timeout)
    os.write(sandbox.run_ends[3], frames)
    os.write(sandbox.run_ends[0], stdout)
    if at_once:
        run.end(CANCELLED)
    try:
        return await run.outcome()
    finally:
        sandbox.close_run_ends()


def lines(outcome: Outcome) -> list[tuple[str, str]]:
    return [(line.level, line.content) for line in outcome.logs]


async def test_what_is_still_in_the_pipes_is_in_the_log_of_a_cancelled_run() -> None:
    outcome = await ended(PRINTED, b"raw ")
    assert outcome.error is CANCELLED
    assert lines(outcome) == [("info", "one"), ("info", "two "), ("info", "raw ")]


async def test_what_is_still_in_the_pipes_is_in_the_log_of_a_run_over_its_time() -> None:
    outcome = await ended(PRINTED, b"raw ", at_once=False, timeout=0)
    assert outcome.error is not None
    assert outcome.error.type is ErrorType.TIMEOUT
    assert lines(outcome) == [("info", "one"), ("info", "two "), ("info", "raw ")]


async def test_a_result_that_comes_too_late_is_none_and_nothing_after_it_is_read() -> None:
    outcome = await ended(PRINTED + RESULT + pack(Kind.LOG, b"\1after"))
    assert (outcome.error, outcome.answer) == (CANCELLED, None)
    assert lines(outcome) == [("info", "one"), ("info", "two ")]


@pytest.mark.parametrize("rest", [b"\xff" * 5, pack(Kind.TEXT, b"\2x"), pack(Kind.LOG, b"")[:3]])
async def test_what_breaks_the_protocol_then_harms_nothing(rest: bytes) -> None:
    outcome = await ended(PRINTED + rest, b"raw ")
    assert outcome.error is CANCELLED
    assert lines(outcome) == [("info", "one"), ("info", "two "), ("info", "raw ")]


async def test_a_run_that_breaks_the_protocol_has_its_log() -> None:
    outcome = await ended(PRINTED + b"\xff" * 5, b"raw ", at_once=False)
    assert outcome.error is not None
    assert outcome.error.type is ErrorType.KILLED
    assert sorted(lines(outcome)) == [("info", "one"), ("info", "raw "), ("info", "two ")]


async def test_a_run_at_its_limit_has_the_line_that_it_had_begun() -> None:
    sandbox = Sandbox(1, 1, "none", lambda: None)
    run = SandboxRun(sandbox, OutputLimits(log_bytes=1000), lambda: NOW)
    run.begin(b"", 60)
    os.write(sandbox.run_ends[3], pack(Kind.TEXT, b"\1step ") + pack(Kind.LOG, b"\0", b"x" * 2000))
    outcome = await asyncio.wait_for(run.outcome(), 10)
    sandbox.close_run_ends()
    assert outcome.error is not None
    assert outcome.error.type is ErrorType.OUTPUT_LIMIT
    assert lines(outcome)[-1] == ("info", "step ")
