"""Slots of every executor: which jobs wait for one, which are refused, and when it is free again."""

import asyncio
import gc
import os

import pytest
from conformance.executors.jobs import ENDLESS, HELLO, at_work, error_of, outcome_of
from conformance.executors.sites import SLOTS, Site, job
from conformance.executors.test_ends import SILENT_PROGRAM
from harness import until

from codeactions.domain.errors import Error, ErrorCode
from codeactions.domain.job import Admission
from codeactions.domain.run import Call, ErrorType


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


async def test_when_usage_is_told_the_slot_is_free(site: Site) -> None:
    execution = await site.executor.start(job("def Run(engine):\n    return len(bytearray(20_000_000))\n"))
    assert (await execution.outcome()).answer is not None
    usage = await execution.usage()
    assert site.busy() == 0
    assert usage.memory_peak is None or usage.memory_peak > 20_000_000


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
