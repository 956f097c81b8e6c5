"""Reading requests: bodies with a bound and a time-out, and a call in plain data."""

import asyncio
import json
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request

from codeactions.domain.errors import Error, ErrorCode, invalid
from codeactions.domain.run import Call
from codeactions.identity.identities import Identities

_MOST_PARAMETERS = 1000
_MOST_HEADER_BYTES = 64 * 1024
_MOST_FIELDS_BYTES = 4 * 1024 * 1024  # ten thousand authorizations and then some


async def read_body(request: Request, limit: int, timeout: float, what: str = "the body") -> bytes:
    """The request's body. Raises `Error`: too_large over `limit` bytes, timeout when it does not come in time."""
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


async def read_fields(request: Request, timeout: float, what: str, **given: Any) -> dict[str, Any]:
    """What JSON body and query parameters give. Raises `Error`: invalid, also for a field that both give; too_large."""
    body = await read_body(request, _MOST_FIELDS_BYTES, timeout)
    fields = parse_object(body, what) if body else {}
    parameters = {name: value for name, value in given.items() if value is not None}
    for name in parameters:
        if name in fields:
            raise invalid(f"{name} is given twice: in the body and as a parameter")
    return fields | parameters


def parse_object(body: bytes, what: str) -> dict[str, Any]:
    """A body as a JSON object. Raises `Error` (invalid)."""
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        raise invalid("the body cannot be read as JSON") from None
    if not isinstance(fields, dict):
        raise invalid(f"a JSON body must be an object with the names of {what}")
    return fields


def _too_large(what: str, limit: int) -> Error:
    return Error(ErrorCode.TOO_LARGE, f"{what} must have at most {limit} bytes")


def read_call(
    request: Request,
    path: str,
    body: bytes,
    *,
    identities: Identities,
    public: bool,
    without: frozenset[str] = frozenset(),
    signature: str | None = None,
) -> Call:
    """The call that a run gets to see. Raises `Error` (invalid, too_large).

    The keys of this server are never among it: headers that hold one are left out, and where the caller had to show
    one (not `public`) Authorization altogether. `without` names query parameters that are the route's own, `signature`
    the header that let the call in, and would let others in.
    """
    if sum(len(name) + len(value) for name, value in request.headers.raw) > _MOST_HEADER_BYTES:
        raise Error(ErrorCode.TOO_LARGE, f"the headers must have at most {_MOST_HEADER_BYTES} bytes")
    try:
        params = parse_qsl(
            request.scope["query_string"].decode("latin-1"),
            keep_blank_values=True,
            errors="replace",
            max_num_fields=_MOST_PARAMETERS,
        )
    except ValueError:
        raise invalid(f"there may be at most {_MOST_PARAMETERS} query parameters") from None
    unseen = signature.lower() if signature else ""
    return Call(
        method=request.method,
        path=path if path.startswith("/") else f"/{path}",
        params=tuple(pair for pair in params if pair[0] not in without),
        headers=tuple(
            (name, value)
            for name, value in request.headers.items()
            if name != unseen
            and not identities.holds_secret(value)
            and (name != "authorization" or (public and not identities.is_credential(value)))
        ),
        body=body,
    )
