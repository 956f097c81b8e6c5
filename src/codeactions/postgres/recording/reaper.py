"""The reaper: finishes the runs that a dead server left behind, so that none stays `started`.

Every server holds an advisory lock for as long as it lives and reaches the database. The lock of a dead server is free.
A living server may lose its connection, and with it the lock, and notices only at its next look. So a server counts as
dead when its lock was free at several looks in a row.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import psycopg
import structlog

from codeactions.background.task import BackgroundTask
from codeactions.postgres.coderuns import InstanceLocks
from codeactions.postgres.database import Connection, connect
from codeactions.postgres.recording.recorder import Recorder

_INTERVAL = 4.0  # seconds between two looks; the runs of a dead server are finished after about 16
_FREE_LOOKS = 4  # in a row with a free lock: a living server has three intervals to take its lock again
_FORGET_AFTER = timedelta(seconds=15)  # a run's end may wait for the database; the recorder gives up after 10 s
_log = structlog.get_logger()


class Reaper:
    """Looks for runs whose server is dead, every few seconds from the server's start on."""

    def __init__(
        self,
        url: str,
        recorder: Recorder,
        instance: int,
        *,
        interval: float = _INTERVAL,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._url = url
        self._recorder = recorder
        self._instance = instance
        self._interval = interval
        self._now = now
        self._connection: Connection | None = None
        self._holds_own = False
        self._suspects: dict[int, int] = {}  # instance → looks in a row at which its lock was free
        self._task = BackgroundTask("reaper", self._serve)

    async def start(self) -> None:
        """Take this server's own lock and start looking."""
        await self._locks()
        self._task.start()

    async def stop(self) -> None:
        """Stop looking, and give the lock back with the connection."""
        await self._task.stop()
        if self._connection:
            await self._connection.close()

    async def look(self) -> int:
        """Look once. Return the number of runs that were finished as lost. Raises the driver's errors."""
        locks = await self._locks()
        lost = 0
        free: dict[int, int] = {}
        for instance in await locks.unfinished() - {self._instance}:
            if not await locks.hold(instance):
                continue
            try:
                looks = self._suspects.get(instance, 0) + 1
                if looks < _FREE_LOOKS:
                    free[instance] = looks
                else:
                    lost += await locks.lose(instance, self._now())
            finally:
                await locks.release(instance)
        self._suspects = free
        before = self._now() - _FORGET_AFTER
        lost += await locks.lose_forgotten(self._instance, list(self._recorder.open_runs), before, self._now())
        return lost

    async def _serve(self) -> None:
        failed = False
        while True:
            try:
                async with asyncio.timeout(20.0):
                    lost = await self.look()
                if lost:
                    _log.warning("runs_lost", count=lost)
                failed = False
            except (psycopg.Error, TimeoutError) as error:
                _log.warning("reaper_failed", error=type(error).__name__)
                if self._connection:
                    await self._connection.close()
                failed = not failed
                if failed:
                    continue  # again at once: the lock went with the connection, and the other servers are counting
            await asyncio.sleep(self._interval)

    async def _locks(self) -> InstanceLocks:
        """Return the locks on a living connection.

        It holds this server's own lock too, unless a session that is dead already still has it.
        """
        if self._connection is None or self._connection.closed:
            self._connection = await connect(self._url)
            self._holds_own = False
            self._suspects = {}  # the same fault may have taken the locks of the other servers
        locks = InstanceLocks(self._connection)
        if not self._holds_own:  # the database may not have noticed yet that the last connection is gone
            self._holds_own = await locks.hold(self._instance)
        return locks
