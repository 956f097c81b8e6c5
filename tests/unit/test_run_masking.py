"""What is recorded of a run that has secrets, and what its caller gets."""

import asyncio
import base64
from collections.abc import Sequence
from typing import Any

import pytest
from recording import CODE, NOW

from codeactions.domain.masker import Masker
from codeactions.domain.record import start_run
from codeactions.domain.run import Answer, Call, ErrorType, Outcome, Run, RunError
from codeactions.domain.run_values import RunValues
from codeactions.execution.run_masking import RunMasking, masked_error, masker_for
from codeactions.runtimes.protocol import TEXT_LIMIT

TOKEN = "sk_live_4eC39HqLyjWDarjtT1zdp7dc"
MASKER = Masker([TOKEN])
LEFT_OUT = "\n… 40 characters left out …\n"


def everything(value: Any) -> list[str]:
    """All texts of a JSON value."""
    if isinstance(value, dict):
        return [text for pair in value.items() for part in pair for text in everything(part)]
    if isinstance(value, list):
        return [text for item in value for text in everything(item)]
    return [value] if isinstance(value, str) else []


def started(call: Call) -> Run:
    return start_run(CODE, call, id=CODE.id, at=NOW, node="n", instance=1, queue_ms=0)


async def test_a_call_is_recorded_without_values_wherever_they_are() -> None:
    basic = base64.b64encode(f"user:{TOKEN}".encode()).decode()
    call = Call(
        f"M{TOKEN}", f"/a/{TOKEN}", (("q", TOKEN), (TOKEN, "x")), (("X-Auth", f"Basic {basic}"),),
        f"body {TOKEN}".encode(), f"/a/{TOKEN.replace('_', '%5F')}%2f{TOKEN}", f"q={TOKEN}",
    )  # fmt: skip
    run = started(await RunMasking(MASKER, with_result=True).call(call))
    assert run.params == {"q": "***", "***": "x"}
    assert run.headers["X-Auth"].startswith("Basic ")
    assert (run.body, run.extra["method"], run.extra["path"]) == ("body ***", "M***", "/a/***")
    assert not [text for text in everything([run.params, run.headers, run.extra]) if TOKEN in text or basic in text]
    decoded = Call(body=TOKEN.encode("utf-16"), text=TOKEN, charset="utf-16")
    assert started(await RunMasking(MASKER, with_result=True).call(decoded)).body == "***"
    binary = started(await RunMasking(MASKER, with_result=True).call(Call(body=b"\xff" + TOKEN.encode())))
    assert base64.b64decode(binary.body or "") == b"\xff***"


@pytest.mark.parametrize("with_result", [True, False])
async def test_an_answer_is_recorded_without_values_and_its_caller_gets_them(with_result: bool) -> None:
    answer = Answer(f"<{TOKEN}>".encode(), 200, f"text/{TOKEN}", (("X-Key", TOKEN),))
    masking = RunMasking(MASKER, with_result=with_result)
    finished = await masking.finish_run(started(Call()), Outcome(answer=answer), NOW)
    assert finished.outcome.answer is answer
    assert finished.run.result == ("<***>" if with_result else f"<{TOKEN}>")
    assert (finished.added["content_type"], finished.added["headers"]) == ("text/***", {"X-Key": "***"})
    assert finished.shown is not None
    assert (finished.shown.result, finished.shown.extra["headers"]) == (f"<{TOKEN}>", {"X-Key": TOKEN})
    answered = await masking.answer_run(started(Call()), answer, NOW)
    assert (answered.run.result, answered.added["headers"]) == (finished.run.result, {"X-Key": "***"})
    assert answered.shown is not None
    assert answered.shown.result == f"<{TOKEN}>"


async def test_an_answer_without_values_is_recorded_as_it_is() -> None:
    for masker in (MASKER, None):
        masking = RunMasking(masker, with_result=True)
        finished = await masking.finish_run(started(Call()), Outcome(answer=Answer(b"plain")), NOW)
        assert (finished.run.result, finished.shown) == ("plain", None)
        assert (await masking.answer_run(started(Call()), Answer(b"plain"), NOW)).shown is None


async def test_an_answer_in_pieces_of_which_the_first_are_kept_has_no_piece_of_a_value() -> None:
    masking = RunMasking(MASKER, with_result=True)
    for body, size, result, cut in (
        (f"a {TOKEN[:12]}", 500, "a ***", True),
        (f"a {TOKEN}", 34, "a ***", False),
        (f"a {TOKEN[:12]}", 14, f"a {TOKEN[:12]}", False),
    ):
        answer = Answer(body.encode(), size=size)
        finished = await masking.finish_run(started(Call()), Outcome(answer=answer), NOW)
        assert finished.run.result == result
        assert (finished.added["result_bytes"], finished.added.get("result_cut", False)) == (size, cut)


async def test_large_bodies_are_masked_as_small_ones_are() -> None:
    body = (f"{TOKEN} " * 20_000).encode()
    masking = RunMasking(MASKER, with_result=True)
    finished = await masking.finish_run(started(await masking.call(Call(body=body))), Outcome(answer=Answer(body)), NOW)
    assert finished.run.body == finished.run.result == "*** " * 20_000


async def test_an_error_is_recorded_without_values_and_an_answer_before_it_too() -> None:
    error = RunError(ErrorType.EXCEPTION, f"bad {TOKEN}", f"line 1\n  {TOKEN!r}\n", 3, 4)
    outcome = Outcome(answer=Answer(TOKEN.encode()), error=error)
    finished = await RunMasking(MASKER, with_result=True).finish_run(started(Call()), outcome, NOW)
    assert finished.added["error"] == {
        "type": "exception", "message": "bad ***", "traceback": "line 1\n  '***'\n", "line": 3, "column": 4
    }  # fmt: skip
    assert finished.outcome.error is not None
    assert finished.outcome.error.message == "bad ***"
    assert (finished.run.result, finished.run.status) == ("***", "failed")


@pytest.mark.parametrize(
    ("message", "trace", "expected"),
    [
        ("m" * (TEXT_LIMIT - 6) + TOKEN[:6], "", ("m" * (TEXT_LIMIT - 6) + "***", "")),
        (TOKEN[:6], TOKEN[:6], (TOKEN[:6], TOKEN[:6])),
        ("", f"a {TOKEN[:9]}{LEFT_OUT}{TOKEN[5:]} b", ("", f"a ***{LEFT_OUT}*** b")),
        ("", f"a {TOKEN}{LEFT_OUT} b {TOKEN[:9]}", ("", f"a ***{LEFT_OUT} b {TOKEN[:9]}")),
        ("", "t" * TEXT_LIMIT + TOKEN[:9], ("", "t" * TEXT_LIMIT + "***")),
    ],
)
def test_where_an_engine_has_cut_no_piece_is_left(message: str, trace: str, expected: Sequence[str]) -> None:
    masked = masked_error(RunError(ErrorType.EXCEPTION, message, trace), MASKER)
    assert (masked.message, masked.traceback) == expected


async def test_runs_that_begin_together_have_the_same_masker_of_large_values() -> None:
    value = " ".join(map(str, range(3000, 9000)))
    first, *others = await asyncio.gather(*(masker_for(RunValues(secrets=(("A", value),))) for _ in range(4)))
    assert first is not None
    assert all(other is first for other in others)


async def test_the_masker_of_a_run_is_of_its_secrets_alone() -> None:
    assert await masker_for(RunValues(variables=(("A", "some variable"),))) is None
    assert await masker_for(RunValues(secrets=(("A", "short"),))) is None
    value = " ".join(map(str, range(5000)))
    large = await masker_for(RunValues(secrets=(("A", value),), variables=(("B", "some variable"),)))
    assert large is not None
    assert large.mask(f"{value} some variable") == "*** some variable"
