"""The consumer of the identity system's messages: each is applied at least once, in the order of its queue."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from codeactions.background.task import BackgroundTask
from codeactions.domain.errors import Error, ErrorCode
from codeactions.domain.event import Event, parse_permission_event, parse_project_event
from codeactions.domain.moment import text_of
from codeactions.events.config import EventsConfig
from codeactions.events.rabbitmq import Standby, Subscription, check_url, reason_of, subscribed
from codeactions.services.membership_sync import MembershipSync

if TYPE_CHECKING:
    from aio_pika.abc import AbstractIncomingMessage

_FIRST_DELAY, _MAX_DELAY = 0.5, 30.0  # seconds before another attempt; doubled each time
_STANDBY_DELAY = 5.0
_MOST_TOLD = 20  # lines of the log about one message
_ATTEMPTS = 5  # for a message that causes an unexpected error
_log = structlog.get_logger()


@dataclass(slots=True)
class _Lane:
    """One queue and its state. down: why it is not connected. alone: see `subscribed`."""

    exchange: str
    queue: str
    parse: Callable[[bytes], Event]
    down: str | None = "still connecting"
    standby: bool = False
    alone: bool = True
    consumed: int = 0
    dead_lettered: int = 0
    last_at: datetime | None = None

    @property
    def settled(self) -> int:
        return self.consumed + self.dead_lettered


class EventsConsumer:
    """Consumers of both queues, each with a connection and a background task of its own.

    Several servers may consume at once: one gets all messages of a queue, and another takes over when it is gone.
    """

    def __init__(
        self,
        config: EventsConfig,
        memberships: MembershipSync,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._config, self._memberships, self._sleep, self._now = config, memberships, sleep, now
        self._lanes = (
            _Lane(config.projects_exchange, config.projects_queue, parse_project_event),
            _Lane(config.permissions_exchange, config.permissions_queue, parse_permission_event),
        )
        self._tasks = [BackgroundTask(f"events of {lane.queue}", partial(self._serve, lane)) for lane in self._lanes]

    async def start(self) -> None:
        """Start to connect, and return. Raises `Error` (invalid) without aio-pika, or for a wrong URL."""
        check_url(self._config.url)
        logging.getLogger("aiormq.connection").setLevel(logging.CRITICAL)  # `_serve` logs broken connections
        for task in self._tasks:
            task.start()

    async def stop(self) -> None:
        """Stop consuming. A message that is not applied yet stays in its queue."""
        await asyncio.gather(*(task.stop() for task in self._tasks), return_exceptions=True)

    async def check(self) -> dict[str, Any]:
        """Return the counts since the start, for `/health`. Raises `Error` (busy) while a queue is not connected.

        standby: the queues whose messages another server gets, until it is gone.
        """
        for lane in self._lanes:
            if lane.down is not None:
                raise Error(ErrorCode.BUSY, f"not connected: {lane.down}", public="not connected")
        times = [lane.last_at for lane in self._lanes if lane.last_at]
        return {
            "state": "ok",
            "consumed": sum(lane.consumed for lane in self._lanes),
            "dead_lettered": sum(lane.dead_lettered for lane in self._lanes),
            "last_at": text_of(max(times)) if times else None,
            "standby": [lane.queue for lane in self._lanes if lane.standby],
        }

    async def _serve(self, lane: _Lane) -> None:
        delay, clock = _FIRST_DELAY, asyncio.get_running_loop().time
        while True:
            _heed_stop()
            began, settled = clock(), lane.settled
            try:
                await self._consume(lane)
            except Standby as standby:
                if not lane.standby:
                    _log.info("events_standby", queue=lane.queue)
                lane.down, lane.standby, lane.alone = None, True, standby.alone
                # At a random time, so that servers that stepped back for each other do not meet again.
                await self._sleep(_STANDBY_DELAY * random.uniform(0.7, 1.3))  # noqa: S311 - not a secret
                continue
            except asyncio.CancelledError:
                _heed_stop()
                lane.down = "the connection was closed"  # the library reports that as a cancellation, too
            except Exception as error:  # any error may be gone with the next connection
                lane.down = reason_of(error, self._config.url)
            lane.standby = False
            if lane.settled > settled or clock() - began > _MAX_DELAY:
                delay = _FIRST_DELAY
            _log.warning("events_disconnected", queue=lane.queue, reason=lane.down, retry_seconds=delay)
            await self._sleep(delay)
            delay = min(2 * delay, _MAX_DELAY)

    async def _consume(self, lane: _Lane) -> None:
        config = self._config
        async with subscribed(
            *(config.url, lane.exchange, lane.queue),
            routing_key=config.routing_key,
            prefetch=config.prefetch,
            alone=lane.alone,
        ) as subscription:
            lane.down, lane.standby = None, False
            _log.info("events_connected", queue=lane.queue, made_by_others=not subscription.is_standard)
            while True:
                _heed_stop()
                message = await subscription.next()
                reason = await self._apply(lane, subscription, message)
                if reason is not None:
                    await subscription.dead_letter(message, reason, self._now())
                await message.ack()
                lane.last_at = self._now()
                if reason is None:
                    lane.consumed += 1
                else:
                    lane.dead_lettered += 1
                    _log.warning("event_dead_lettered", queue=lane.queue, reason=reason)

    async def _apply(self, lane: _Lane, subscription: Subscription, message: "AbstractIncomingMessage") -> str | None:
        """Apply a message, however long the database is away. Return None, or the reason why it cannot be applied."""
        delay, failures = _FIRST_DELAY, 0
        while True:
            _heed_stop()
            try:
                event = lane.parse(message.body)
                await self._memberships.apply(event)
                break
            except Error as error:
                if error.code is ErrorCode.INVALID:
                    return error.message
                failures += error.code is not ErrorCode.BUSY
                _log.warning("event_delayed", queue=lane.queue, reason=error.message, retry_seconds=delay)
            except Exception as error:  # a mistake of ours must not hold up the messages behind this one
                failures += 1
                _log.error("event_failed", queue=lane.queue, attempt=failures, exc_info=error)
            if failures == _ATTEMPTS:
                return "internal"
            await self._sleep(delay)
            delay = min(2 * delay, _MAX_DELAY)
            subscription.check()
        _tell_dropped(lane, event)
        return None


def _tell_dropped(lane: _Lane, event: Event) -> None:
    told = {"queue": lane.queue, "project": event.project_uuid}
    for reason in event.dropped[:_MOST_TOLD]:
        _log.warning("authorization_dropped", **told, reason=reason)
    if len(event.dropped) > _MOST_TOLD:
        _log.warning("authorizations_dropped", **told, further=len(event.dropped) - _MOST_TOLD)


def _heed_stop() -> None:
    """Raise a cancellation that was swallowed, as `asyncio.wait_for` may do when it has just finished."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
