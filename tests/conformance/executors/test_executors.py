"""What every executor has to do. A new one is added to SITES, and passes this file unchanged."""

import asyncio
import gc
import os
import pickle
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import pytest
import pytest_asyncio
from conformance.executors.sites import SITES, SLOTS, Site, job

from codeactions.domain.errors import Error, ErrorCode
from codeactions.domain.job import Admission, OutputLimits
from codeactions.domain.log import LogLine
from codeactions.domain.run import AnswerHead, Call, ErrorType, Outcome, RunError
from codeactions.execution.executor import Execution

HELLO = """
def Run(engine):
    engine.log.info("one")
    engine.log.error("two")
    engine.result.set({"hello": engine.params.get("name")}, status_code=201, headers={"X-A": "1"})
"""
ENDLESS = """
import time
def Run(engine):
    engine.log.info("at work")
    while True:
        time.sleep(1)
"""
SILENT_PROGRAM = Path("/bin/true").read_bytes()


@pytest_asyncio.fixture(params=list(SITES))
async def site(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Site]:
    """Each executor in turn."""
    async with SITES[request.param](tmp_path) as site:
        yield site


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - most of it happens in other processes
            await asyncio.sleep(0.01)


async def outcome_of(site: Site, source: str, **changes: Any) -> Outcome:
    async with asyncio.timeout(60):
        return await (await site.executor.start(job(source, **changes))).outcome()


async def at_work(site: Site) -> Execution:
    """An execution without end that has begun its code."""
    execution = await site.executor.start(job(ENDLESS))
    events = execution.events()
    async with aclosing(cast("Any", events)):
        event = await anext(events)
    assert isinstance(event, LogLine)
    return execution


def error_of(outcome: Outcome) -> RunError:
    assert outcome.answer is None
    assert outcome.error is not None
    return outcome.error


async def test_a_job_is_answered(site: Site) -> None:
    outcome = await outcome_of(site, HELLO, call=Call(params=(("name", "you"),)))
    assert outcome.error is None
    assert outcome.answer is not None
    assert outcome.answer.body == b'{"hello": "you"}'
    assert (outcome.answer.status_code, outcome.answer.headers) == (201, (("X-A", "1"),))
    assert [(line.level, line.content) for line in outcome.logs] == [("info", "one"), ("error", "two")]
    assert outcome.duration_ms > 0
    await until(lambda: site.busy() == 0)


async def test_a_call_arrives_as_it_was_sent(site: Site) -> None:
    source = """
def Run(engine):
    request = engine.request
    return [request.method, request.path, engine.params.items(), engine.header.get("x-a"), request.content.hex()]
"""
    call = Call("PUT", "/a/b", (("k", "1"), ("ü", "")), (("X-A", "v"),), b"\x00\xff")
    outcome = await outcome_of(site, source, call=call)
    assert outcome.answer is not None, outcome.error
    assert outcome.answer.body.decode() == '["PUT", "/a/b", [["k", "1"], ["ü", ""]], "v", "00ff"]'


def test_a_job_is_plain_data_that_can_be_sent_to_another_machine() -> None:
    sent = job(HELLO, artifact="k", call=Call(body=b"x"))
    assert pickle.loads(pickle.dumps(sent)) == sent

    def look(value: object) -> None:
        if is_dataclass(value):
            for field in fields(value):
                look(getattr(value, field.name))
        elif isinstance(value, tuple):
            for part in value:
                look(part)
        else:
            assert value is None or isinstance(value, (str, bytes, int, float, UUID, Enum)), value

    look(sent)


async def test_events_are_the_log_then_the_head_of_the_answer_then_its_body(site: Site) -> None:
    execution = await site.executor.start(job(HELLO))
    for _ in range(2):  # and again from the beginning, when it is over
        events = [event async for event in execution.events()]
        lines = [event.content for event in events if isinstance(event, LogLine)]
        (head,) = [event for event in events if isinstance(event, AnswerHead)]
        assert lines == ["one", "two"]
        assert head.status_code == 201
        at = events.index(head)
        assert all(isinstance(event, LogLine) for event in events[:at])
        assert b"".join(event for event in events[at + 1 :] if isinstance(event, bytes)) == b'{"hello": null}'
    assert (await execution.outcome()).answer is not None


async def test_events_come_while_the_code_is_at_work_and_to_every_reader(site: Site) -> None:
    execution = await at_work(site)
    first, second = execution.events(), execution.events()
    assert [cast("LogLine", await anext(events)).content for events in (first, second)] == ["at work"] * 2
    execution.cancel()
    assert [event async for event in first] == []
    assert [event async for event in second] == []


async def test_an_execution_that_failed_has_no_head(site: Site) -> None:
    execution = await site.executor.start(job("def Run(engine):\n    print('x')\n    raise ValueError('no')\n"))
    events = [event async for event in execution.events()]
    assert [type(event) for event in events] == [LogLine]
    assert error_of(await execution.outcome()).type is ErrorType.EXCEPTION


async def test_a_cancelled_execution_ends_as_cancelled_and_gives_its_slot_back(site: Site) -> None:
    execution = await at_work(site)
    execution.cancel()
    assert error_of(await execution.outcome()).type is ErrorType.CANCELLED
    await until(lambda: site.busy() == 0)


async def test_an_execution_is_ended_with_the_error_that_is_given_and_only_once(site: Site) -> None:
    execution = await at_work(site)
    execution.cancel(RunError(ErrorType.INTERNAL, "first"))
    execution.cancel(RunError(ErrorType.INTERNAL, "second"))
    assert error_of(await execution.outcome()).message == "first"
    done = await site.executor.start(job(HELLO))
    answer = await done.outcome()
    done.cancel()
    assert (await done.outcome()) == answer


async def test_an_execution_ends_with_the_cancelled_wait_for_its_outcome(site: Site) -> None:
    execution = await at_work(site)
    waiting = asyncio.create_task(execution.outcome())
    await asyncio.sleep(0)  # the task has to begin, or nothing is cancelled in it
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await until(lambda: site.busy() == 0)


async def test_a_dropped_execution_gives_its_slot_back(site: Site) -> None:
    execution = await at_work(site)
    assert site.busy() == 1
    del execution
    gc.collect()
    await until(lambda: site.busy() == 0)


async def test_an_execution_whose_start_was_cancelled_never_begins(site: Site) -> None:
    running = [await at_work(site) for _ in range(SLOTS)]
    start = asyncio.create_task(site.executor.start(job(ENDLESS)))
    await until(lambda: site.waiting() == 1)
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    for execution in running:
        execution.cancel()
    await until(lambda: site.busy() == 0)
    assert site.waiting() == 0


async def test_a_start_cancelled_in_the_moment_of_its_turn_leaves_no_slot_taken(site: Site) -> None:
    for turns in range(12):
        running = [await at_work(site) for _ in range(SLOTS)]
        start = asyncio.create_task(site.executor.start(job(ENDLESS)))
        await until(lambda: site.waiting() == 1)
        running[0].cancel()
        await running[0].outcome()
        for _ in range(turns):
            await asyncio.sleep(0)
        start.cancel()
        await asyncio.gather(start, return_exceptions=True)
        del start
        running[1].cancel()
        gc.collect()
        await until(lambda: site.busy() == 0)


async def test_jobs_wait_for_slots_and_all_are_answered(site: Site) -> None:
    source = "def Run(engine):\n    return engine.body\n"
    bodies = [str(number).encode() for number in range(10 * SLOTS)]
    outcomes = await asyncio.gather(*[outcome_of(site, source, call=Call(body=body)) for body in bodies])
    assert [outcome.answer.body if outcome.answer else outcome.error for outcome in outcomes] == bodies


@pytest.mark.parametrize("admission", [Admission(most_waiting=0), Admission(wait_seconds=0.01)])
async def test_a_job_without_a_slot_is_refused_as_busy(site: Site, admission: Admission) -> None:
    running = [await at_work(site) for _ in range(SLOTS)]
    with pytest.raises(Error) as caught:
        await site.executor.start(job(HELLO, admission=admission))
    assert caught.value.code is ErrorCode.BUSY
    assert all(execution is not None for execution in running)


async def test_a_closed_executor_starts_nothing_and_lets_go_on_what_runs(site: Site) -> None:
    running = [await at_work(site) for _ in range(SLOTS)]
    waiting = asyncio.create_task(site.executor.start(job(HELLO)))
    await until(lambda: site.waiting() == 1)
    site.executor.close()
    assert site.busy() == SLOTS
    running[0].cancel()
    for start in (waiting, asyncio.create_task(site.executor.start(job(HELLO)))):
        with pytest.raises(Error, match="the server is stopping"):
            await start
    assert site.busy() >= 1


async def test_a_job_over_its_time_ends_as_timeout(site: Site) -> None:
    error = error_of(await outcome_of(site, ENDLESS, timeout=0.5))
    assert (error.type, error.message) == (ErrorType.TIMEOUT, "the run took longer than its 0.5 s")
    await until(lambda: site.busy() == 0)


async def test_output_has_the_jobs_own_limits(site: Site) -> None:
    limits = OutputLimits(result_bytes=10, log_lines=2, log_characters=5)
    source = "def Run(engine):\n    for n in range(5):\n        print('line', n)\n    return 'x' * int(engine.body)\n"
    outcome = await outcome_of(site, source, output=limits, call=Call(body=b"10"))
    assert outcome.answer is not None, outcome.error
    assert [line.content for line in outcome.logs] == ["line…", "line…"]
    assert outcome.logs_dropped == 3
    error = error_of(await outcome_of(site, source, output=limits, call=Call(body=b"11")))
    assert error.type is ErrorType.OUTPUT_LIMIT


async def test_when_usage_is_told_the_slot_is_free(site: Site) -> None:
    execution = await site.executor.start(job("def Run(engine):\n    return len(bytearray(20_000_000))\n"))
    assert (await execution.outcome()).answer is not None
    usage = await execution.usage()
    assert site.busy() == 0
    assert usage.memory_peak is None or usage.memory_peak > 20_000_000


async def test_a_job_may_name_an_artifact_in_place_of_its_source(site: Site) -> None:
    site.keep("a" * 64, b"export function Run(engine) { return 'built ' + engine.body; }")
    outcome = await outcome_of(site, "", language="javascript", artifact="a" * 64, call=Call(body=b"once"))
    assert outcome.answer is not None, outcome.error
    assert outcome.answer.body == b"built once"


@pytest.mark.parametrize(
    "changes",
    [
        {"language": "javascript", "artifact": "b" * 64},
        {"language": "go", "artifact": "b" * 64},
        {"language": "cobol"},
    ],
)
async def test_a_job_that_cannot_be_started_here_is_refused_as_busy(site: Site, changes: dict[str, str]) -> None:
    with pytest.raises(Error) as caught:
        await site.executor.start(job("", **changes))
    assert caught.value.code is ErrorCode.BUSY
    assert site.busy() == 0


async def test_executions_leave_no_descriptor_and_no_slot_whatever_ends_them(site: Site) -> None:
    program = "c" * 64
    site.keep(program, SILENT_PROGRAM)

    async def each_way() -> None:
        await outcome_of(site, HELLO)
        (await at_work(site)).cancel()
        dropped = await at_work(site)
        del dropped
        await outcome_of(site, ENDLESS, timeout=0.05)
        await outcome_of(site, "import os\ndef Run(engine):\n    os._exit(3)\n")
        # A program that says nothing: its descriptor is the executor's to close.
        assert error_of(await outcome_of(site, "", language="go", artifact=program)).type is ErrorType.KILLED
        await until(lambda: site.busy() == 0)

    await each_way()
    before = sorted(os.listdir("/proc/self/fd"))
    for _ in range(10):
        await each_way()
    assert sorted(os.listdir("/proc/self/fd")) == before
