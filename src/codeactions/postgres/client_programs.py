"""PostgreSQL's own client programs: the choice of one, and its start without a secret on the command line."""

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
from codeactions.postgres.pooling import advice

# Against a host that drops packets, at the start or later. The caller's own values win.
_TIMEOUTS = {
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
}
# Of no use to a program. The values of a service are among the options already.
_DROPPED = {"service", "servicefile", "client_encoding", "replication", "fallback_application_name"}
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)\S*")
_SERVICE = "codeactions"


@dataclass(frozen=True)
class Target:
    """A database as a connection has reached it."""

    options: dict[str, str] = field(repr=False)
    """By libpq's keywords, passwords included."""
    major: int
    """The major version of the server."""
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
    """Return a connection in autocommit mode.

    parameters: by libpq's keywords; other keys are settings for the server, as in Go's drivers. application: the name
    that the server shows. Raises `Error` (internal), whose message holds no secret.
    """
    known = {option.keyword.decode() for option in pq.Conninfo.get_defaults()}
    given = {**_TIMEOUTS, "application_name": application}
    if os.environ.get("PGCONNECT_TIMEOUT"):
        del given["connect_timeout"]
    given |= {key: value for key, value in parameters.items() if key in known} | {"client_encoding": "UTF8"}
    settings = ["-c " + _escaped(f"{key}={value}") for key, value in parameters.items() if key not in known]
    if settings:
        # The parameter takes the place of PGOPTIONS.
        before = given.get("options") or os.environ.get("PGOPTIONS", "")
        # Not stripped: the last value may end in an escaped space.
        given["options"] = " ".join(filter(None, [before, *settings]))
    try:
        return psycopg.connect(make_conninfo(**given), autocommit=True)
    except psycopg.Error as error:
        reason = " ".join(str(error).split())
        if "startup parameter" in reason:
            reason += f"; {advice(reason)}"
    # Outside of `except`, because the frames of the cause hold the password.
    raise Error(ErrorCode.INTERNAL, f"cannot connect to the database: {reason}")


def target_of(connection: psycopg.Connection[Any]) -> Target:
    """Return the database of a connection, with all options from URL, environment and service file."""
    pgconn = connection.pgconn
    options = {one.keyword.decode(): os.fsdecode(one.val) for one in pgconn.info if one.val}
    if "host" not in options and "hostaddr" not in options:
        options["host"] = os.fsdecode(pgconn.host)  # the default folder of sockets differs between builds of libpq
    return Target(options, pgconn.server_version // 10000, pgconn.ssl_in_use)


def find_program(name: str, target: Target, *, newest: bool = False) -> Program:
    """Return a program from PATH or from the embedded PostgreSQL's wheel.

    By default it is the oldest that is not older than the database server; with `newest`, it is the newest of all.
    Raises `Error` (internal) that says what to install.
    """
    found = [program for program in (_in_path(name, target), _bundled(name, target)) if program]
    fitting = [program for program in found if newest or program.major >= target.major]
    if not fitting:
        others = ", ".join(map(str, found)) or "none"
        raise Error(
            ErrorCode.INTERNAL,
            f"the server is PostgreSQL {target.major} and needs a {name} of that version or later (found: {others}): "
            f"install postgresql-client-{target.major}, so that {name} is in PATH",
        )
    return (max if newest else min)(fitting, key=lambda program: program.major)


@contextlib.contextmanager
def running(
    program: Program, arguments: Sequence[str], target: Target, *, stdin: int, stdout: int, stderr: IO[bytes]
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a program on a database for the block, and kill it if it has not ended by then.

    The connection's options are in its environment, or in a service file in memory if they have no variable: every
    user of the machine can read a command line. Raises `Error` for options that cannot be passed on, and when the
    program cannot be started.
    """
    file = os.memfd_create("service")
    try:
        os.write(file, os.fsencode(_service_file(target)))
        environment = _environment(target, program.preload)
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
                with contextlib.suppress(OSError):  # the rest of the buffer has no reader
                    pipe.close()


def _environment(target: Target, preload: str | None) -> dict[str, str]:
    # Without the server's own variables, which may be secret, and those that change what the programs do.
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "CODEACTIONS_")) and k != "DATABASE_URL"}
    variables = {one.keyword.decode(): one.envvar.decode() for one in pq.Conninfo.get_defaults() if one.envvar}
    told = {variables[key]: value for key, value in target.options.items() if key in variables and key not in _DROPPED}
    if not target.encrypted:
        # On a socket sslmode=require has no effect, but the wheel's libpq, which has no TLS, refuses it.
        told = {key: value for key, value in told.items() if not key.startswith("PGSSL")} | {"PGSSLMODE": "disable"}
    if preload:
        told["LD_PRELOAD"] = " ".join(filter(None, [preload, kept.get("LD_PRELOAD")]))
    return {**kept, **told, "LC_ALL": "C"}


def _service_file(target: Target) -> str:
    """Return the service file for the options that have no variable. Raises `Error` for one that it cannot hold."""
    in_variables = {one.keyword.decode() for one in pq.Conninfo.get_defaults() if one.envvar}
    options = {key: value for key, value in target.options.items() if key not in in_variables | _DROPPED}
    for key, value in options.items():
        # libpq knows no escape there: a line end would begin another option, and white space at the end is cut off.
        if "\n" in value or value != value.rstrip(" \t\n\v\f\r"):
            problem = f"{key} contains a line end or ends in white space"
            raise Error(ErrorCode.INVALID, f"{problem}, which cannot be passed to PostgreSQL's programs")
    return f"[{_SERVICE}]\n" + "".join(f"{key}={value}\n" for key, value in options.items())


def _in_path(name: str, target: Target) -> Program | None:
    path = shutil.which(name)
    return _examine(path, target, None) if path else None


def _bundled(name: str, target: Target) -> Program | None:
    preload = None
    if target.encrypted:
        # The wheel's libpq has no TLS. The one in psycopg's wheel has, and is of the same version.
        spec = importlib.util.find_spec("psycopg_binary")
        folder = Path(spec.origin).resolve().parents[1] / "psycopg_binary.libs" if spec and spec.origin else None
        preload = next((str(path) for path in folder.glob("libpq-*")), None) if folder else None
        if preload is None:
            return None
    try:
        return _examine(str(package_dir() / PROGRAMS / name), target, preload)
    except Error:  # no wheel
        return None


def _examine(path: str, target: Target, preload: str | None) -> Program | None:
    """Return the program at a path with its version; None if it does not run."""
    # In the environment in which it will be used, because Debian's wrapper chooses a version by it.
    environment = _environment(target, preload)
    try:
        done = subprocess.run(
            [path, "--version"], env=environment, capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    version = _VERSION.search(done.stdout)
    return Program(path, int(version[1]), version[0], preload) if version else None


def _escaped(option: str) -> str:
    """Return an option so that the server's splitting at white space leaves it in one piece."""
    return re.sub(r"([\s\\])", r"\\\1", option)
