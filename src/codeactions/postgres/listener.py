"""Changes in the database, heard by LISTEN: triggers send a notification with the key of each row that changes."""

import asyncio
from typing import Protocol

import psycopg
import structlog

from codeactions.background.task import BackgroundTask
from codeactions.postgres.database import connect

CODES, PERMISSIONS, TOKENS = "codeactions_codes", "codeactions_permissions", "codeactions_tokens"
VALUES = "codeactions_values"
EVERYTHING = "*"  # the payload in place of a great many keys
_RETRY_SECONDS = 1.0
_log = structlog.get_logger()


class Subscriber(Protocol):
    """An object that is told of the changes on one channel."""

    def on_change(self, payload: str) -> None:
        """Handle a change of the row with this key, or of any row if the payload is `EVERYTHING`."""

    def on_hearing(self, *, is_hearing: bool) -> None:
        """Handle the beginning or the end of a time in which changes are heard."""


class NotificationListener:
    """One connection that listens on every channel that has a subscriber."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._subscribers: dict[str, Subscriber] = {}
        self._task = BackgroundTask("changes in the database", self._listen)

    def __repr__(self) -> str:
        return f"<NotificationListener of {', '.join(self._subscribers)}>"

    def subscribe(self, channel: str, subscriber: Subscriber) -> None:
        """Send the notifications of a channel to a subscriber, one for each channel. Call it before `start`."""
        self._subscribers[channel] = subscriber

    async def start(self) -> None:
        """Start to connect. Subscribers are told that changes are heard once the connection listens."""
        self._task.start()

    async def stop(self) -> None:
        """Stop listening."""
        await self._task.stop()

    async def _listen(self) -> None:
        while True:
            try:
                async with await connect(self._url) as connection:
                    for channel in self._subscribers:
                        await connection.execute(f"LISTEN {channel}")
                    self._tell_all(is_hearing=True)
                    async for notification in connection.notifies():
                        self._subscribers[notification.channel].on_change(notification.payload)
            except psycopg.Error as error:
                _log.warning("changes_unheard", error=type(error).__name__)
            finally:
                self._tell_all(is_hearing=False)
            await asyncio.sleep(_RETRY_SECONDS)

    def _tell_all(self, *, is_hearing: bool) -> None:
        for subscriber in self._subscribers.values():
            subscriber.on_hearing(is_hearing=is_hearing)
