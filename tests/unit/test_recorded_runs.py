"""Runs and their record, with an executor, a recorder and builds that do what a test says."""

import asyncio
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from recording import CODE, NOW, FakeAnswer, FakeBuilds, FakeExecution, FakeExecutor, FakeRecorder, FakeValues

from codeactions.domain.code import Code
from codeactions.domain.errors import Error, ErrorCode
from codeactions.domain.job import Admission, OutputLimits
from codeactions.domain.run import Answer, Call, ErrorType, FinishedRun, Outcome, RunError, RunStatus
from codeactions.domain.run_values import RunValues
from codeactions.execution.builds import Prepared
from codeactions.execution.recorded_runs import RecordedRuns
from codeactions.execution.run_masking import RunMasking

RUN = UUID(int=7)


class Bench:
    """A `RecordedRuns` among fakes."""

    def __init__(self, builds: FakeBuilds | None = None, given: FakeValues | None = None, **changes: Any) -> None:
        self.executor = FakeExecutor()
        self.recorder = FakeRecorder()
        self.ended: list[Outcome] = []
        values: dict[str, Any] = {"node": "n", "instance": 3, "now": lambda: NOW, "new_run_id": lambda: RUN}
        self.runs = RecordedRuns(
            self.executor,
            self.recorder,
            builds=builds or FakeBuilds(),
            values=given or FakeValues(),
            on_end=lambda _, outcome: self.ended.append(outcome),
            **values | changes,
        )

    def call(self, code: Code = CODE, call: Call | None = None) -> "asyncio.Task[FinishedRun]":
        return asyncio.create_task(self.runs.run(code, call or Call()))

    async def started(self) -> FakeExecution:
        """The one execution, once it has begun."""
        while not self.executor.started:
            self.executor.changed.clear()
            await self.executor.changed.wait()
        return self.executor.started[-1]


async def test_a_run_is_begun_executed_and_finished() -> None:
    bench = Bench()
    task = bench.call(call=Call("PUT", "/x", (("a", "1"),), (("Cookie", "s"),), b"body"))
    execution = await bench.started()
    (begun,) = bench.recorder.begun
    assert (begun.id, begun.status, begun.body, begun.params) == (RUN, RunStatus.STARTED, "body", {"a": "1"})
    assert begun.headers == {"Cookie": "***"}
    assert (begun.extra["node"], begun.extra["instance"]) == ("n", 3)
    assert bench.recorder.finished == []
    assert bench.runs.running == 1
    execution.answer()
    finished = await task
    assert bench.recorder.finished == [finished]
    assert finished.run.status is RunStatus.COMPLETED
    assert finished.run.result == "done"
    assert finished.run.extra == {**begun.extra, **finished.added}
    assert bench.ended == [finished.outcome]
    assert bench.runs.running == 0


async def test_a_job_has_all_that_an_execution_needs() -> None:
    limits, admission = OutputLimits(log_lines=3), Admission(most_waiting=1)
    values = RunValues((("A", "1"),), (("B", "2"),))
    bench = Bench(FakeBuilds(prepared=Prepared(artifact="k")), FakeValues(values), limits=limits, admission=admission)
    task = bench.call(call=Call(body=b"b"))
    execution = await bench.started()
    job = execution.job
    assert (job.id, job.language, job.source, job.artifact) == (RUN, "python", "", "k")
    assert (job.call.body, job.timeout, job.output, job.admission) == (b"b", 60, limits, admission)
    assert job.values is values
    assert bench.recorder.begun[0].extra["artifact"] == "k"
    execution.answer()
    await task


@pytest.mark.parametrize(
    ("settings", "own", "zone"),
    [
        ({}, None, "UTC"),
        ({"timezone": "Asia/Tokyo"}, None, "Asia/Tokyo"),
        ({"timezone": "Asia/Tokyo"}, "Europe/Berlin", "Europe/Berlin"),
    ],
    ids=["neither", "the server's", "its own"],
)
async def test_a_job_has_the_time_zone_of_its_code_or_else_the_servers(
    settings: dict[str, str], own: str | None, zone: str
) -> None:
    bench = Bench(**settings)
    task = bench.call(replace(CODE, timezone=own))
    execution = await bench.started()
    assert execution.job.timezone == zone
    execution.answer()
    await task


async def test_an_invalid_source_is_a_run_that_failed_without_an_execution() -> None:
    bench = Bench(FakeBuilds(RunError(ErrorType.INVALID_SOURCE, "no", line=2, column=1)))
    finished = await bench.runs.run(CODE, Call())
    assert bench.executor.started == []
    assert [run.id for run in bench.recorder.begun] == [RUN]
    assert finished.run.status is RunStatus.FAILED
    assert finished.run.extra["error"]["line"] == 2


async def test_a_run_whose_secrets_cannot_be_read_is_refused() -> None:
    bench = Bench(given=FakeValues(refusal=Error(ErrorCode.INTERNAL, "another key")))
    with pytest.raises(Error, match="another key"):
        await bench.runs.run(CODE, Call())
    assert bench.executor.started == []
    assert bench.recorder.begun == []


async def test_a_run_without_a_slot_is_not_recorded() -> None:
    bench = Bench()
    bench.executor.close()
    with pytest.raises(Error, match="stopping"):
        await bench.runs.run(CODE, Call())
    assert bench.recorder.begun == []


@pytest.mark.parametrize("part", ["clock", "recorder"])
async def test_an_execution_whose_run_cannot_even_be_written_down_is_cancelled(part: str) -> None:
    def broken(*_: object, **__: object) -> datetime:
        raise RuntimeError("not today")

    bench = Bench(**({"now": broken} if part == "clock" else {}))
    if part == "recorder":
        bench.recorder.begin = broken  # type: ignore[method-assign,assignment]
    with pytest.raises(RuntimeError, match="not today"):
        await bench.runs.run(CODE, Call())
    (execution,) = bench.executor.started
    assert execution.end.done()
    assert bench.runs.running == 0


async def test_a_run_whose_begin_is_not_written_is_ended_and_does_not_count() -> None:
    bench = Bench()
    bench.recorder.refuses_begin = Error(ErrorCode.BUSY, "the database is away")
    with pytest.raises(Error, match="away"):
        await bench.runs.run(CODE, Call())
    (execution,) = bench.executor.started
    error = execution.end.result().error
    assert error is not None
    assert error.type is ErrorType.INTERNAL
    assert bench.recorder.abandoned == [RUN]
    assert bench.recorder.finished == []
    assert bench.ended == []


async def test_a_run_whose_end_is_not_written_is_not_answered() -> None:
    bench = Bench()
    bench.recorder.refuses_finish = Error(ErrorCode.BUSY, "the database is away")
    task = bench.call()
    (await bench.started()).answer()
    with pytest.raises(Error, match="away"):
        await task
    assert bench.ended == []


async def test_a_run_that_was_taken_for_lost_is_answered_as_lost() -> None:
    bench = Bench()
    bench.recorder.taken_for_lost = True
    task = bench.call()
    (await bench.started()).answer()
    finished = await task
    assert finished.outcome.answer is None
    assert finished.run.status is RunStatus.FAILED
    assert finished.run.result is None
    assert finished.run.extra["error"]["type"] == "lost"
    assert "status_code" not in finished.run.extra


async def test_a_run_goes_on_when_its_caller_is_cancelled() -> None:
    bench = Bench()
    task = bench.call()
    execution = await bench.started()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert bench.runs.running == 1
    execution.answer()
    await bench.runs.close(60)
    assert [finished.run.status for finished in bench.recorder.finished] == [RunStatus.COMPLETED]


async def test_closing_ends_what_runs_and_begins_nothing_more() -> None:
    bench = Bench()
    running = bench.call()
    await bench.started()
    bench.executor.gate.clear()
    waiting = bench.call()
    while not bench.executor.waiting:
        bench.executor.changed.clear()
        await bench.executor.changed.wait()
    closing = asyncio.create_task(bench.runs.close(0))
    error = (await running).outcome.error
    assert error is not None
    assert (error.type, error.message) == (ErrorType.CANCELLED, "the server stopped")
    bench.executor.gate.set()
    with pytest.raises(Error, match="stopping"):
        await waiting
    await closing
    with pytest.raises(Error, match="stopping"):
        await bench.runs.run(CODE, Call())
    assert len(bench.recorder.begun) == 1


async def test_nothing_that_is_recorded_has_the_value_of_a_secret() -> None:
    bench = Bench(given=FakeValues(RunValues((("A", "a long secret"),))), masked_params={"pin"})
    call = Call(params=(("a", "a long secret"), ("PIN", "1")), body=b"<a long secret>")
    task = bench.call(call=call)
    execution = await bench.started()
    assert execution.job.call is call
    (begun,) = bench.recorder.begun
    assert (begun.params, begun.body) == ({"a": "***", "PIN": "***"}, "<***>")
    execution.answer(b"it is a long secret")
    finished = await task
    assert isinstance(finished, FinishedRun)
    assert finished.outcome.answer is not None
    assert finished.outcome.answer.body == b"it is a long secret"
    assert bench.recorder.finished[0].run.result == "it is ***"


async def test_a_refused_source_tells_no_secret_either() -> None:
    refusal = RunError(ErrorType.INVALID_SOURCE, "no such name: a long secret", "1 | a long secret", 1)
    bench = Bench(FakeBuilds(refusal), FakeValues(RunValues((("A", "a long secret"),))))
    finished = await bench.runs.run(CODE, Call(headers=(("X-A", "a long secret"),)))
    assert isinstance(finished, FinishedRun)
    assert (finished.run.extra["error"]["message"], finished.run.headers) == ("no such name: ***", {"X-A": "***"})
    assert finished.run.extra["error"]["traceback"] == "1 | ***"


@pytest.mark.parametrize("row", ["answer_run", "finish_run"])
async def test_a_run_whose_row_cannot_be_made_ends_and_is_left_to_be_taken_for_lost(
    row: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(RunMasking, row, fail)
    bench = Bench()
    task = bench.call()
    execution = await bench.started()
    if row == "answer_run":
        early = FakeAnswer(b"whole")
        early.whole.set_result(Answer(b"whole"))
        execution.begun.set_result(early)
    else:
        execution.answer()
    with pytest.raises(MemoryError):
        await task
    assert execution.end.done()
    await bench.runs.close(10)
    assert (bench.recorder.abandoned, bench.recorder.finished, bench.runs.running) == ([RUN], [], 0)
