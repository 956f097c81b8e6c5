"""The identity system's messages by a real RabbitMQ: they arrive in a real PostgreSQL, or are put aside."""

import json

import aio_pika
import psycopg
import pytest
import rabbitmq
from integration.rabbitmq.consumers import (
    ANA,
    BEN,
    Fake,
    channel,
    consuming,
    eventually,
    name,
    roles,
    send,
    send_permission,
    send_project,
    settled,
    taken,
)
from migrations import Connection
from structlog.testing import capture_logs

from codeactions.domain.errors import Error, ErrorCode
from codeactions.domain.event import MOST_BYTES, ProjectEvent, parse_project_event
from codeactions.events.config import EventsConfig
from codeactions.postgres.database import translated
from codeactions.services.membership_sync import MembershipSync

pytestmark = pytest.mark.skipif(rabbitmq.program() is None, reason="rabbitmq-server is not installed")


def too_long() -> Error:
    """What a statement that the database gave up becomes."""
    with pytest.raises(Error) as caught, translated():
        raise psycopg.errors.QueryCanceled
    return caught.value


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
            "last_at": "2026-01-02T03:04:05.000000Z",
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


async def test_what_cannot_be_read_is_put_aside_with_the_reason_and_the_next_one_is_done(config: EventsConfig) -> None:
    wrong = {
        b"\xff": "the message must be UTF-8",
        b"no": "the message must be JSON",
        b'{"uuid": "p"}': "name must be text",
        b"{}" + b" " * MOST_BYTES: f"the message must have at most {MOST_BYTES} bytes, not {MOST_BYTES + 2}",
        b'{"uuid": "p", "name": "P", "authorizations": {}}': (
            "authorizations must be a list of objects with user_email and role"
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
    assert {message.headers["x-failed-at"] for message in dead} == {"2026-01-02T03:04:05.000000Z"}
    assert [message.headers["x-original-routing-key"] for message in dead] == ["a.key"] * len(wrong) + ["other.key"]
    assert {message.delivery_mode for message in dead} == {aio_pika.DeliveryMode.PERSISTENT}
    assert (dead[0].content_type, dead[0].message_id) == ("application/json", "m")
    assert (dead[-1].expiration, dead[-1].user_id, "CC" in dead[-1].headers) == (None, None, False)
    assert await taken(config, config.projects_queue) == []


async def test_an_authorization_that_cannot_be_read_is_dropped_and_told_and_the_project_is_made(
    config: EventsConfig, directory: MembershipSync, tables: Connection
) -> None:
    uuid = f"dropped {config.projects_queue}"
    listed = [{"user_email": ANA, "role": 3}, {"user_email": BEN, "role": 5}, {"role": 1}]
    listed += [{"user_email": "", "role": 1}] * 25
    with capture_logs() as logs:
        async with consuming(config, directory) as consumer:
            message = json.dumps({"uuid": uuid, "name": "P", "authorizations": listed}).encode()
            await send(config, config.projects_exchange, message)
            await settled(consumer, consumed=1)
            assert (name(tables, uuid), roles(tables, uuid)) == ("P", {ANA: 3})
            for role in ("2", 4):  # known, though as text; unknown
                fields = {"action": "update", "project": uuid, "user": ANA, "role": role}
                await send(config, config.permissions_exchange, json.dumps(fields).encode())
            await settled(consumer, consumed=3)
            assert roles(tables, uuid) == {}
    told = [log for log in logs if log["event"] == "authorization_dropped"]
    assert told[0] == {
        "event": "authorization_dropped",
        "log_level": "warning",
        "queue": config.projects_queue,
        "project": uuid,
        "reason": "authorizations[1]: role must be 1, 2 or 3",
    }
    assert told[1]["reason"] == "authorizations[2]: user_email must be text"
    assert (told[-1]["queue"], told[-1]["reason"]) == (config.permissions_queue, "4 is no role here")
    assert len(told) == 20 + 1, "a long list does not fill the log"
    assert [log["further"] for log in logs if log["event"] == "authorizations_dropped"] == [7]
    assert BEN not in str(told)


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


@pytest.mark.parametrize("place", ["reading", "applying"])
async def test_a_mistake_of_ours_is_put_aside_after_five_attempts(
    config: EventsConfig, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = Fake(*(KeyError("x") for _ in range(5 if place == "applying" else 0)))

    def mistaken(body: bytes) -> ProjectEvent:
        if b"bad" in body:
            raise KeyError("x")
        return parse_project_event(body)

    if place == "reading":
        monkeypatch.setattr("codeactions.events.consumer.parse_project_event", mistaken)
    async with consuming(config, fake) as consumer:
        await send_project(config, "bad")
        await send_project(config, "good")
        await settled(consumer, consumed=1, dead=1)
    assert (fake.attempts, fake.names) == (6 if place == "applying" else 1, ["good"])
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
