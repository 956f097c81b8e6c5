"""PostgreSQL's own client programs: one that fits, and a database told to it in a way that nobody else sees."""

import contextlib
import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import psycopg
from psycopg import pq
from psycopg.conninfo import make_conninfo

from codeactions.domain.errors import Error, ErrorCode
from codeactions.postgres.embedded.spawner import PROGRAMS, package_dir

# Against a host that swallows packets, at the start or later; what the caller gives wins.
_PATIENCE = {
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
}
# Of no use to a program, or done away with by now: values that a service brought are in the options themselves.
_DROPPED = {"service", "servicefile", "client_encoding", "replication", "fallback_application_name"}
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)\S*")
_SERVICE = "codeactions"


@dataclass(frozen=True)
class Target:
    """A database as a connection of ours has reached it."""

    options: dict[str, str] = field(repr=False)
    """By libpq's keywords, passwords included."""
    major: int
    """Of the server's version."""
    encrypted: bool
    """Whether TLS is in use."""


@dataclass(frozen=True)
class Program:
    """A client program; `str()` is for people."""

    path: str
    major: int
    version: str
    preload: str | None = None

    def __str__(self) -> str:
        return f"{self.path} {self.version}"


def connect(parameters: Mapping[str, str], application: str) -> psycopg.Connection[Any]:
    """A connection in autocommit by libpq's keywords; other keys are settings for the server, as in Go's drivers.

    Raises `Error` (internal) without anything secret.
    """
    known = {option.keyword.decode() for option in pq.Conninfo.get_defaults()}
    given = {**_PATIENCE, "application_name": application}
    if os.environ.get("PGCONNECT_TIMEOUT"):
        del given["connect_timeout"]
    given |= {key: value for key, value in parameters.items() if key in known} | {"client_encoding": "UTF8"}
    settings = [f"-c {key}={_escaped(value)}" for key, value in parameters.items() if key not in known]
    if settings:
        # What is given here takes the place of PGOPTIONS.
        before = given.get("options") or os.environ.get("PGOPTIONS", "")
        given["options"] = " ".join([before, *settings]).strip()
    try:
        return psycopg.connect(make_conninfo(**given), autocommit=True)
    except psycopg.Error as error:
        reason = " ".join(str(error).split())
    # Outside of `except`: the cause's frames hold the password.
    raise Error(ErrorCode.INTERNAL, f"cannot connect to the database: {reason}")


def target(connection: psycopg.Connection[Any]) -> Target:
    """Where `connection` leads, with everything that URL, environment and service file said."""
    pgconn = connection.pgconn
    options = {one.keyword.decode(): os.fsdecode(one.val) for one in pgconn.info if one.val}
    if "host" not in options and "hostaddr" not in options:
        options["host"] = os.fsdecode(pgconn.host)  # each libpq has a default folder of sockets of its own
    return Target(options, pgconn.server_version // 10000, pgconn.ssl_in_use)


def find(name: str, where: Target, *, newest: bool = False) -> Program:
    """A program for that database: not older than its server, and the oldest such, or else the `newest` of all.

    From PATH, or from the embedded PostgreSQL's wheel. Raises `Error` (internal) that says what to install.
    """
    found = [program for program in (_in_path(name, where), _bundled(name, where)) if program]
    fitting = [program for program in found if newest or program.major >= where.major]
    if not fitting:
        there = ", ".join(map(str, found)) or "none"
        raise Error(
            ErrorCode.INTERNAL,
            f"the server is PostgreSQL {where.major} and needs a {name} of that version or later (found: {there}): "
            f"install postgresql-client-{where.major}, so that {name} is in PATH",
        )
    return (max if newest else min)(fitting, key=lambda program: program.major)


@contextlib.contextmanager
def running(
    program: Program, arguments: Sequence[str], where: Target, *, stdin: int, stdout: int, stderr: IO[bytes]
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the program on a database for the block, and kill it if it has not ended by then.

    Where to connect is in its environment and, for what has no variable, in a service file in memory: all users
    see a command line.
    """
    file = os.memfd_create("service")
    try:
        os.write(file, os.fsencode(_service(where)))
        environment = _environment(where, program.preload)
        environment |= {"PGSERVICE": _SERVICE, "PGSERVICEFILE": f"/proc/self/fd/{file}"}
        process = subprocess.Popen(
            [program.path, *arguments], stdin=stdin, stdout=stdout, stderr=stderr, env=environment, pass_fds=(file,)
        )
    except OSError as error:
        raise Error(ErrorCode.INTERNAL, f"{program} cannot be started: {error.strerror}") from error
    finally:
        os.close(file)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # what is left in its buffer has no reader
                    pipe.close()


def _environment(where: Target, preload: str | None) -> dict[str, str]:
    # No variable of ours, which may be secret, and none that changes what the programs do.
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "CODEACTIONS_")) and k != "DATABASE_URL"}
    variables = {one.keyword.decode(): one.envvar.decode() for one in pq.Conninfo.get_defaults() if one.envvar}
    told = {variables[key]: value for key, value in where.options.items() if key in variables and key not in _DROPPED}
    if not where.encrypted:
        # sslmode=require counts for nothing on a socket, but the wheel's libpq, which has no TLS, stumbles over it.
        told = {key: value for key, value in told.items() if not key.startswith("PGSSL")} | {"PGSSLMODE": "disable"}
    if preload:
        told["LD_PRELOAD"] = " ".join(filter(None, [preload, kept.get("LD_PRELOAD")]))
    return {**kept, **told, "LC_ALL": "C"}


def _service(where: Target) -> str:
    variables = {one.keyword.decode() for one in pq.Conninfo.get_defaults() if one.envvar}
    lines = [f"{key}={value}\n" for key, value in where.options.items() if key not in variables | _DROPPED]
    return f"[{_SERVICE}]\n" + "".join(lines)


def _in_path(name: str, where: Target) -> Program | None:
    path = shutil.which(name)
    return _examined(path, where, None) if path else None


def _bundled(name: str, where: Target) -> Program | None:
    preload = None
    if where.encrypted:
        # The wheel's libpq has no TLS. That of psycopg's wheel has, and is of the same version.
        spec = importlib.util.find_spec("psycopg_binary")
        folder = Path(spec.origin).resolve().parents[1] / "psycopg_binary.libs" if spec and spec.origin else None
        preload = next((str(path) for path in folder.glob("libpq-*")), None) if folder else None
        if preload is None:
            return None
    try:
        return _examined(str(package_dir() / PROGRAMS / name), where, preload)
    except Error:  # no wheel
        return None


def _examined(path: str, where: Target, preload: str | None) -> Program | None:
    # In the environment of the run to come: Debian's wrapper goes by it when it chooses a version.
    environment = _environment(where, preload)
    try:
        done = subprocess.run(
            [path, "--version"], env=environment, capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    version = _VERSION.search(done.stdout)
    return Program(path, int(version[1]), version[0], preload) if version else None


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace(" ", "\\ ")
