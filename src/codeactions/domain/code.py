"""A code: a stored function of a project that runs as a step of a flow or as an HTTP endpoint."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from codeactions.domain.errors import Error, ErrorCode, invalid
from codeactions.domain.text import require_storable, require_text

TYPES = ("flow", "endpoint")
SOURCE_LIMIT = 1024 * 1024  # bytes of UTF-8
TIMEOUT_DEFAULT, TIMEOUT_LEAST, TIMEOUT_MOST = 60, 5, 300  # seconds
_FIELDS = ("name", "type", "source", "language", "url", "project_uuid", "timeout")
_REQUIRED = ("name", "type", "source", "language", "project_uuid")


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A code as it is stored.

    timeout: in seconds. url: a note for the team; the server never calls it.
    """

    id: UUID
    name: str
    type: str
    source: str
    language: str
    url: str | None
    project_uuid: str
    timeout: int
    created_at: datetime
    updated_at: datetime


def new_code(
    fields: Mapping[str, Any],
    *,
    languages: Collection[str],
    id: UUID,  # noqa: A002
    now: datetime,
) -> Code:
    """Make a code from the fields of a request.

    languages: the names of all languages. Raises `Error` (invalid, too_large); its message names the first wrong field.
    """
    for name in _REQUIRED:
        if fields.get(name) is None:
            raise invalid(f"{name} is missing")
    values = _checked({"timeout": TIMEOUT_DEFAULT, "url": None, **fields}, languages)
    return Code(id=id, created_at=now, updated_at=now, **values)


def changed_code(code: Code, fields: Mapping[str, Any], *, languages: Collection[str], now: datetime) -> Code:
    """Return the code with only the given fields changed. `url` may be None, which removes it.

    Raises `Error` as `new_code` does, and (invalid) if no field is given.
    """
    if not fields:
        raise invalid(f"nothing to change: give one or more of {', '.join(_FIELDS)}, or a source as the body")
    return replace(code, updated_at=now, **_checked(fields, languages))


def _checked(fields: Mapping[str, Any], languages: Collection[str]) -> dict[str, Any]:
    unknown = [name for name in fields if name not in _FIELDS]
    if unknown:
        raise invalid(f"unknown field {unknown[0]!r}; the fields of a code are {', '.join(_FIELDS)}")
    checks: dict[str, Callable[[Any], Any]] = {
        **_CHECKS,
        "language": partial(_one_of, name="language", allowed=languages),
    }
    return {name: checks[name](value) for name, value in fields.items()}


def _name(value: Any) -> str:
    return require_text(value, "name", 255)


def _type(value: Any) -> str:
    return _one_of(value, "type", TYPES)


def _project_uuid(value: Any) -> str:
    return require_text(value, "project_uuid", 255)


def _url(value: Any) -> str | None:
    if value is None or value == "":
        return None
    text = require_text(value, "url", 512)
    try:
        scheme = urlsplit(text).scheme
    except ValueError:
        scheme = ""
    if scheme not in ("http", "https"):
        raise invalid("url must begin with http:// or https://")
    return text


def _timeout(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not TIMEOUT_LEAST <= value <= TIMEOUT_MOST:
        raise invalid(f"timeout must be a whole number of seconds from {TIMEOUT_LEAST} to {TIMEOUT_MOST}")
    return value


def _source(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise invalid("source must not be empty: send the function's source as the body")
    require_storable(value, "source")
    size = len(value.encode())
    if size > SOURCE_LIMIT:
        raise Error(ErrorCode.TOO_LARGE, f"source must have at most {SOURCE_LIMIT} bytes, not {size}")
    return value


def _one_of(value: Any, name: str, allowed: Collection[str]) -> str:
    if value not in allowed:
        raise invalid(f"{name} must be one of {', '.join(allowed)}")
    return str(value)


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "name": _name,
    "type": _type,
    "project_uuid": _project_uuid,
    "url": _url,
    "timeout": _timeout,
    "source": _source,
}
