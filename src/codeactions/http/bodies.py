"""Reading of bodies, with a bound and a time-out."""

import asyncio
import json
from typing import Any

from starlette.requests import ClientDisconnect, Request

from codeactions.domain.errors import Error, ErrorCode, invalid


async def read_body(request: Request, limit: int, timeout: float, what: str = "the body") -> bytes:
    """Return the request's body.

    Raises `Error`: too_large over `limit` bytes; timeout when it does not come within `timeout` seconds; invalid when
    it ends early. `what` is its name in messages.
    """
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit:
        raise _too_large(what, limit)
    chunks, size = [], 0
    try:
        async with asyncio.timeout(timeout):
            async for chunk in request.stream():
                size += len(chunk)
                if size > limit:
                    raise _too_large(what, limit)
                chunks.append(chunk)
    except TimeoutError:
        raise Error(ErrorCode.TIMEOUT, f"{what} did not arrive within {timeout:g} s") from None
    except ClientDisconnect:
        raise invalid(f"{what} ended early") from None
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def parse_object(body: bytes, noun: str) -> dict[str, Any]:
    """Return a body as a JSON object. Raises `Error` (invalid); `noun` is what its fields are of, in the message."""
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        raise invalid("the body cannot be read as JSON") from None
    if not isinstance(fields, dict):
        raise invalid(f"a JSON body must be an object with the fields of {noun}")
    return fields


def is_json(request: Request) -> bool:
    """Return whether the request says that its body is JSON."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"


def _too_large(what: str, limit: int) -> Error:
    return Error(ErrorCode.TOO_LARGE, f"{what} must have at most {limit} bytes")
