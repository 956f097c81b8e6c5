"""What others change in the database, heard by LISTEN: triggers notify of it, with the key of what changed."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Protocol

import psycopg
import structlog

from codeactions.postgres.database import connect

CODES, PERMISSIONS, TOKENS = "codeactions_codes", "codeactions_permissions", "codeactions_tokens"
EVERYTHING = "*"  # is notified instead of very many keys
_RETRY_SECONDS = 1.0
_log = structlog.get_logger()


class Listener(Protocol):
    """Who wants to know: told of each key, and of every beginning and end of a time in which nothing is heard."""

    def changed(self, payload: str) -> None:
        """Something changed, or `EVERYTHING`."""

    def hearing(self, *, on: bool) -> None:
        """From now on changes are heard, or not."""


class NotificationListener:
    """One connection that listens on every channel that somebody wants to hear of."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._listeners: dict[str, Listener] = {}
        self._task: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<NotificationListener of {', '.join(self._listeners)}>"

    def tell(self, channel: str, listener: Listener) -> None:
        """Tell this one of what is notified on a channel. Before `start`."""
        self._listeners[channel] = listener

    async def start(self) -> None:
        """Begin to listen; until it succeeds, nobody is told that changes are heard."""
        self._task = asyncio.create_task(self._listen(), name="changes in the database")

    async def stop(self) -> None:
        """Stop listening."""
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _listen(self) -> None:
        while True:
            try:
                async with await connect(self._url) as connection:
                    for channel in self._listeners:
                        await connection.execute(f"LISTEN {channel}")
                    self._each(lambda listener: listener.hearing(on=True))
                    async for notification in connection.notifies():
                        self._listeners[notification.channel].changed(notification.payload)
            except psycopg.Error as error:
                _log.warning("changes_unheard", error=type(error).__name__)
            finally:
                self._each(lambda listener: listener.hearing(on=False))
            await asyncio.sleep(_RETRY_SECONDS)

    def _each(self, call: Callable[[Listener], None]) -> None:
        for listener in self._listeners.values():
            call(listener)
