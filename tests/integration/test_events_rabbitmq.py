"""The identity system's messages by a real RabbitMQ, which is killed and refuses things, into a real PostgreSQL."""

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import aio_pika
import psycopg
import pytest
import rabbitmq
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from harness import turns, until
from migrations import Connection
from rabbitmq import PASSWORD, RabbitMQ
from structlog.testing import capture_logs

from codeactions.domain.errors import Error, ErrorCode
from codeactions.domain.event import MOST_BYTES, Event
from codeactions.events.config import EventsConfig
from codeactions.events.consumer import EventsConsumer
from codeactions.postgres.database import Database, translated, unavailable
from codeactions.services.membership_sync import MembershipSync

pytestmark = pytest.mark.skipif(rabbitmq.program() is None, reason="rabbitmq-server is not installed")

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ANA, BEN = "ana@example.com", "ben@example.com"
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    """Shared by the tests of this module, which have names of their own and leave it running."""
    broker = RabbitMQ(tmp_path_factory.mktemp("rabbitmq"))
    try:
        yield broker.start()
    finally:
        broker.stop()


@pytest.fixture
async def directory(migrated_url: str) -> AsyncIterator[MembershipSync]:
    database = Database(migrated_url)
    await database.open()
    yield MembershipSync(database)
    await database.close()


@pytest.fixture
def config(broker: RabbitMQ) -> EventsConfig:
    """With names that no other test has."""
    number = next(_numbers)
    return EventsConfig(
        url=broker.url(),
        projects_exchange=f"{number}.projects.topic",
        projects_queue=f"{number}.projects",
        permissions_exchange=f"{number}.permissions.topic",
        permissions_queue=f"{number}.permissions",
    )


def too_long() -> Error:
    """What a statement that the database gave up becomes."""
    with pytest.raises(Error) as caught, translated():
        raise psycopg.errors.QueryCanceled
    return caught.value


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


# ---- what comes arrives in the tables


async def test_a_project_then_a_permission(config: EventsConfig, directory: MembershipSync, tables: Connection) -> None:
    async with consuming(config, directory) as consumer:
        await send_project(config, "one", {ANA: 1})
        await settled(consumer, consumed=1)
        assert (name(tables, "one"), roles(tables, "one")) == ("P", {ANA: 1})
        await send_permission(config, "one", BEN, 3)
        await settled(consumer, consumed=2)
        assert roles(tables, "one") == {ANA: 1, BEN: 3}
        assert await consumer.check() == {
            "state": "ok",
            "consumed": 2,
            "dead_lettered": 0,
            "last_at": NOW.isoformat(),
            "standby": [],
        }
    assert await taken(config, config.projects_queue) == await taken(config, config.permissions_queue) == []


async def test_permissions_then_their_project(
    config: EventsConfig, directory: MembershipSync, tables: Connection
) -> None:
    async with consuming(config, directory) as consumer:
        await send_permission(config, "two", ANA, 3)
        await send_permission(config, "two", BEN, None)
        await settled(consumer, consumed=2)
        assert (name(tables, "two"), roles(tables, "two")) == (None, {})
        await send_project(config, "two", {ANA: 1, BEN: 1})
        await settled(consumer, consumed=3)
        assert (name(tables, "two"), roles(tables, "two")) == ("P", {ANA: 3})


async def test_what_is_delivered_again_brings_nothing_back(
    config: EventsConfig, directory: MembershipSync, tables: Connection
) -> None:
    async with consuming(config, directory) as consumer:
        await send_project(config, "three", {ANA: 1, BEN: 1})
        await settled(consumer, consumed=1)
        await send_permission(config, "three", ANA, None)
        await settled(consumer, consumed=2)
        await send_project(config, "three", {ANA: 1, BEN: 1})
        await send_permission(config, "three", ANA, None)
        await settled(consumer, consumed=4)
        assert roles(tables, "three") == {BEN: 1}


# ---- messages that are no good


async def test_what_cannot_be_read_is_put_aside_with_the_reason_and_the_next_one_is_done(config: EventsConfig) -> None:
    wrong = {
        b"\xff": "the message must be UTF-8",
        b"no": "the message must be JSON",
        b'{"uuid": "p"}': "name must be text",
        b"{}" + b" " * MOST_BYTES: f"the message must have at most {MOST_BYTES} bytes, not {MOST_BYTES + 2}",
        b'{"uuid": "p", "name": "P", "authorizations": [{"user_email": "x", "role": 1}]}': (
            "authorizations[0].user_email must be an address such as ana@example.com"
        ),
    }
    fake = Fake()
    async with consuming(config, fake) as consumer:
        # An expiration, a user id or CC in the copy would lose it or send it elsewhere.
        lost = {"expiration": 300, "user_id": "owner", "headers": {"CC": [config.permissions_queue]}}
        await send(config, config.projects_exchange, *wrong, content_type="application/json", message_id="m")
        await send(config, config.projects_exchange, b"more", key="other.key", **lost)
        await send_project(config, "good")
        await settled(consumer, consumed=1, dead=len(wrong) + 1)
        assert fake.names == ["good"]
    dead = await taken(config, f"{config.projects_queue}.dead")
    assert [message.body for message in dead] == [*wrong, b"more"]
    assert [message.headers["x-reason"] for message in dead] == [*wrong.values(), "the message must be JSON"]
    assert {message.headers["x-failed-at"] for message in dead} == {NOW.isoformat()}
    assert [message.headers["x-original-routing-key"] for message in dead] == ["a.key"] * len(wrong) + ["other.key"]
    assert {message.delivery_mode for message in dead} == {aio_pika.DeliveryMode.PERSISTENT}
    assert (dead[0].content_type, dead[0].message_id) == ("application/json", "m")
    assert (dead[-1].expiration, dead[-1].user_id, "CC" in dead[-1].headers) == (None, None, False)
    assert await taken(config, config.projects_queue) == []


async def test_a_dead_letter_that_the_broker_does_not_take_stays_where_it_was(config: EventsConfig) -> None:
    dead = f"{config.permissions_queue}.dead"
    async with channel(config) as opened:  # full from the start
        await opened.declare_queue(dead, durable=True, arguments={"x-max-length": 1, "x-overflow": "reject-publish"})
        await opened.default_exchange.publish(aio_pika.Message(b"old"), dead)
    fake = Fake()
    with capture_logs() as logs:
        async with consuming(config, fake) as consumer:
            await send(config, config.permissions_exchange, b"bad")

            async def refused_twice() -> bool:
                return sum(log["event"] == "events_disconnected" for log in logs) >= 2

            await eventually(refused_twice)
            async with channel(config) as opened:  # just the one: its successor may come at once
                assert (await (await opened.get_queue(dead)).get(no_ack=True)).body == b"old"
            await settled(consumer, dead=1)
    assert [message.body for message in await taken(config, dead)] == [b"bad"]


async def test_a_mistake_of_ours_is_put_aside_after_five_attempts(config: EventsConfig) -> None:
    fake = Fake(*(KeyError("x") for _ in range(5)))
    async with consuming(config, fake) as consumer:
        await send_project(config, "bad")
        await send_project(config, "good")
        await settled(consumer, consumed=1, dead=1)
    assert (fake.attempts, fake.names) == (6, ["good"])
    (message,) = await taken(config, f"{config.projects_queue}.dead")
    assert message.headers["x-reason"] == "internal"
    assert json.loads(message.body)["uuid"] == "bad"


async def test_a_message_that_always_takes_the_database_too_long_does_not_hold_up_the_others(
    config: EventsConfig,
) -> None:
    fake = Fake(*(too_long() for _ in range(5)))
    async with consuming(config, fake) as consumer:
        await send_project(config, "bad")
        await send_project(config, "good")
        await settled(consumer, consumed=1, dead=1)
    assert (fake.attempts, fake.names) == (6, ["good"])


async def test_four_mistakes_are_forgiven(config: EventsConfig) -> None:
    fake = Fake(KeyError("x"), Error(ErrorCode.INTERNAL, "y"), KeyError("x"), Error(ErrorCode.INTERNAL, "y"))
    async with consuming(config, fake) as consumer:
        await send_project(config, "good")
        await settled(consumer, consumed=1)
    assert fake.names == ["good"]


# ---- what goes away comes back


async def test_while_the_database_is_away_messages_wait_in_their_order(config: EventsConfig) -> None:
    fake = Fake(*(unavailable() for _ in range(7)))  # more often than a mistake is forgiven
    async with consuming(config, fake) as consumer:
        for uuid in ("a", "b", "c"):
            await send_project(config, uuid)
        await settled(consumer, consumed=3)
    assert (fake.attempts, fake.names) == (10, ["a", "b", "c"])
    assert await taken(config, f"{config.projects_queue}.dead") == []


async def test_after_the_brokers_sudden_death_it_connects_by_itself_and_nothing_is_lost(
    config: EventsConfig, broker: RabbitMQ
) -> None:
    fake = Fake()
    async with consuming(config, fake) as consumer:
        fake.gate.clear()
        for number in range(40):  # more than are fetched ahead
            await send_project(config, f"p{number}")
        await eventually(lambda: begun(fake))
        broker.kill()
        try:
            await eventually(lambda: reason(consumer))
        finally:
            await asyncio.to_thread(broker.start)
        fake.gate.set()
        await eventually(lambda: healthy(consumer))
        await eventually(lambda: seen(fake, 40))
        await send_project(config, "after")
        await eventually(lambda: seen(fake, 41))
    # The one that was being done when the broker died was done, and came again.
    assert fake.names == ["p0", *(f"p{number}" for number in range(40)), "after"]


async def begun(fake: Fake) -> bool:
    return fake.attempts > 0


async def seen(fake: Fake, different: int) -> bool:
    return len(set(fake.names)) == different


async def test_a_queue_that_is_deleted_is_made_anew(config: EventsConfig) -> None:
    fake = Fake()
    with capture_logs() as logs:
        async with consuming(config, fake) as consumer:
            async with channel(config) as opened:
                await opened.queue_delete(config.projects_queue)
            await eventually(lambda: connections(logs, 3))
            await eventually(lambda: healthy(consumer))
            await send_project(config, "after")
            await settled(consumer, consumed=1)


async def test_what_waited_for_the_database_while_the_queue_was_lost_is_not_done_by_who_lost_it(
    config: EventsConfig, caplog: pytest.LogCaptureFixture
) -> None:
    fake, awake = Fake(unavailable()), asyncio.Event()

    async def sleep(seconds: float) -> None:
        await awake.wait()

    async def cancelled() -> bool:
        return "cancelled by the broker" in caplog.text

    consumer = EventsConsumer(config, fake, sleep=sleep)
    await consumer.start()
    try:
        await eventually(lambda: healthy(consumer))
        await send_project(config, "old")
        await eventually(lambda: begun(fake))
        async with channel(config) as opened:
            await opened.queue_delete(config.projects_queue)
        await eventually(cancelled)
        with capture_logs() as logs:
            awake.set()
            await eventually(lambda: connections(logs, 1))
        await send_project(config, "new")
        await settled(consumer, consumed=1)
    finally:
        await consumer.stop()
    assert fake.names == ["new"]


async def connections(logs: list[Any], times: int) -> bool:
    return sum(log["event"] == "events_connected" for log in logs) == times


async def test_a_message_that_is_not_done_when_it_stops_is_done_by_the_next_one(config: EventsConfig) -> None:
    stuck, fake = Fake(), Fake()
    async with consuming(config, stuck):
        stuck.gate.clear()
        await send_project(config, "a")
        await send_project(config, "b")
        await eventually(lambda: begun(stuck))
    assert stuck.names == []
    async with consuming(config, fake) as consumer:
        await settled(consumer, consumed=2)
    assert fake.names == ["a", "b"]


async def test_it_stops_though_its_end_is_swallowed(config: EventsConfig) -> None:
    class Deaf(Fake):
        async def apply(self, event: Event) -> bool:
            try:
                return await super().apply(event)
            except asyncio.CancelledError:
                raise unavailable() from None

    deaf = Deaf()
    async with consuming(config, deaf) as consumer, asyncio.timeout(30):
        deaf.gate.clear()
        await send_project(config, "a")
        await eventually(lambda: begun(deaf))
        await consumer.stop()
    assert deaf.attempts == 1
    assert len(await taken(config, config.projects_queue)) == 1


# ---- several servers


async def test_of_two_consumers_one_has_everything_in_order_until_it_is_gone(config: EventsConfig) -> None:
    first, second = Fake(), Fake()
    async with consuming(config, second, connected=False) as other:
        async with consuming(config, first) as consumer:
            await eventually(lambda: healthy(other))
            uuids = [f"p{number}" for number in range(30)]
            for uuid in uuids:
                await send_project(config, uuid)
            await eventually(lambda: seen_by_one(first, second, 30))
            assert (first.names, second.names) in ((uuids, []), ([], uuids))
            assert (await consumer.check())["standby"] == []
        await send_project(config, "after")
        await eventually(lambda: has(second, "after"))
        assert first.names + second.names == [*uuids, "after"]


async def seen_by_one(first: Fake, second: Fake, number: int) -> bool:
    return len(first.names) + len(second.names) == number


async def has(fake: Fake, uuid: str) -> bool:
    return uuid in fake.names


# ---- queues and exchanges of others

OTHERS = {
    "plain": {},
    "quorum": {"x-queue-type": "quorum"},
    "one at a time": {"x-single-active-consumer": True},
    "with letters": {"x-dead-letter-exchange": "amq.fanout", "x-max-length": 1000},
}


@pytest.mark.parametrize("arguments", OTHERS.values(), ids=OTHERS)
async def test_a_queue_of_others_is_taken_as_it_is_and_by_one_server_at_a_time(
    config: EventsConfig, arguments: dict[str, Any]
) -> None:
    async with channel(config) as opened:
        await opened.declare_queue(config.projects_queue, durable=True, arguments=arguments)
    first, second = Fake(), Fake()
    async with consuming(config, first) as consumer:
        await eventually(lambda: in_use(consumer, config))
        async with consuming(config, second) as other:
            assert (await other.check())["standby"] == [config.projects_queue]
            await send(config, config.projects_exchange, b"bad")
            for number in range(10):
                await send_project(config, f"p{number}")
            await settled(consumer, consumed=10, dead=1)
            assert second.names == []
            await consumer.stop()
            await send_project(config, "after")
            await settled(other, consumed=1)
            assert (await other.check())["standby"] == []
    assert (first.names, second.names) == ([f"p{number}" for number in range(10)], ["after"])
    (message,) = await taken(config, f"{config.projects_queue}.dead")
    assert message.headers["x-reason"] == "the message must be JSON"


async def test_of_two_that_come_for_a_queue_of_others_at_the_same_time_one_waits(config: EventsConfig) -> None:
    async with channel(config) as opened:
        await opened.declare_queue(config.projects_queue, durable=True)
    first, second = Fake(), Fake()
    async with (
        consuming(config, first, connected=False) as consumer,
        consuming(config, second, connected=False) as other,
    ):
        both = (consumer, other)
        for each in both:
            await eventually(lambda each=each: healthy(each))

        async def in_use_once() -> bool:
            return sum([await in_use(each, config) for each in both]) == 1

        await eventually(in_use_once)
        uuids = [f"p{number}" for number in range(10)]
        for uuid in uuids:
            await send_project(config, uuid)
        await eventually(lambda: seen_by_one(first, second, 10))
        assert uuids in (first.names, second.names)


async def in_use(consumer: EventsConsumer, config: EventsConfig) -> bool:
    found = await healthy(consumer)
    return found is not None and config.projects_queue not in found["standby"]


async def test_exchanges_of_others_are_taken_as_they_are(config: EventsConfig) -> None:
    async with channel(config) as opened:
        await opened.declare_exchange(config.projects_exchange, "fanout")
        await opened.declare_exchange(f"{config.projects_queue}.dlx", "topic", durable=True)
    async with consuming(config, Fake()) as consumer:
        await send_project(config, "good")
        await settled(consumer, consumed=1)


async def test_who_may_make_nothing_uses_what_is_there(config: EventsConfig, broker: RabbitMQ) -> None:
    reader = replace(config, url=broker.url("reader"))
    async with consuming(reader, Fake(), connected=False) as consumer:
        await eventually(lambda: told(consumer, "NOT_FOUND - no exchange"))
        async with consuming(config, Fake()):
            pass
        await eventually(lambda: healthy(consumer))
        await send(config, config.permissions_exchange, b"bad")
        await send_permission(config, "p", ANA, 1)
        await settled(consumer, consumed=1, dead=1)


async def told(consumer: EventsConsumer, text: str) -> bool:
    return text in await reason(consumer)


# ---- what is told


async def test_a_wrong_password_is_told_without_it(
    config: EventsConfig, broker: RabbitMQ, caplog: pytest.LogCaptureFixture
) -> None:
    with capture_logs() as logs:
        wrong = replace(config, url=broker.url(password=PASSWORD + "-wrong"))
        async with consuming(wrong, Fake(), connected=False) as consumer:
            await eventually(lambda: told(consumer, "ACCESS_REFUSED"))
        async with consuming(config, Fake()):
            pass
    everything = repr(logs) + caplog.text
    assert "events_disconnected" in everything
    assert PASSWORD not in everything
    assert "sec%2Fret" not in everything


async def test_nobody_at_the_address_is_told_and_tried_again(config: EventsConfig) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        await asyncio.sleep(0)

    nobody = replace(config, url="amqp://127.0.0.1:1/")
    consumer = EventsConsumer(nobody, Fake(), sleep=sleep)
    await consumer.start()
    try:
        await eventually(lambda: told(consumer, "[Errno 111]"))

        async def waited() -> bool:
            return len(waits) >= 16

        await eventually(waited)
    finally:
        await consumer.stop()
    assert waits[:16] == [seconds for seconds in (0.5, 1, 2, 4, 8, 16, 30, 30) for _ in range(2)]
