"""The time zones that runs can have: those of the host, whose files every run sees."""

import os
import zoneinfo
from difflib import get_close_matches
from functools import cache

from codeactions.domain.code import DEFAULT_TIMEZONE
from codeactions.domain.errors import Error, ErrorCode, invalid

_FOLDER = "/usr/share/zoneinfo"
_NOT_ZONES = ("Factory", "localtime")


@cache
def names() -> dict[str, str]:
    """Return the names of all zones by their lower case. Reads the host's files once."""
    found = {name for name in zoneinfo.available_timezones() if os.path.isfile(f"{_FOLDER}/{name}")}
    return {name.lower(): name for name in sorted({DEFAULT_TIMEZONE, *found}.difference(_NOT_ZONES))}


def checked(text: str, field: str) -> str:
    """Return the name of the zone that a text means, in any case. Raises `Error` (invalid) that names the field."""
    if text.strip().upper() == DEFAULT_TIMEZONE:
        return DEFAULT_TIMEZONE
    name = names().get(text.strip().lower())
    if name is not None:
        return name
    if len(names()) == 1:
        raise invalid(
            f"{field} must be {DEFAULT_TIMEZONE}: this server's host has no other zones; install its package tzdata"
        )
    near = get_close_matches(text.lower(), names(), n=1, cutoff=0.75) or [
        lower for lower in names() if text and lower.endswith("/" + text.strip().lower().replace(" ", "_"))
    ]
    meant = f"; did you mean {names()[near[0]]}?" if near else ""
    raise invalid(f"{field} must be the name of a time zone, such as America/Sao_Paulo, not {text[:64]!r}{meant}")


@cache
def require_there(name: str) -> None:
    """Raise `Error` (busy) for a zone that this node's runs could not have: they would silently have UTC."""
    if name != DEFAULT_TIMEZONE and not os.path.isfile(f"{_FOLDER}/{name}"):
        raise Error(ErrorCode.BUSY, f"this node has no time zone {name}: install the package tzdata on its host")
