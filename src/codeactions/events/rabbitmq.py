"""What is asked of RabbitMQ, with aio-pika: an optional package, which is imported only when events are switched on."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING

from codeactions.domain.errors import invalid

if TYPE_CHECKING:
    from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage, AbstractQueue
    from pamqp.common import Arguments

_CONNECT_SECONDS, _OPEN_SECONDS, _PUBLISH_SECONDS, _CLOSE_SECONDS = 10, 30, 10, 5
_HEARTBEAT_SECONDS = 15


class Standby(Exception):
    """Somebody else has the messages of the queue. `alone`: how to ask for it next time."""

    def __init__(self, *, alone: bool) -> None:
        super().__init__("somebody else consumes the queue")
        self.alone = alone


class Subscription:
    """The messages of a queue, one after the other; each is to be acknowledged, after `bury` if it is no good.

    mine: whether the queue is as we make it.
    """

    def __init__(self, channel: "AbstractChannel", dead: str, *, mine: bool) -> None:
        self.mine = mine
        self._channel = channel
        self._dead = dead
        self._inbox: asyncio.Queue[AbstractIncomingMessage | None] = asyncio.Queue()
        self._lost: str | None = None

    async def receive(self, message: "AbstractIncomingMessage") -> None:
        """Called for each message that comes."""
        self._inbox.put_nowait(message)

    def lose(self, _: object, error: BaseException | None = None) -> None:
        """Called when no more will come."""
        told = str(error) if isinstance(error, Exception) else ""
        self._lost = self._lost or told or "RabbitMQ has closed the channel or taken the queue away"
        self._inbox.put_nowait(None)

    def check(self) -> None:
        """Raises `ConnectionError` when messages that were received may be somebody else's by now."""
        if self._lost or self._channel.is_closed:
            raise ConnectionError(self._lost or "the channel was closed")

    async def next(self) -> "AbstractIncomingMessage":
        """Wait for a message. Raises `ConnectionError` when none will come any more."""
        message = await self._inbox.get()
        self.check()
        assert message is not None
        return message

    async def bury(self, message: "AbstractIncomingMessage", reason: str, at: datetime) -> None:
        """Put a copy into the dead-letter queue; it is there when this returns."""
        import aio_pika

        # No other property is copied: an expiration or a user id would lose the message, CC would send it elsewhere.
        copy = aio_pika.Message(
            message.body,
            headers={
                "x-reason": reason,
                "x-failed-at": at.isoformat(),
                "x-original-routing-key": message.routing_key or "",
            },
            content_type=message.content_type,
            message_id=message.message_id,
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        )
        # Straight to the queue: nobody else's binding is between. Waits for the broker's word that it is kept.
        await self._channel.default_exchange.publish(copy, self._dead, timeout=_PUBLISH_SECONDS)


@contextlib.asynccontextmanager
async def subscribed(
    url: str, exchange: str, queue: str, *, routing_key: str, prefetch: int, alone: bool
) -> AsyncIterator[Subscription]:
    """Connect, make what is missing, and consume for the length of a `with` block.

    alone: whether to ask for being the only consumer of a queue that was made by somebody else. Raises `Standby`, and
    whatever the library does.
    """
    import aio_pika

    connection = await aio_pika.connect(
        url,
        timeout=_CONNECT_SECONDS,
        heartbeat=_HEARTBEAT_SECONDS,
        client_properties={"connection_name": "codeactions"},
    )
    try:
        async with asyncio.timeout(_OPEN_SECONDS):
            mine = await _declare(connection, exchange, queue)
            channel = await connection.channel(on_return_raises=True)  # with publisher confirms
            await channel.set_qos(prefetch_count=prefetch)
            subscription = Subscription(channel, f"{queue}.dead", mine=mine)
            bound = await channel.get_queue(queue)
            await bound.bind(exchange, routing_key)
            await _subscribe(channel, bound, subscription, alone=alone and not mine)
        yield subscription
    finally:
        with contextlib.suppress(Exception):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await connection.close()


async def _subscribe(
    channel: "AbstractChannel", queue: "AbstractQueue", subscription: Subscription, *, alone: bool
) -> None:
    from aiormq.exceptions import ChannelAccessRefused

    consumers = queue.declaration_result.consumer_count
    if alone and consumers:  # quorum queues do not refuse a second one, whatever it asks for
        raise Standby(alone=True)
    channel.close_callbacks.add(subscription.lose)
    (await channel.get_underlay_channel()).on_consumer_cancel_callbacks.add(subscription.lose)
    try:
        await queue.consume(subscription.receive, exclusive=alone)
    except ChannelAccessRefused as error:
        if "exclusive" not in str(error):
            raise
        # Refused although nobody is there: the queue sees to it itself that one consumer at a time has messages.
        raise Standby(alone=bool(consumers)) from None
    if alone:
        again = await channel.declare_queue(queue.name, passive=True)
        if (again.declaration_result.consumer_count or 0) > 1:  # two began at the same time
            raise Standby(alone=True)


async def _declare(connection: "AbstractConnection", exchange: str, queue: str) -> bool:
    """Make exchanges and queues that are missing; whether the queue is as we make it.

    Queues are classic ones. Quorum queues of RabbitMQ 4 drop a message, or send it away unasked, after 20 deliveries:
    that many restarts while the database is away would be enough. With a single active consumer the order of messages
    holds for several servers, too.
    """
    dead, letters = f"{queue}.dead", f"{queue}.dlx"
    classic: Arguments = {"x-queue-type": "classic"}
    ours: Arguments = {"x-queue-type": "classic", "x-single-active-consumer": True, "x-dead-letter-exchange": letters}
    await _made(connection, lambda c, p: c.declare_exchange(exchange, "topic", durable=True, passive=p))
    await _made(connection, lambda c, p: c.declare_exchange(letters, "fanout", durable=True, passive=p))
    await _made(connection, lambda c, p: c.declare_queue(dead, durable=True, passive=p, arguments=classic))
    mine = await _made(connection, lambda c, p: c.declare_queue(queue, durable=True, passive=p, arguments=ours))
    async with connection.channel() as channel:
        await (await channel.get_queue(dead, ensure=False)).bind(letters)
    return mine


async def _made(connection: "AbstractConnection", make: "Callable[[AbstractChannel, bool], Awaitable[object]]") -> bool:
    """Make something. False: it is there with other properties, or it is not for us to make, but it is there."""
    from aiormq.exceptions import ChannelAccessRefused, ChannelPreconditionFailed

    for passive in (False, True):
        try:
            async with connection.channel() as channel:  # its own: a refusal closes it
                await make(channel, passive)
                return not passive
        except (ChannelPreconditionFailed, ChannelAccessRefused):
            if passive:
                raise
    raise AssertionError("unreachable")


def check_url(url: str) -> None:
    """Raises `Error` (invalid) for one that cannot be RabbitMQ's, and when aio-pika is not installed."""
    try:
        import aio_pika  # noqa: F401
        from yarl import URL
    except ImportError:
        raise invalid("install codeactions[events]: the identity system's messages need aio-pika") from None
    try:
        parsed = URL(url)
        good = parsed.scheme in ("amqp", "amqps") and parsed.host and "@" not in parsed.path
    except ValueError:
        good = False
    if not good:  # without it: it may hold a password
        raise invalid(
            "the address of RabbitMQ must be like amqp://user:password@host:5672/vhost, "
            "with %40, %2F, %3A, %3F, %23 in place of @ / : ? # in user and password"
        )


def reason_of(error: BaseException, url: str) -> str:
    """What went wrong, in a line that never holds the URL's password."""
    from yarl import URL

    text = " ".join(str(error).split()) or type(error).__name__
    parsed = URL(url)
    for secret in filter(None, (parsed.raw_password, parsed.password)):
        text = text.replace(secret, "******")
    return text
