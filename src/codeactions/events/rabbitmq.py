"""Access to RabbitMQ by aio-pika, an optional package that is imported only when events are switched on."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING

from codeactions.domain.errors import invalid
from codeactions.domain.masking import without_password
from codeactions.domain.moment import text_of

if TYPE_CHECKING:
    from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage, AbstractQueue
    from pamqp.common import Arguments

_CONNECT_SECONDS, _OPEN_SECONDS, _PUBLISH_SECONDS, _CLOSE_SECONDS = 10, 30, 10, 5
_HEARTBEAT_SECONDS = 15


class Standby(Exception):
    """Another consumer gets the messages of the queue. alone: the value for the next call of `subscribed`."""

    def __init__(self, *, alone: bool) -> None:
        super().__init__("another consumer has the queue")
        self.alone = alone


class Subscription:
    """The messages of a queue, one after the other.

    Each message must be acknowledged; one that cannot be applied, after `dead_letter`. is_standard: whether the queue
    has the properties that this server gives to its queues.
    """

    def __init__(self, channel: "AbstractChannel", dead: str, *, is_standard: bool) -> None:
        self.is_standard = is_standard
        self._channel = channel
        self._dead = dead
        self._inbox: asyncio.Queue[AbstractIncomingMessage | None] = asyncio.Queue()
        self._lost: str | None = None

    async def receive(self, message: "AbstractIncomingMessage") -> None:
        """Accept a message from the library."""
        self._inbox.put_nowait(message)

    def lose(self, _: object, error: BaseException | None = None) -> None:
        """Accept the library's report that no more messages will come."""
        reason = str(error) if isinstance(error, Exception) else ""
        self._lost = self._lost or reason or "RabbitMQ has closed the channel or taken the queue away"
        self._inbox.put_nowait(None)

    def check(self) -> None:
        """Raise `ConnectionError` if another consumer may have the received messages by now."""
        if self._lost or self._channel.is_closed:
            raise ConnectionError(self._lost or "the channel was closed")

    async def next(self) -> "AbstractIncomingMessage":
        """Wait for a message and return it. Raises `ConnectionError` when no more will come."""
        message = await self._inbox.get()
        self.check()
        assert message is not None
        return message

    async def dead_letter(self, message: "AbstractIncomingMessage", reason: str, at: datetime) -> None:
        """Put a copy into the dead-letter queue. It is stored there when this returns."""
        import aio_pika

        # No other property is copied: an expiration or a user id would lose the message, CC would copy it elsewhere.
        copy = aio_pika.Message(
            message.body,
            headers={
                "x-reason": reason,
                "x-failed-at": text_of(at),
                "x-original-routing-key": message.routing_key or "",
            },
            content_type=message.content_type,
            message_id=message.message_id,
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        )
        # Directly to the queue, past all bindings. This waits until the broker confirms that it has stored the copy.
        await self._channel.default_exchange.publish(copy, self._dead, timeout=_PUBLISH_SECONDS)


@contextlib.asynccontextmanager
async def subscribed(
    url: str, exchange: str, queue: str, *, routing_key: str, prefetch: int, alone: bool
) -> AsyncIterator[Subscription]:
    """Connect, make the exchanges and queues that are missing, and consume for the block.

    alone: whether to ask to be the only consumer of a queue that has other properties than this server's. Raises
    `Standby`, and the errors of the library.
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
            is_standard = await _declare(connection, exchange, queue)
            channel = await connection.channel(on_return_raises=True)  # with publisher confirms
            await channel.set_qos(prefetch_count=prefetch)
            subscription = Subscription(channel, f"{queue}.dead", is_standard=is_standard)
            bound = await channel.get_queue(queue)
            await bound.bind(exchange, routing_key)
            await _subscribe(channel, bound, subscription, alone=alone and not is_standard)
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
    if alone and consumers:  # a quorum queue accepts a second one, even an exclusive one
        raise Standby(alone=True)
    channel.close_callbacks.add(subscription.lose)
    (await channel.get_underlay_channel()).on_consumer_cancel_callbacks.add(subscription.lose)
    try:
        await queue.consume(subscription.receive, exclusive=alone)
    except ChannelAccessRefused as error:
        if "exclusive" not in str(error):
            raise
        # Refused without another consumer: the queue itself gives its messages to one consumer at a time.
        raise Standby(alone=bool(consumers)) from None
    if alone:
        again = await channel.declare_queue(queue.name, passive=True)
        if (again.declaration_result.consumer_count or 0) > 1:  # two started at the same time
            raise Standby(alone=True)


async def _declare(connection: "AbstractConnection", exchange: str, queue: str) -> bool:
    """Make the exchanges and queues that are missing, and return whether the queue has the standard properties.

    The queues are classic ones. Quorum queues of RabbitMQ 4 drop or dead-letter a message after 20 deliveries, and 20
    restarts while the database is away would reach that number. With a single active consumer, the order of messages
    also holds when there are several servers.
    """
    dead, letters = f"{queue}.dead", f"{queue}.dlx"
    classic: Arguments = {"x-queue-type": "classic"}
    standard: Arguments = {
        "x-queue-type": "classic",
        "x-single-active-consumer": True,
        "x-dead-letter-exchange": letters,
    }
    await _make(connection, lambda c, p: c.declare_exchange(exchange, "topic", durable=True, passive=p))
    await _make(connection, lambda c, p: c.declare_exchange(letters, "fanout", durable=True, passive=p))
    await _make(connection, lambda c, p: c.declare_queue(dead, durable=True, passive=p, arguments=classic))
    is_standard = await _make(
        connection, lambda c, p: c.declare_queue(queue, durable=True, passive=p, arguments=standard)
    )
    async with connection.channel() as channel:
        await (await channel.get_queue(dead, ensure=False)).bind(letters)
    return is_standard


async def _make(
    connection: "AbstractConnection", declare: "Callable[[AbstractChannel, bool], Awaitable[object]]"
) -> bool:
    """Declare an exchange or a queue, and return whether it has the properties that were asked for.

    False: it exists with other properties, or this server may not declare it. Raises the library's error if it does
    not exist then.
    """
    from aiormq.exceptions import ChannelAccessRefused, ChannelPreconditionFailed

    for passive in (False, True):
        try:
            async with connection.channel() as channel:  # a new one, since a refusal closes it
                await declare(channel, passive)
                return not passive
        except (ChannelPreconditionFailed, ChannelAccessRefused):
            if passive:
                raise
    raise AssertionError("unreachable")


def check_url(url: str) -> None:
    """Raise `Error` (invalid) if the URL cannot be RabbitMQ's, or if aio-pika is not installed."""
    try:
        import aio_pika  # noqa: F401
        from yarl import URL
    except ImportError:
        raise invalid("install codeactions[events]: the identity system's messages need aio-pika") from None
    try:
        parsed = URL(url)
        is_valid = parsed.scheme in ("amqp", "amqps") and parsed.host and "@" not in parsed.path
    except ValueError:
        is_valid = False
    if not is_valid:  # the message leaves the URL out, since it may hold a password
        raise invalid(
            "the address of RabbitMQ must be like amqp://user:password@host:5672/vhost, "
            "with %40, %2F, %3A, %3F, %23 in place of @ / : ? # in user and password"
        )


def reason_of(error: BaseException, url: str) -> str:
    """Return an error in one line, without the URL's password."""
    return without_password(" ".join(str(error).split()) or type(error).__name__, url)
