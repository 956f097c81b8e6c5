"""`codeactions backup` and `codeactions restore`: the whole database to one file of plain SQL, and back."""

import contextlib
import logging
import signal
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import IO

import structlog

from codeactions.cli.database import shared_database
from codeactions.cli.logging import say
from codeactions.cli.new_file import new_file, require_new
from codeactions.domain.errors import Error, ErrorCode, invalid
from codeactions.node.migrations import NIL_VERSION, DatabaseState, inspect, parse_address
from codeactions.node.secret_keys import key_path
from codeactions.node.settings import Settings
from codeactions.postgres import backup as database
from codeactions.postgres.embedded import access

STANDARD = "-"
_PROGRESS_INTERVAL = 0.2  # seconds


def backup(settings: Settings, file: str | None, *, verbose: bool) -> None:
    """Write a backup to a file, or to standard output for `-`.

    Raises `Error`, after which there is no file of that name.
    """
    name = file or datetime.now().astimezone().strftime("codeactions-%Y%m%d-%H%M%S.sql")
    with _prepared(verbose=verbose):
        if name != STANDARD:
            require_new(Path(name))
        elif sys.stdout is None:  # closed, so that its number may belong to any other file
            raise invalid("standard output is closed")
        with shared_database(settings) as url:
            found = inspect(url)
            if found.version == NIL_VERSION:
                raise Error(
                    ErrorCode.CONFLICT,
                    f"there is nothing to back up: {_name_of(settings)} has no tables of codeactions",
                )
            with _output(name) as output, _Progress() as progress:
                program = database.dump(_parameters(url), output, progress.show)
    if verbose:
        say(f"by {program}")
    where = "" if name == STANDARD else f" to {name}"
    say(f"backed up {_name_of(settings)} at version {found.version}{where} ({_size(progress.done)})")


def restore(settings: Settings, file: str, *, verbose: bool) -> None:
    """Restore a file, or standard input for `-`, into an empty database.

    Raises `Error`, after which the database is still empty.
    """
    with _prepared(verbose=verbose), _input(file) as source:
        head = database.read_head(source)  # first, before a database is made
        with _exclusive_database(settings) as url:
            with _Progress() as progress:
                program = database.restore(_parameters(url), head, source, progress.show)
            found = inspect(url)
    if verbose:
        say(f"by {program}")
    if found.version == NIL_VERSION:
        raise invalid(f"{_input_name(file)} was restored, but it is no database of codeactions: it has no version")
    say(f"restored {_name_of(settings)} at version {found.version} ({_size(progress.done)})")
    key = key_path(settings.data_dir)
    if settings.secret_key is None and not key.exists():
        say(f"secrets in it can be read with their old key alone: copy the old {key.name} to {key} before the start")
    match found.state:
        case DatabaseState.CURRENT:
            say("start the server with `codeactions serve`")
        case DatabaseState.BEHIND:
            say(f"start the server with `codeactions serve`: it will bring the schema to version {found.latest}")
        case _:
            say(f"before a server can start: {found.message}")


def _parameters(url: str) -> dict[str, str]:
    """Return the parameters of a database URL by libpq's keywords, without the x- ones, which are `migrate`'s."""
    address = parse_address(url)
    return {**address.parameters, **address.own_settings}


@contextlib.contextmanager
def _exclusive_database(settings: Settings) -> Iterator[str]:
    if settings.database_url:
        yield settings.database_url
    else:
        with access.exclusive(settings.data_dir) as url:
            yield url


def _name_of(settings: Settings) -> str:
    if not settings.database_url:
        return str(settings.data_dir)
    address = parse_address(settings.database_url)
    return f"database {address.parameters.get('dbname', '')} at {address.place}"


@contextlib.contextmanager
def _output(name: str) -> Iterator[IO[bytes]]:
    if name != STANDARD:
        with new_file(Path(name)) as file:
            yield file
        return
    try:
        # With a buffer of its own: Python must not try to write the rest again when it ends.
        with open(sys.stdout.fileno(), "wb", closefd=False) as file:
            yield file
    except OSError as error:
        raise invalid(f"standard output cannot be written: {error.strerror or error}") from error


@contextlib.contextmanager
def _input(name: str) -> Iterator[IO[bytes]]:
    try:
        if name == STANDARD:
            yield sys.stdin.buffer
        else:
            with open(name, "rb") as file:
                yield file
    except database.NotABackup as error:
        raise invalid(f"{_input_name(name)} {error.message}") from error
    except OSError as error:
        raise invalid(f"{_input_name(name)} cannot be read: {error.strerror or error}") from error


def _input_name(name: str) -> str:
    return "standard input" if name == STANDARD else name


@contextlib.contextmanager
def _prepared(*, verbose: bool) -> Iterator[None]:
    """Log warnings to standard error for the block, and end it at SIGTERM or SIGHUP as at Ctrl-C.

    verbose: log information, too.
    """
    level = logging.INFO if verbose else logging.WARNING
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )

    def end(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Progress:
    """A line on a terminal with the number of bytes so far, which is erased at the end."""

    def __init__(self) -> None:
        self.done = 0
        self._next = time.monotonic() + _PROGRESS_INTERVAL
        self._shown = False

    def show(self, done: int) -> None:
        """Show that `done` bytes were copied, at most every 0.2 seconds."""
        self.done = done
        if sys.stderr.isatty() and time.monotonic() > self._next:
            self._next = time.monotonic() + _PROGRESS_INTERVAL
            self._shown = True
            print(f"\r\x1b[K{_size(done)}", end="", file=sys.stderr, flush=True)

    def __enter__(self) -> "_Progress":
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count} bytes"
