"""Backups of a whole database as a file of plain SQL, and their restoration.

pg_dump and psql do the work, so that either step also works without codeactions.
"""

import contextlib
import os
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any

import psycopg

from codeactions.domain.errors import Error, ErrorCode
from codeactions.postgres import client_programs, queries
from codeactions.postgres.pooling import require_session

# Without what belongs to a machine and its roles, so that the file can be restored under any role on any machine.
DUMP = [
    *("--format=plain", "--no-password", "--lock-wait-timeout=30s"),
    *("--no-owner", "--no-privileges", "--no-tablespaces", "--no-security-labels"),
    *("--no-publications", "--no-subscriptions"),
]
RESTORE = ["--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1", "--file=-"]
BLOCK = 256 * 1024
HEAD = 4096
_BEGINNING = b"-- PostgreSQL database dump\n"
_END = re.compile(rb"\n--\n-- PostgreSQL database dump complete\n--\n\s*(\\unrestrict \w+\s*)?\Z")
_SETTING = re.compile(rb"^SET (\w+) = [^;\n]*;$", re.MULTILINE)
_TAIL = 512
_MAX_NAMED = 5  # tables in the message about a database that is not empty

Progress = Callable[[int], None]
"""Called after each block with the number of bytes that were copied so far."""


class NotABackup(Error):
    """The source is not a whole backup. The message continues a sentence that begins with the source's name."""

    def __init__(self, message: str) -> None:
        super().__init__(ErrorCode.INVALID, message)


def dump(parameters: Mapping[str, str], output: IO[bytes], progress: Progress) -> client_programs.Program:
    """Write the contents of the database at one moment to `output`, and return the program that did it.

    parameters: as for `client_programs.connect`. Writers do not wait for the dump. The dump waits for a migration that
    is under way, for half a minute at most. Raises `Error` when the database cannot be read in full, and the OSError
    of `output`.
    """
    with _connected(parameters, "codeactions backup") as connection:
        target = client_programs.target_of(connection)
    program = client_programs.find_program("pg_dump", target)
    done = 0
    with _memory_file() as messages:
        with client_programs.running(
            program, DUMP, target, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=messages
        ) as process:
            assert process.stdout is not None
            while block := os.read(process.stdout.fileno(), BLOCK):
                output.write(block)
                done += len(block)
                progress(done)
            status = process.wait()
        if status != 0:
            raise _failed("the backup failed", program, status, messages)
    return program


def read_head(source: IO[bytes]) -> bytes:
    """Read the first bytes of a backup, for `restore`. Raises `NotABackup`, and OSError."""
    head = source.read(HEAD)
    if _BEGINNING not in head:
        raise NotABackup("is no backup: it was written neither by codeactions nor, as plain text, by pg_dump")
    return head


def restore(
    parameters: Mapping[str, str], head: bytes, source: IO[bytes], progress: Progress
) -> client_programs.Program:
    """Restore a backup into an empty database, in one transaction: all of it or nothing.

    head: the beginning of the backup, by `read_head`. source: the rest. Nothing is restored either when this process
    dies or when `source` ends too early. Raises `NotABackup` when the end is missing; `Error`: conflict for a database
    that is not empty, internal when a statement fails; and the OSError of `source`.
    """
    with _connected(parameters, "codeactions restore") as connection:
        _require_empty(connection)
        block = _without_unknown_settings(head, connection)
        target = client_programs.target_of(connection)
    program = client_programs.find_program("psql", target, newest=True)
    with _memory_file() as messages:
        with client_programs.running(
            program, RESTORE, target, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=messages
        ) as process:
            assert process.stdin is not None
            done, tail, is_whole = 0, b"", False
            try:
                # Not psql's --single-transaction: it commits what it has read when its input ends, even if the input
                # ends because this process was killed. No line end: errors then name the file's own lines.
                process.stdin.write(b"BEGIN; ")
                while block:
                    process.stdin.write(block)
                    done += len(block)
                    tail = (tail + block)[-_TAIL:]
                    progress(done)
                    block = source.read(BLOCK)
                if not _END.search(tail):
                    raise NotABackup("is not a whole backup: its end is missing; nothing was restored")
                process.stdin.write(b"\nCOMMIT;\n")
                process.stdin.close()
                is_whole = True
            except BrokenPipeError:
                pass  # psql has ended; its messages say why
            status = process.wait()
        if status != 0 or not is_whole:
            raise _failed("nothing was restored", program, status, messages)
    return program


@contextlib.contextmanager
def _connected(parameters: Mapping[str, str], application: str) -> Iterator[psycopg.Connection[Any]]:
    with client_programs.connect(parameters, application) as connection:
        try:
            require_session(connection, lambda: client_programs.connect(parameters, application), f"`{application}`")
            yield connection
        except psycopg.Error as error:
            raise Error(ErrorCode.INTERNAL, f"the database refused: {' '.join(str(error).split())}") from None


def _memory_file() -> IO[bytes]:
    """Return a file for a program's standard error. It is in memory, because the disk may be full."""
    return os.fdopen(os.memfd_create("messages"), "w+b")


def _require_empty(connection: psycopg.Connection[Any]) -> None:
    statements = queries.load("backup")
    found = [row[0] for row in connection.execute(statements["contents"])]
    if found:
        named = ", ".join(found[:_MAX_NAMED])
        named += f" and {len(found) - _MAX_NAMED} more" if len(found) > _MAX_NAMED else ""
        advice = "restore into a new data folder or a new database, nothing is ever overwritten"
        raise Error(ErrorCode.CONFLICT, f"the database is not empty ({named}): {advice}")
    servers = [row[0] for row in connection.execute(statements["servers"])]
    if servers:
        raise Error(ErrorCode.CONFLICT, f"a codeactions server (backend {servers[0]}) is using the database: stop it")


def _without_unknown_settings(head: bytes, connection: psycopg.Connection[Any]) -> bytes:
    """Return `head` without the settings that a newer pg_dump writes and this server does not know."""
    first = head.partition(b"\nCREATE ")[0]
    names = [name.decode() for name in _SETTING.findall(first)]
    unknown = {row[0] for row in connection.execute(queries.load("backup")["unknown_settings"], {"names": names})}
    # The lines stay, empty, so that those below keep their numbers.
    known = _SETTING.sub(lambda found: b"" if found[1].decode() in unknown else found[0], first)
    return known + head[len(first) :]


def _failed(what: str, program: client_programs.Program, status: int, messages: IO[bytes]) -> Error:
    messages.seek(0)
    lines = [" ".join(line.split()) for line in messages.read(1024 * 1024).decode(errors="replace").splitlines()]
    # The lines after the first hold its details, often a statement or a row of users' data.
    reason = next((line for line in lines if re.search("error:|ERROR:|FATAL:", line)), "")
    reason = reason or " ".join(lines)[-500:] or f"it ended with {status}"
    reason = re.sub("^psql:<stdin>:([0-9]+): ", r"line \1: ", reason)[:500]
    return Error(ErrorCode.INTERNAL, f"{what}: {reason} (by {program})")
