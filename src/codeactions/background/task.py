"""A coroutine that runs in the background between a start and a stop."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

_log = structlog.get_logger()


class BackgroundTask:
    """A coroutine that runs from `start` until it ends or `stop` cancels it.

    `work` makes the coroutine: a function without arguments, called once for each start. An error that ends the work
    is logged at once as `background_task_failed`, with the task's name.
    """

    def __init__(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._name = name
        self._work = work
        self._task: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<BackgroundTask {self._name}, {'running' if self.is_running else 'not running'}>"

    @property
    def is_running(self) -> bool:
        """Whether the work was started and has not ended."""
        return self._task is not None and not self._task.done()

    def start(self) -> None:
        """Start the work; do nothing while it runs."""
        if not self.is_running:
            self._task = asyncio.create_task(self._work(), name=self._name)
            self._task.add_done_callback(self._report)

    async def stop(self) -> None:
        """Cancel the work and wait until it has ended; do nothing if it was never started.

        Raises the error that ended the work, if one did. If the caller itself is cancelled while it waits, that
        cancellation is passed on.
        """
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        await asyncio.wait((task,))
        if not task.cancelled():
            task.result()

    def _report(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("background_task_failed", task=self._name, exc_info=error)
