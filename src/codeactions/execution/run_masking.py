"""Masking of what is recorded of a run: its call, its answer and its error. What the caller gets is never masked."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from codeactions.domain.masker import Masker, masker_of
from codeactions.domain.record import finish_run
from codeactions.domain.run import Answer, Call, FinishedRun, Outcome, Run, RunError
from codeactions.domain.run_values import RunValues
from codeactions.runtimes.protocol import TEXT_LIMIT

# Bytes from which the work is done beside the event loop: the search lets go of Python's lock.
_LARGE = 256 * 1024
_LARGE_VALUES = 4 * 1024
# What engines put in the place of the middle of a long traceback.
_LEFT_OUT = re.compile(r"\n… \d+ characters left out …\n")
_Result = TypeVar("_Result")


async def masker_for(values: RunValues) -> Masker | None:
    """Return the masker of a run's values; None if there is nothing to mask. Large ones are prepared in a thread."""
    if not values.secrets:
        return None
    size = sum(len(value) for _, value in values.secrets)
    return await _done(lambda: masker_of(values), size, _LARGE_VALUES)


async def masked_call(call: Call, masker: Masker | None) -> Call:
    """Return a call as it is recorded."""
    if masker is None:
        return call
    mask = masker.mask
    line = f"{call.method}\0{call.path}\0{call.raw_path}"
    if mask(line) != line:
        call = replace(call, method=mask(call.method), path=mask(call.path), raw_path=mask(call.raw_path))

    def masked() -> Call:
        return replace(
            call,
            params=_masked_pairs(call.params, masker),
            headers=_masked_pairs(call.headers, masker),
            body=masker.mask_bytes(call.body),
            text=None if call.text is None else mask(call.text),
        )

    return await _done(masked, len(call.body))


async def masked_answer(answer: Answer, masker: Masker | None, *, with_body: bool) -> Answer:
    """Return an answer as it is recorded. with_body: mask its body, too; its head always is."""
    if masker is None:
        return answer

    def masked() -> Answer:
        return replace(
            answer,
            body=masker.mask_bytes(answer.body) if with_body else answer.body,
            content_type=masker.mask(answer.content_type),
            headers=_masked_pairs(answer.headers, masker),
        )

    return await _done(masked, len(answer.body))


def masked_error(error: RunError, masker: Masker | None) -> RunError:
    """Return an error as it is recorded. Its message and traceback may have been cut by the run's engine."""
    if masker is None:
        return error
    message, trace = error.message, error.traceback
    # Engines count characters as their languages do, some of which are two for a language and one here.
    is_cut = len(message) >= TEXT_LIMIT // 2
    message = masker.mask_cut(message) if is_cut else masker.mask(message)
    left_out = _LEFT_OUT.search(trace)
    if left_out:
        before = masker.mask_cut(trace[: left_out.start()])
        after = masker.mask_cut(trace[left_out.end() :], beginning=True, end=False)
        trace = f"{before}{left_out[0]}{after}"
    else:
        trace = masker.mask_cut(trace) if len(trace) >= TEXT_LIMIT else masker.mask(trace)
    return replace(error, message=message, traceback=trace)


async def finish_masked(
    run: Run, outcome: Outcome, at: datetime, masker: Masker | None, *, with_result: bool
) -> FinishedRun:
    """Make the row of a run that has ended, without secret values. Its `outcome` has the answer that the caller gets.

    with_result: mask the result, too. The log is masked already, by the collector.
    """
    if masker is None:
        return finish_run(run, outcome, at)
    told = replace(outcome, error=outcome.error and masked_error(outcome.error, masker))
    kept = told
    if outcome.answer is not None:
        kept = replace(told, answer=await masked_answer(outcome.answer, masker, with_body=with_result))
    return replace(finish_run(run, kept, at), outcome=told, is_masked=kept.answer != told.answer)


def _masked_pairs(pairs: tuple[tuple[str, str], ...], masker: Masker) -> tuple[tuple[str, str], ...]:
    together = "\0".join([part for pair in pairs for part in pair])
    if masker.mask(together) == together:  # nearly always: one search is quicker than one for each
        return pairs
    return tuple((masker.mask(name), masker.mask(value)) for name, value in pairs)


async def _done(work: Callable[[], _Result], size: int, large: int = _LARGE) -> _Result:
    return work() if size < large else await asyncio.to_thread(work)
