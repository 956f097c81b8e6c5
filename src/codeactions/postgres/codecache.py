"""Codes kept in memory, so that a call need not ask for its code; dropped as soon as anybody changes one.

A trigger (migration 8) notifies of every change. While nothing is heard, because the connection that listens is
lost, nothing is kept either.
"""

import asyncio
import collections
import contextlib
import time
from collections.abc import Callable
from uuid import UUID

import psycopg
import structlog

from codeactions.domain.code import Code
from codeactions.postgres.codes import CodeStore
from codeactions.postgres.database import connect

_CHANNEL = "codeactions_codes"
_MOST_BYTES = 64 * 1024 * 1024  # of source
_MOST_SECONDS = 5.0  # a code is read again after this long, should a notification ever be missed
_RETRY_SECONDS = 1.0
_log = structlog.get_logger()


class CodeCache:
    """`get` as `CodeStore.get`, mostly from memory. The codes used longest ago make room for others."""

    def __init__(self, store: CodeStore, url: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._url = url
        self._clock = clock
        self._kept: collections.OrderedDict[UUID, tuple[Code, float]] = collections.OrderedDict()
        self._bytes = 0
        self._changes = 0  # counts notifications: what was read before one may be stale
        self._listening = False
        self._task: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        state = "listening" if self._listening else "deaf"
        return f"<CodeCache {len(self._kept)} codes, {self._bytes} bytes, {state}>"

    async def start(self) -> None:
        """Begin to listen."""
        self._task = asyncio.create_task(self._listen(), name="code changes")

    async def stop(self) -> None:
        """Stop listening and forget everything."""
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._forget_all()

    async def get(self, code_id: UUID) -> Code:
        """Read a code. Raises `Error` (not_found, busy)."""
        kept = self._kept.get(code_id)
        if kept is not None and kept[1] > self._clock():
            self._kept.move_to_end(code_id)
            return kept[0]
        changes = self._changes
        code = await self._store.get(code_id)
        if self._listening and changes == self._changes:
            self._keep(code)
        return code

    def forget(self, code_id: UUID) -> None:
        """Drop a code: whoever changed it through this server must see the change at once."""
        self._changes += 1
        kept = self._kept.pop(code_id, None)
        if kept is not None:
            self._bytes -= len(kept[0].source)

    def _keep(self, code: Code) -> None:
        self.forget(code.id)
        self._kept[code.id] = (code, self._clock() + _MOST_SECONDS)
        self._bytes += len(code.source)
        while self._bytes > _MOST_BYTES:
            self.forget(next(iter(self._kept)))

    def _forget_all(self) -> None:
        self._changes += 1
        self._kept.clear()
        self._bytes = 0

    async def _listen(self) -> None:
        while True:
            try:
                async with await connect(self._url) as connection:
                    await connection.execute(f"LISTEN {_CHANNEL}")
                    self._listening = True
                    async for notification in connection.notifies():
                        with contextlib.suppress(ValueError):
                            self.forget(UUID(notification.payload))
            except psycopg.Error as error:
                _log.warning("code_changes_unheard", error=type(error).__name__)
            finally:
                self._listening = False
                self._forget_all()
            await asyncio.sleep(_RETRY_SECONDS)
