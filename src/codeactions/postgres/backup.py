"""A whole database as a plain SQL file, and back: by pg_dump and psql, so that either works without us, too."""

import contextlib
import os
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any

import psycopg

from codeactions.domain.errors import Error, ErrorCode
from codeactions.postgres import client_programs, queries

# What belongs to the machine and its roles stays there, so that the file restores under any role anywhere.
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
_SHOWN = 5  # tables named of a database that is not empty

Progress = Callable[[int], None]
"""Told how many bytes have gone through, after each block."""


class NoBackup(Error):
    """The source is not what it has to be; the message goes on from its name."""

    def __init__(self, message: str) -> None:
        super().__init__(ErrorCode.INVALID, message)


def dump(parameters: Mapping[str, str], output: IO[bytes], progress: Progress) -> client_programs.Program:
    """Write everything that is in the database, as of one moment, to `output`; returns the program that did it.

    `parameters` are those of `client_programs.connect`. Writers are not held up; a migration under way is waited for,
    half a minute at most. Raises `Error` when it cannot be read in full, and the OSError of `output`.
    """
    with _connected(parameters, "codeactions backup") as connection:
        where = client_programs.target(connection)
    program = client_programs.find("pg_dump", where)
    done = 0
    with _complaints() as complaints:
        with client_programs.running(
            program, DUMP, where, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=complaints
        ) as process:
            assert process.stdout is not None
            while block := os.read(process.stdout.fileno(), BLOCK):
                output.write(block)
                done += len(block)
                progress(done)
            status = process.wait()
        if status != 0:
            raise _failed("the backup failed", program, status, complaints)
    return program


def read_head(source: IO[bytes]) -> bytes:
    """The first bytes of a backup, for `restore`. Raises `NoBackup`, and OSError."""
    head = source.read(HEAD)
    if _BEGINNING not in head:
        raise NoBackup("is no backup: neither `codeactions backup` nor pg_dump (as plain text) wrote it")
    return head


def restore(
    parameters: Mapping[str, str], head: bytes, source: IO[bytes], progress: Progress
) -> client_programs.Program:
    """Bring what `dump` or pg_dump wrote into an empty database, in one transaction: all of it or nothing.

    That holds as well when this process dies, or when `source`, of which `head` has been read, ends too early.
    Raises `NoBackup` when its end is missing, `Error`: `conflict` for a database that is not empty, `internal` when a
    statement fails, and the OSError of `source`.
    """
    with _connected(parameters, "codeactions restore") as connection:
        _require_empty(connection)
        block = _understood(head, connection)
        where = client_programs.target(connection)
    program = client_programs.find("psql", where, newest=True)
    with _complaints() as complaints:
        with client_programs.running(
            program, RESTORE, where, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=complaints
        ) as process:
            assert process.stdin is not None
            done, tail, whole = 0, b"", False
            try:
                # Not psql's --single-transaction: that commits what it has got when its input ends, also when the
                # input ends because we were killed. On one line with the head: errors name the file's own lines.
                process.stdin.write(b"BEGIN; ")
                while block:
                    process.stdin.write(block)
                    done += len(block)
                    tail = (tail + block)[-_TAIL:]
                    progress(done)
                    block = source.read(BLOCK)
                if not _END.search(tail):
                    raise NoBackup("is not a whole backup: its end is missing; nothing was restored")
                process.stdin.write(b"\nCOMMIT;\n")
                process.stdin.close()
                whole = True
            except BrokenPipeError:
                pass  # it has ended, and says why
            status = process.wait()
        if status != 0 or not whole:
            raise _failed("nothing was restored", program, status, complaints)
    return program


@contextlib.contextmanager
def _connected(parameters: Mapping[str, str], application: str) -> Iterator[psycopg.Connection[Any]]:
    with client_programs.connect(parameters, application) as connection:
        try:
            yield connection
        except psycopg.Error as error:
            raise Error(ErrorCode.INTERNAL, f"the database refused: {' '.join(str(error).split())}") from None


def _complaints() -> IO[bytes]:
    """What a program writes to its standard error. In memory: the disk may be what is full."""
    return os.fdopen(os.memfd_create("complaints"), "w+b")


def _require_empty(connection: psycopg.Connection[Any]) -> None:
    statements = queries.load("backup")
    found = [row[0] for row in connection.execute(statements["contents"])]
    if found:
        named = ", ".join(found[:_SHOWN]) + (f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else "")
        advice = "restore into a new data folder or a new database, nothing is ever overwritten"
        raise Error(ErrorCode.CONFLICT, f"the database is not empty ({named}): {advice}")
    servers = [row[0] for row in connection.execute(statements["servers"])]
    if servers:
        raise Error(ErrorCode.CONFLICT, f"a codeactions server (backend {servers[0]}) is using the database: stop it")


def _understood(head: bytes, connection: psycopg.Connection[Any]) -> bytes:
    """`head` without the settings that a newer pg_dump makes and this server does not know."""
    first = head.partition(b"\nCREATE ")[0]
    names = [name.decode() for name in _SETTING.findall(first)]
    unknown = {row[0] for row in connection.execute(queries.load("backup")["unknown_settings"], {"names": names})}
    # The line stays, empty, so that those below keep their numbers.
    known = _SETTING.sub(lambda found: b"" if found[1].decode() in unknown else found[0], first)
    return known + head[len(first) :]


def _failed(what: str, program: client_programs.Program, status: int, complaints: IO[bytes]) -> Error:
    complaints.seek(0)
    lines = [" ".join(line.split()) for line in complaints.read(1024 * 1024).decode(errors="replace").splitlines()]
    # Behind the first come its details, mostly with a statement or a row of somebody's data.
    reason = next((line for line in lines if re.search("error:|ERROR:|FATAL:", line)), "")
    reason = reason or " ".join(lines)[-500:] or f"it ended with {status}"
    reason = re.sub("^psql:<stdin>:([0-9]+): ", r"line \1: ", reason)[:500]
    return Error(ErrorCode.INTERNAL, f"{what}: {reason} (by {program})")
