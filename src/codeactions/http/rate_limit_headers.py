"""The RateLimit headers of an answer: what is left of the caller's calls."""

from collections.abc import MutableMapping
from typing import Any

from starlette.types import Message, Send

from codeactions.domain.errors import Error
from codeactions.limits.call_meter import CallMeter
from codeactions.limits.quota import Quota

# The name in a request's scope under which its meter is.
_METER = "codeactions.meter"


def put_meter(scope: MutableMapping[str, Any], meter: CallMeter) -> None:
    """Give a request its meter."""
    scope[_METER] = meter


def meter_in(scope: MutableMapping[str, Any]) -> CallMeter:
    """Return the meter that `put_meter` gave the request."""
    meter: CallMeter = scope[_METER]
    return meter


def quota_headers(quota: Quota) -> dict[str, str]:
    """Return the three RateLimit headers of an answer."""
    return {
        "RateLimit-Limit": str(quota.limit),
        "RateLimit-Remaining": str(quota.remaining),
        "RateLimit-Reset": str(quota.reset_seconds),
    }


def refusal_headers(error: Error) -> dict[str, str]:
    """Return the RateLimit headers of the answer to a call that a limit refused; none for any other error."""
    return quota_headers(Quota(**error.details["quota"])) if "quota" in error.details else {}


def with_quota_headers(send: Send, meter: CallMeter) -> Send:
    """Return a `send` that adds the RateLimit headers to the answer, if a limit applies."""

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start" and (quota := meter.quota) is not None:
            there = {name.lower() for name, _ in message["headers"]}  # a refusal has those of its own limit
            added = [(name.lower().encode(), value.encode()) for name, value in quota_headers(quota).items()]
            added = [pair for pair in added if pair[0] not in there]
            message = {**message, "headers": [*message["headers"], *added]}
        await send(message)

    return send_with_headers
