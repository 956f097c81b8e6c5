"""The times at which API tokens were last used: noted in memory and written in batches, to save a statement a call."""

import asyncio
import contextlib
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from codeactions.background.task import BackgroundTask
from codeactions.domain.errors import Error
from codeactions.domain.token import ApiToken
from codeactions.postgres.tokens import TokenStore

_WRITE_INTERVAL = 15.0  # seconds
_PRECISION = timedelta(seconds=60)  # a token used again within this time is not noted again
_MAX_TOKENS = 10_000
_log = structlog.get_logger()


class TokenUsage:
    """The uses of API tokens that are still to be written; a background task writes them."""

    def __init__(self, store: TokenStore) -> None:
        self._store = store
        self._noted: dict[UUID, datetime] = {}
        self._written: dict[UUID, datetime] = {}
        self._task = BackgroundTask("use of tokens", self._write_regularly)

    def note(self, token: ApiToken, now: datetime) -> None:
        """Note that a token was used. Fast: nothing is written."""
        last = self._written.get(token.id) or token.last_used_at
        if (last is None or now - last >= _PRECISION) and len(self._noted) < _MAX_TOKENS:
            self._noted[token.id] = now

    async def start(self) -> None:
        """Start to write regularly."""
        self._task.start()

    async def stop(self) -> None:
        """Stop, and write what is left if the database answers."""
        await self._task.stop()
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
        self._written = {**self._written, **noted} if len(self._written) < _MAX_TOKENS else noted

    async def _write_regularly(self) -> None:
        while True:
            await asyncio.sleep(_WRITE_INTERVAL)
            try:
                await self.write()
            except Error as error:
                _log.warning("token_use_not_written", reason=error.message)
