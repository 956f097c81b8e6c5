"""When API tokens were last used: noted in memory, written now and then, since it is not worth a statement a call."""

import asyncio
import contextlib
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from codeactions.domain.errors import Error
from codeactions.domain.token import ApiToken
from codeactions.postgres.tokens import TokenStore

_EVERY = 15.0  # seconds
_EXACT = timedelta(seconds=60)
_MOST = 10_000
_log = structlog.get_logger()


class TokenUsage:
    """`note` is quick; a task writes what was noted."""

    def __init__(self, store: TokenStore) -> None:
        self._store = store
        self._noted: dict[UUID, datetime] = {}
        self._written: dict[UUID, datetime] = {}
        self._task: asyncio.Task[None] | None = None

    def note(self, token: ApiToken, now: datetime) -> None:
        """A token was used."""
        last = self._written.get(token.id) or token.last_used_at
        if (last is None or now - last >= _EXACT) and len(self._noted) < _MOST:
            self._noted[token.id] = now

    async def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.create_task(self._write_now_and_then(), name="use of tokens")

    async def stop(self) -> None:
        """Write what is left, if the database is there."""
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        with contextlib.suppress(Error):
            await self.write()

    async def write(self) -> None:
        """Write what was noted. Raises `Error` (busy); then it stays noted."""
        if not self._noted:
            return
        noted = dict(self._noted)
        await self._store.note_use(noted)
        for token_id, at in noted.items():
            if self._noted.get(token_id) == at:
                del self._noted[token_id]
        self._written = {**self._written, **noted} if len(self._written) < _MOST else noted

    async def _write_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(_EVERY)
            try:
                await self.write()
            except Error as error:
                _log.warning("token_use_not_written", reason=error.message)
