"""New migration files: an empty pair under the next number, or under the time."""

import datetime
import os
import re

from codeactions.domain.errors import Error, ErrorCode, invalid
from codeactions.migrate.source import layout as layouts
from codeactions.migrate.source.files import MAX_VERSION

DEFAULT_LAYOUT = "20060102150405"
# No file name is as long as this, so more digits are an error anyway, and need not fill the memory first.
MOST_DIGITS = 1000


class UnknownZone(Error):
    """There is no such time zone. The only error that the command prints without `error: ` in front."""

    def __init__(self, message: str) -> None:
        super().__init__(ErrorCode.INVALID, message)


def create(
    directory: str,
    name: str,
    extension: str,
    *,
    sequential: bool,
    digits: int,
    layout: str,
    zone: str,
    now: int,
) -> list[str]:
    """Make `VERSION_NAME.up.EXTENSION` and the same with `down`, empty; return their absolute paths, up first.

    The folder is made if it is missing. VERSION is one more than the largest number there, with `digits` digits,
    if `sequential`; else `now` (nanoseconds since 1970) in `zone` by the layout of Go's that is given.

    Raises `Error` with golang-migrate's text (`UnknownZone` for the zone), and `details["made"]` if one file was
    made before. Never changes a file that is there: of two callers who take the same name at once, one gets an
    error. With two names both get the same number, as with golang-migrate, and the next `up` says so.
    """
    if not extension:
        raise invalid("-ext flag must be specified")
    moment = _moment(now, zone)
    if sequential and layout != DEFAULT_LAYOUT:
        raise invalid("the seq and format options are mutually exclusive")
    if sequential and digits < 1:
        raise invalid("digits must be positive")
    if not layout:
        raise invalid("time format may not be empty")
    folder, ending = _clean(directory), "." + extension.removeprefix(".")
    names = _names(folder, ending)
    version = _next_number(folder, names, digits) if sequential else _time(now, moment, layout)
    if any(_has_version(entry, version) for entry in names):
        raise invalid(f"duplicate migration version: {version}")
    _make_folder(folder)
    made: list[str] = []
    for direction in ("up", "down"):
        path = _join(folder, f"{version}_{name}.{direction}{ending}")
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666))
        except OSError as error:
            raise invalid(f"open {path}: {_reason(error)}", made=made) from error
        made.append(_absolute(path))
    return made


def _moment(now: int, zone: str) -> datetime.datetime:
    utc = datetime.datetime.fromtimestamp(now // 10**9, datetime.UTC)
    if zone in ("", "UTC"):
        return utc
    if zone == "Local":
        return utc.astimezone()
    if ".." in zone or zone[0] in "/\\":
        raise UnknownZone("time: invalid location name")

    # Its data takes a while to find, and mostly it is UTC that is wanted.
    import zoneinfo

    try:
        return utc.astimezone(zoneinfo.ZoneInfo(zone))
    # In this order: no such zone; a folder, or not readable; a file of another kind.
    except (zoneinfo.ZoneInfoNotFoundError, OSError, ValueError):
        raise UnknownZone(f"unknown time zone {zone}") from None


def _time(now: int, moment: datetime.datetime, layout: str) -> str:
    if layout == "unix":
        return str(now // 10**9)
    if layout == "unixNano":
        return str(now)
    return layouts.formatted(layout, moment, now % 10**9)


def _names(folder: str, ending: str) -> list[str]:
    """What is in the folder with this ending, in byte order; nothing if there is no folder."""
    try:
        entries = os.listdir(folder)
    except OSError as error:
        # Without knowing what is there, any number may be taken.
        if os.path.isdir(folder):
            raise invalid(f"open {folder}: {_reason(error)}") from error
        # Making the folder will tell what is wrong, if anything is.
        return []
    return sorted((entry for entry in entries if entry.endswith(ending)), key=os.fsencode)


def _next_number(folder: str, names: list[str], digits: int) -> str:
    if names:
        # The Go tool numbers on from the last name in byte order, and stops if that is no migration's.
        _check(names[-1], _join(folder, names[-1]))
    numbers = [int(head) for head in map(_head, names) if _is_decimal(head)]
    # Larger ones are no versions: such a file is passed over by all commands.
    number = max((found for found in numbers if found < 2**64), default=0) + 1
    version = f"{number:0{min(digits, MOST_DIGITS)}}"
    if len(version) > digits:
        raise invalid(f"next sequence number {version} too large, at most {digits} digits are allowed")
    # This one would make the whole folder unusable.
    if number > MAX_VERSION:
        raise invalid(f"next sequence number {number} too large, at most {MAX_VERSION} is allowed")
    return version


def _check(name: str, path: str) -> None:
    head = _head(name)
    if not head:
        raise invalid(f"malformed migration filename: {path}")
    quoted = head.replace("\\", "\\\\").replace('"', '\\"')
    if not _is_decimal(head):
        raise invalid(f'strconv.ParseUint: parsing "{quoted}": invalid syntax')
    if int(head) >= 2**64:
        raise invalid(f'strconv.ParseUint: parsing "{quoted}": value out of range')


def _head(name: str) -> str:
    """The text before the first underscore; "" if there is no underscore."""
    head, line, _ = name.partition("_")
    return head if line else ""


def _is_decimal(text: str) -> bool:
    return re.fullmatch("[0-9]+", text) is not None


def _has_version(name: str, version: str) -> bool:
    """Whether a name begins with this version: as a number, since that is what counts later, else as text."""
    if _is_decimal(version):
        head = _head(name)
        # Compared as text all the same, as Python refuses to read numbers of thousands of digits.
        return _is_decimal(head) and head.lstrip("0") == version.lstrip("0")
    return name.startswith(f"{version}_")


def _make_folder(folder: str) -> None:
    """Make the folder and those above it; of what is in the way, the uppermost is named."""
    missing: list[str] = []
    at = folder
    while at and not os.path.exists(at):
        missing.append(at)
        at = os.path.dirname(at)
    if at and not os.path.isdir(at):
        raise invalid(f"mkdir {at}: not a directory")
    for path in reversed(missing):
        try:
            os.mkdir(path)
        except OSError as error:
            # Somebody else may have made it just now.
            if not os.path.isdir(path):
                raise invalid(f"mkdir {path}: {_reason(error)}") from error


def _clean(path: str) -> str:
    """The shortest form of a path; "." for none. Two slashes in front mean nothing special, unlike in POSIX."""
    return os.path.normpath(re.sub("^/+", "/", path))


def _join(folder: str, name: str) -> str:
    # Not os.path.join, which lets a name that begins with a slash leave the folder.
    name = name.lstrip("/")
    return name if folder == "." else f"{folder.rstrip('/')}/{name}"


def _absolute(path: str) -> str:
    """The path from the root, by the way that the shell came to this folder, if it says so."""
    here = os.environ.get("PWD", "")
    try:
        known = here.startswith("/") and os.path.samefile(here, ".")
    except OSError:
        known = False
    return _clean(os.path.join(here if known else os.getcwd(), path))


def _reason(error: OSError) -> str:
    """The system's words as Go has them."""
    return (error.strerror or "input/output error").lower()
