"""New migration files: an empty pair under the next number, or under the time."""

import datetime
import os
import re

from codeactions.migrate.errors import ErrorCode, MigrationError, invalid
from codeactions.migrate.go_compat import time_layout
from codeactions.migrate.versions import MAX_VERSION

DEFAULT_LAYOUT = "20060102150405"
# No file name is as long as this, so more digits are an error anyway and need not fill the memory first.
_MOST_DIGITS = 1000


class UnknownZone(MigrationError):
    """A time zone does not exist. The only error that the command prints without `error: ` in front."""

    def __init__(self, message: str) -> None:
        super().__init__(ErrorCode.INVALID, message)


class NotAllMade(MigrationError):
    """One of the files could not be made. `made` holds the paths of those that were made before."""

    def __init__(self, message: str, made: list[str]) -> None:
        super().__init__(ErrorCode.INVALID, message)
        self.made = made


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

    The folder is made if it is missing. If `sequential`, VERSION is one more than the largest number there, with
    `digits` digits. Otherwise it is `now` (nanoseconds since 1970) in `zone` by Go's layout `layout`.

    Raises `MigrationError` with golang-migrate's text: `UnknownZone` for the zone, `NotAllMade` for a file that cannot
    be made. Never changes a file that exists: of two callers with the same name at the same time, one gets an error.
    With two names both get the same number, as with golang-migrate, and the next `up` reports it.
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
            raise NotAllMade(f"open {path}: {_reason(error)}", made) from error
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

    # Imported here: its data takes a while to find, and mostly the zone is UTC.
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
    return time_layout.formatted(layout, moment, now % 10**9)


def _names(folder: str, ending: str) -> list[str]:
    """Return the names in the folder with this ending, in byte order; none if there is no folder."""
    try:
        entries = os.listdir(folder)
    except OSError as error:
        # Without a list of what exists, any number may be taken already.
        if os.path.isdir(folder):
            raise invalid(f"open {folder}: {_reason(error)}") from error
        # Making the folder will report what is wrong, if anything is.
        return []
    return sorted((entry for entry in entries if entry.endswith(ending)), key=os.fsencode)


def _next_number(folder: str, names: list[str], digits: int) -> str:
    if names:
        # The Go tool continues from the last name in byte order, and fails if that is not a migration's.
        _check(names[-1], _join(folder, names[-1]))
    numbers = [int(head) for head in map(_head, names) if _is_decimal(head)]
    # Larger numbers are no versions: all commands pass over such a file.
    number = max((found for found in numbers if found < 2**64), default=0) + 1
    version = f"{number:0{min(digits, _MOST_DIGITS)}}"
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
    """Return the text before the first underscore; "" if there is no underscore."""
    head, line, _ = name.partition("_")
    return head if line else ""


def _is_decimal(text: str) -> bool:
    return re.fullmatch("[0-9]+", text) is not None


def _has_version(name: str, version: str) -> bool:
    """Return whether a name begins with this version, compared as a number if it is one, else as text."""
    if _is_decimal(version):
        head = _head(name)
        # Without reading it as a number: Python refuses to read thousands of digits.
        return _is_decimal(head) and head.lstrip("0") == version.lstrip("0")
    return name.startswith(f"{version}_")


def _make_folder(folder: str) -> None:
    """Make the folder and those above it. An error names the uppermost path that is in the way."""
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
            # Another process may have made it just now.
            if not os.path.isdir(path):
                raise invalid(f"mkdir {path}: {_reason(error)}") from error


def _clean(path: str) -> str:
    """Return the shortest form of a path; "." for none. Unlike in POSIX, two slashes in front mean one."""
    return os.path.normpath(re.sub("^/+", "/", path))


def _join(folder: str, name: str) -> str:
    # Not os.path.join, which lets a name that begins with a slash leave the folder.
    name = name.lstrip("/")
    return name if folder == "." else f"{folder.rstrip('/')}/{name}"


def _absolute(path: str) -> str:
    """Return the absolute path, by the shell's name for the current folder (PWD) if that is right."""
    here = os.environ.get("PWD", "")
    try:
        known = here.startswith("/") and os.path.samefile(here, ".")
    except OSError:
        known = False
    return _clean(os.path.join(here if known else os.getcwd(), path))


def _reason(error: OSError) -> str:
    """Return the system's words for the error as Go prints them."""
    return (error.strerror or "input/output error").lower()
