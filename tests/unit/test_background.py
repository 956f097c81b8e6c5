"""Background tasks: started once, stopped for good, and never silent about an error."""

import asyncio

import pytest
import structlog

from codeactions.background.task import BackgroundTask


async def others() -> None:
    """Wait until every other task has ended."""
    if tasks := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(tasks)


class Work:
    """Counts its starts and its ends; fails when `broken` is set."""

    def __init__(self) -> None:
        self.started = 0
        self.ended = 0
        self.broken = asyncio.Event()
        self.begun = asyncio.Event()

    async def __call__(self) -> None:
        self.started += 1
        self.begun.set()
        try:
            await self.broken.wait()
            raise ValueError("broken work")
        finally:
            self.ended += 1


async def test_it_runs_from_start_to_stop() -> None:
    work = Work()
    task = BackgroundTask("counting", work)
    assert repr(task) == "<BackgroundTask counting, not running>"
    task.start()
    await work.begun.wait()
    assert repr(task) == "<BackgroundTask counting, running>"
    await task.stop()
    assert (work.started, work.ended, task.is_running) == (1, 1, False)


async def test_a_second_start_does_nothing_while_it_runs_and_starts_it_again_after_a_stop() -> None:
    work = Work()
    task = BackgroundTask("counting", work)
    task.start()
    task.start()
    await work.begun.wait()
    await task.stop()
    work.begun.clear()
    task.start()
    await work.begun.wait()
    await task.stop()
    assert (work.started, work.ended) == (2, 2)


async def test_stopping_what_was_never_started_or_is_stopped_does_nothing() -> None:
    task = BackgroundTask("counting", Work())
    await task.stop()
    task.start()
    await task.stop()
    await task.stop()
    assert not task.is_running


async def test_a_task_that_is_stopped_before_its_first_step_never_begins() -> None:
    work = Work()
    task = BackgroundTask("counting", work)
    task.start()
    await task.stop()
    assert (work.started, task.is_running) == (0, False)


async def test_work_that_ends_by_itself_is_no_longer_running_and_can_be_started_again() -> None:
    done = 0

    async def once() -> None:
        nonlocal done
        done += 1

    task = BackgroundTask("once", once)
    for _ in range(2):
        task.start()
        await others()
        assert not task.is_running
    await task.stop()
    assert done == 2


async def test_an_error_is_logged_when_it_happens_and_raised_by_stop() -> None:
    work = Work()
    task = BackgroundTask("counting", work)
    with structlog.testing.capture_logs() as logs:
        task.start()
        work.broken.set()
        await others()
        assert [(line["event"], line["task"]) for line in logs] == [("background_task_failed", "counting")]
    with pytest.raises(ValueError, match="broken work"):
        await task.stop()
    await task.stop()


async def test_a_caller_that_is_cancelled_while_it_stops_a_task_stays_cancelled() -> None:
    release, ended = asyncio.Event(), asyncio.Event()
    begun = asyncio.Event()

    async def slow_to_end() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await release.wait()
            ended.set()

    task = BackgroundTask("slow", slow_to_end)
    task.start()
    await begun.wait()
    stopping = asyncio.create_task(task.stop())
    await asyncio.sleep(0)
    stopping.cancel()
    await asyncio.wait((stopping,))
    assert stopping.cancelled()
    release.set()
    await ended.wait()
