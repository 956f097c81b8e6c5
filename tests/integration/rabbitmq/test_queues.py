"""Queues of a real RabbitMQ that several servers share, or that another program has made."""

from dataclasses import replace
from typing import Any

import pytest
import rabbitmq
from integration.rabbitmq.consumers import (
    ANA,
    Fake,
    channel,
    consuming,
    eventually,
    has,
    healthy,
    in_use,
    seen_by_one,
    send,
    send_permission,
    send_project,
    settled,
    taken,
    told,
)
from rabbitmq import RabbitMQ

from codeactions.events.config import EventsConfig

pytestmark = pytest.mark.skipif(rabbitmq.program() is None, reason="rabbitmq-server is not installed")


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
