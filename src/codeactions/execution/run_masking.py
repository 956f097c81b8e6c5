"""Masking of what is recorded of a run: its call, its answer and its error. What the caller gets is never masked."""

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from codeactions.domain.masker import Masker, is_at_hand, masker_of
from codeactions.domain.record import answer_run, finish_run
from codeactions.domain.run import Answer, AnsweredRun, Call, FinishedRun, Outcome, Run, RunError
from codeactions.domain.run_values import RunValues
from codeactions.runtimes.protocol import TEXT_LIMIT

# Bytes from which the work is done beside the event loop: the search lets go of Python's lock.
_LARGE = 256 * 1024
_LARGE_VALUES = 4 * 1024
# One thread: runs that come meanwhile wait for the same masker, and keep no thread from other work.
_MAKER = ThreadPoolExecutor(1, "masker")
# What engines put in the place of the middle of a long traceback.
_LEFT_OUT = re.compile(r"\n… \d+ characters left out …\n")
_Result = TypeVar("_Result")


async def masker_for(values: RunValues) -> Masker | None:
    """Return the masker of a run's values; None if there is nothing to mask. Large ones are prepared in a thread."""
    if is_at_hand(values) or sum(len(value) for _, value in values.secrets) < _LARGE_VALUES:
        return masker_of(values)
    return await asyncio.get_running_loop().run_in_executor(_MAKER, masker_of, values)


class RunMasking:
    """Makes the rows of one run without secret values. The log is masked already, by the collector.

    masker: of the run's values; None if there is nothing to mask. with_result: mask the bodies of answers, too.
    """

    def __init__(self, masker: Masker | None, *, with_result: bool) -> None:
        self._masker = masker
        self._with_result = with_result

    def __repr__(self) -> str:
        return f"<RunMasking by {self._masker}>"

    async def call(self, call: Call) -> Call:
        """Return a call as it is recorded."""
        masker = self._masker
        if masker is None:
            return call
        return await _done(lambda: _masked_call(call, masker), len(call.body))

    async def answer_run(self, run: Run, answer: Answer, at: datetime) -> AnsweredRun:
        """Make the row of a run that goes on after its answer."""
        recorded = await self._answer(answer)
        answered = answer_run(run, answer, at, recorded)
        return answered if recorded is answer else replace(answered, shown=answer_run(run, answer, at).run)

    async def finish_run(self, run: Run, outcome: Outcome, at: datetime) -> FinishedRun:
        """Make the row of a run that has ended. Its `outcome` has the answer that the caller gets."""
        masker, error = self._masker, outcome.error
        if masker is None:
            return finish_run(run, outcome, at)
        if error is not None:  # pieces at a cut are looked for in each of the forms
            outcome = replace(outcome, error=await _done(lambda: masked_error(error, masker), masker.size))
        recorded = outcome.answer and await self._answer(outcome.answer, is_cut=error is not None)
        finished = finish_run(run, outcome, at, recorded)
        return finished if recorded is outcome.answer else replace(finished, shown=finish_run(run, outcome, at).run)

    async def _answer(self, answer: Answer, *, is_cut: bool = False) -> Answer:
        masker = self._masker
        if masker is None:
            return answer
        return await _done(lambda: _masked_answer(answer, masker, self._with_result, is_cut), len(answer.body))


def masked_error(error: RunError, masker: Masker) -> RunError:
    """Return an error as it is recorded. Its message and traceback may have been cut by the run's engine."""
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


def _masked_call(call: Call, masker: Masker) -> Call:
    mask = masker.mask
    pairs = [part for pair in (*call.params, *call.headers) for part in pair]
    together = "\0".join((call.method, call.path, call.raw_path, *pairs, call.text or ""))
    body = masker.mask_bytes(call.body)
    if body is call.body and mask(together) is together:  # nearly always: one search is quicker than one for each
        return call
    return replace(
        call,
        method=mask(call.method),
        path=mask(call.path),
        raw_path=mask(call.raw_path),
        params=_masked_pairs(call.params, masker),
        headers=_masked_pairs(call.headers, masker),
        body=body,
        text=None if call.text is None else mask(call.text),
    )


def _masked_answer(answer: Answer, masker: Masker, with_body: bool, is_cut: bool) -> Answer:
    """Mask an answer. is_cut: whether one in pieces may have ended anywhere, since its run failed."""
    body = answer.body
    if with_body:  # of an answer in pieces, the record may have the first bytes alone
        is_cut = answer.size is not None and (is_cut or answer.size > len(body))
        body = masker.mask_cut_bytes(body) if is_cut else masker.mask_bytes(body)
    head = "\0".join((answer.content_type, *[part for pair in answer.headers for part in pair]))
    if body is answer.body and masker.mask(head) is head:
        return answer
    content_type, headers = masker.mask(answer.content_type), _masked_pairs(answer.headers, masker)
    return replace(answer, body=body, content_type=content_type, headers=headers)


def _masked_pairs(pairs: tuple[tuple[str, str], ...], masker: Masker) -> tuple[tuple[str, str], ...]:
    together = "\0".join([part for pair in pairs for part in pair])
    if masker.mask(together) == together:  # nearly always: one search is quicker than one for each
        return pairs
    return tuple((masker.mask(name), masker.mask(value)) for name, value in pairs)


async def _done(work: Callable[[], _Result], size: int) -> _Result:
    return work() if size < _LARGE else await asyncio.to_thread(work)
