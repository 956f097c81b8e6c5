"""Masking of what is recorded of a run: its call, its answer and its error. What the caller gets is never masked."""

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from codeactions.domain.masker import Masker, masker_at_hand, masker_of
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
# Bytes of a body that is copied, to be searched together with what is beside it.
_SMALL = 16 * 1024
_Result = TypeVar("_Result")
_Pairs = tuple[tuple[str, str], ...]


async def masker_for(values: RunValues) -> Masker | None:
    """Return the masker of a run's values; None if there is nothing to mask. Large ones are prepared in a thread."""
    masker = masker_at_hand(values)
    if masker is not None:
        return masker
    if sum(len(value) for _, value in values.secrets) < _LARGE_VALUES:
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
    texts = (call.method, call.path, call.raw_path, call.text or "")
    if not _may_hold(masker, (*call.params, *call.headers), *texts, body=call.body):
        return call
    masked = replace(
        call,
        method=mask(call.method),
        path=mask(call.path),
        raw_path=mask(call.raw_path),
        params=_masked_pairs(call.params, masker),
        headers=_masked_pairs(call.headers, masker),
        body=masker.mask_bytes(call.body),
        text=None if call.text is None else mask(call.text),
    )
    return call if masked == call else masked


def _masked_answer(answer: Answer, masker: Masker, with_body: bool, is_cut: bool) -> Answer:
    """Mask an answer. is_cut: whether one in pieces may have ended anywhere, since its run failed."""
    body, content_type = answer.body, answer.content_type
    # Of an answer in pieces, the record may have the first bytes alone.
    is_cut = with_body and answer.size is not None and (is_cut or answer.size > len(body))
    if not is_cut and not _may_hold(masker, answer.headers, content_type, body=body if with_body else b""):
        return answer
    if with_body:
        body = masker.mask_cut_bytes(body) if is_cut else masker.mask_bytes(body)
    content_type, headers = masker.mask(content_type), _masked_pairs(answer.headers, masker)
    masked = replace(answer, body=body, content_type=content_type, headers=headers)
    return answer if masked == answer else masked


def _may_hold(masker: Masker, pairs: _Pairs, *texts: str, body: bytes) -> bool:
    """Return whether a value may be in any of these: hardly ever, and one search is quicker than one for each."""
    if len(body) > _SMALL:
        return True
    together = "\0".join((*texts, *[part for pair in pairs for part in pair])).encode("utf-8", "surrogatepass")
    together = b"\0".join((together, body))
    return masker.mask_bytes(together) is not together


def _masked_pairs(pairs: _Pairs, masker: Masker) -> _Pairs:
    return tuple((masker.mask(name), masker.mask(value)) for name, value in pairs)


async def _done(work: Callable[[], _Result], size: int) -> _Result:
    return work() if size < _LARGE else await asyncio.to_thread(work)
