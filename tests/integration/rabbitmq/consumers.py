"""Consumers of a real RabbitMQ's messages, what is sent to them, and looks at both."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from harness import turns, until
from migrations import Connection

from codeactions.domain.errors import Error, ErrorCode
from codeactions.domain.event import Event
from codeactions.events.config import EventsConfig
from codeactions.events.consumer import EventsConsumer
from codeactions.services.membership_sync import MembershipSync

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ANA, BEN = "ana@example.com", "ben@example.com"


class Fake(MembershipSync):
    """Writes down what it is told, after it has gone wrong as often as it is to."""

    def __init__(self, *wrong: Exception) -> None:
        self.wrong = list(wrong)
        self.attempts = 0
        self.names: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def apply(self, event: Event) -> bool:
        self.attempts += 1
        await self.gate.wait()
        if self.wrong:
            raise self.wrong.pop(0)
        self.names.append(event.project_uuid)
        return True


async def hurried(seconds: float) -> None:
    """In place of `asyncio.sleep`: waits are not what is tested."""
    await turns()


@contextlib.asynccontextmanager
async def consuming(
    config: EventsConfig, directory: MembershipSync, *, connected: bool = True
) -> AsyncIterator[EventsConsumer]:
    consumer = EventsConsumer(config, directory, sleep=hurried, now=lambda: NOW)
    await consumer.start()
    try:
        if connected:
            await eventually(lambda: healthy(consumer))
        yield consumer
    finally:
        await consumer.stop()


async def eventually(condition: Callable[[], Awaitable[Any]], seconds: float = 30.0) -> Any:
    return await until(condition, seconds)


async def healthy(consumer: EventsConsumer) -> dict[str, Any] | None:
    return None if await reason(consumer) else await consumer.check()


async def reason(consumer: EventsConsumer) -> str:
    """Why it is not connected; empty: it is."""
    try:
        await consumer.check()
    except Error as error:
        found = error
    else:
        return ""
    assert found.code is ErrorCode.BUSY
    assert found.message.startswith("not connected: ")
    return found.message.removeprefix("not connected: ")


async def settled(consumer: EventsConsumer, *, consumed: int = 0, dead: int = 0) -> None:
    """Until so many messages are done."""

    async def look() -> bool:
        found = await healthy(consumer) or {}
        return (found.get("consumed"), found.get("dead_lettered")) == (consumed, dead)

    await eventually(look)


@contextlib.asynccontextmanager
async def channel(config: EventsConfig) -> AsyncIterator[AbstractChannel]:
    async with await aio_pika.connect(config.url) as connection, connection.channel() as opened:
        yield opened


async def send(config: EventsConfig, exchange: str, *bodies: bytes, key: str = "a.key", **properties: Any) -> None:
    """Publish, so that it survives the broker's death."""
    async with channel(config) as opened:
        target = await opened.get_exchange(exchange)
        for body in bodies:
            message = aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT, **properties)
            await target.publish(message, key)


async def send_project(config: EventsConfig, uuid: str, roles: dict[str, int] | None = None) -> None:
    listed = [{"user_email": email, "role": role} for email, role in (roles or {}).items()]
    body = json.dumps({"uuid": uuid, "name": "P", "authorizations": listed})
    await send(config, config.projects_exchange, body.encode())


async def send_permission(config: EventsConfig, uuid: str, user: str, role: int | None) -> None:
    body = {"action": "update" if role else "delete", "project": uuid, "user": user, "role": role}
    await send(config, config.permissions_exchange, json.dumps(body).encode())


async def taken(config: EventsConfig, queue: str) -> list[AbstractIncomingMessage]:
    """Everything that is in a queue, out of it."""
    async with channel(config) as opened:
        held = await opened.get_queue(queue)
        found = []
        while message := await held.get(fail=False, no_ack=True):
            found.append(message)
        return found


def roles(tables: Connection, uuid: str) -> dict[str, int]:
    rows = tables.execute("SELECT email, role FROM user_permissions WHERE project_uuid = %s", (uuid,)).fetchall()
    return dict(rows)


def name(tables: Connection, uuid: str) -> str | None:
    row = tables.execute("SELECT name FROM projects WHERE uuid = %s", (uuid,)).fetchone()
    return row and row[0]


async def begun(fake: Fake) -> bool:
    return fake.attempts > 0


async def seen(fake: Fake, different: int) -> bool:
    return len(set(fake.names)) == different


async def connections(logs: list[Any], times: int) -> bool:
    return sum(log["event"] == "events_connected" for log in logs) == times


async def seen_by_one(first: Fake, second: Fake, number: int) -> bool:
    return len(first.names) + len(second.names) == number


async def has(fake: Fake, uuid: str) -> bool:
    return uuid in fake.names


async def in_use(consumer: EventsConsumer, config: EventsConfig) -> bool:
    found = await healthy(consumer)
    return found is not None and config.projects_queue not in found["standby"]


async def told(consumer: EventsConsumer, text: str) -> bool:
    return text in await reason(consumer)
