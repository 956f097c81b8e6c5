"""Connections to a real RabbitMQ: what goes away comes back and no message is lost, and a refusal is told."""

import asyncio
from dataclasses import replace

import pytest
import rabbitmq
from integration.rabbitmq.consumers import (
    Fake,
    begun,
    channel,
    connections,
    consuming,
    eventually,
    healthy,
    reason,
    seen,
    send_project,
    settled,
    taken,
    told,
)
from rabbitmq import PASSWORD, RabbitMQ
from structlog.testing import capture_logs

from codeactions.domain.event import Event
from codeactions.events.config import EventsConfig
from codeactions.events.consumer import EventsConsumer
from codeactions.postgres.database import unavailable

pytestmark = pytest.mark.skipif(rabbitmq.program() is None, reason="rabbitmq-server is not installed")


async def test_while_the_database_is_away_messages_wait_in_their_order(config: EventsConfig) -> None:
    fake = Fake(*(unavailable() for _ in range(7)))  # more often than a mistake is forgiven
    async with consuming(config, fake) as consumer:
        for uuid in ("a", "b", "c"):
            await send_project(config, uuid)
        await settled(consumer, consumed=3)
    assert (fake.attempts, fake.names) == (10, ["a", "b", "c"])
    assert await taken(config, f"{config.projects_queue}.dead") == []


# An attempt to connect that fails leaves an object of the library's, whose finalizer makes the coroutine of its close.
# Where no event loop runs, as in the thread that starts the broker, it cannot be awaited.
@pytest.mark.filterwarnings("ignore:coroutine 'Connection.close' was never awaited:RuntimeWarning")
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
