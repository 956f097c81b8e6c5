"""The server's side of a launcher and its supervisor: starts them, talks to them, and tells when they are gone."""

import asyncio
import contextlib
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from codeactions.domain.errors import Error, ErrorCode
from codeactions.sandbox import channel
from codeactions.sandbox.config import LauncherConfig, Level, ZygoteSpec
from codeactions.sandbox.server.outbox import Outbox

_PACKAGE_PARENT = str(Path(__file__).resolve().parents[3])
# The fresh interpreter sees the standard library and, last, the folder this package is in; no site, no
# environment, nothing of the virtual environment's start-up files.
_PROGRAM = (
    "import sys; sys.path.append({path!r}); "
    "from codeactions.sandbox.inside.supervisor import main; main({control}, {launchers})"
)
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "HOME": "/tmp", "LANG": "C.UTF-8", "TMPDIR": "/tmp", "USER": "sandbox"}


class _Line:
    """One of the two sockets, with what is on its way there."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.outbox = Outbox(sock)

    def close(self) -> None:
        self.outbox.close()
        asyncio.get_running_loop().remove_reader(self.sock)
        self.sock.close()


def _make_line(theirs: contextlib.ExitStack) -> tuple[_Line, socket.socket]:
    """Return a line, and its other end, which `theirs` closes. Raises `OSError`."""
    ours, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    return _Line(ours), theirs.enter_context(other)


class LauncherProcess:
    """One launcher, from start to end. Not reusable: a new one is made when it is gone.

    on_message is called with every message but the first; on_gone once, when the launcher has ended.
    """

    def __init__(self, on_message: Callable[[dict[str, Any]], None], on_gone: Callable[[], None]) -> None:
        self._on_message = on_message
        self._on_gone = on_gone
        self._process: subprocess.Popen[bytes] | None = None
        self._supervisor: _Line | None = None
        self._launcher: _Line | None = None
        self.level: Level | None = None
        self.cgroup_reason = ""

    def __repr__(self) -> str:
        return f"<LauncherProcess pid={self.pid} {'open' if self._launcher else 'closed'}>"

    @property
    def pid(self) -> int | None:
        """Process id of the supervisor; None before there is one."""
        return self._process.pid if self._process else None

    async def start(self, config: LauncherConfig, timeout: float = 30.0) -> Level:
        """Start it and wait, so many seconds, until zygotes can be opened. Opens none itself.

        Raises `Error` (internal) that says what is missing, and `OSError` with no descriptor left for its sockets.
        """
        with contextlib.ExitStack() as theirs:
            try:
                self._supervisor, control = _make_line(theirs)
                self._launcher, launchers = _make_line(theirs)
            except OSError:
                self._close()
                raise
            try:
                self._spawn(control, launchers)
                self._supervisor.sock.send(config.to_json())
            except OSError as error:
                await self.stop()
                raise Error(ErrorCode.INTERNAL, f"the sandbox launcher cannot start: {error.strerror}") from None
        message = await self._first_message(timeout)
        if "ready" not in message:
            await self.stop()
            raise Error(ErrorCode.INTERNAL, f"the sandbox launcher cannot start: {message['fatal']}")
        self.level = Level(**{**message["ready"], "controllers": tuple(message["ready"]["controllers"])})
        self.cgroup_reason = message["cgroup_reason"]
        assert self._launcher is not None
        asyncio.get_running_loop().add_reader(self._launcher.sock, self._on_readable)
        return self.level

    def _spawn(self, control: socket.socket, launchers: socket.socket) -> None:
        interpreter = getattr(sys, "_base_executable", sys.executable)
        program = _PROGRAM.format(path=_PACKAGE_PARENT, control=control.fileno(), launchers=launchers.fileno())
        self._process = subprocess.Popen(
            [interpreter, "-I", "-S", "-c", program],
            pass_fds=(control.fileno(), launchers.fileno()),
            env=_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in a terminal is the server's to handle
            cwd="/",
        )

    async def _first_message(self, timeout: float) -> dict[str, Any]:
        assert self._launcher is not None
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[dict[str, Any]] = loop.create_future()
        loop.add_reader(self._launcher.sock, self._on_first, waiting)
        try:
            return await asyncio.wait_for(waiting, timeout)
        except asyncio.CancelledError:
            await self.stop()
            raise
        except TimeoutError:
            await self.stop()
            raise Error(ErrorCode.INTERNAL, f"the sandbox launcher did not start within {timeout:g} s") from None

    def open_zygote(self, number: int, spec: ZygoteSpec) -> None:
        """Ask for a zygote. Its number is never used again. Raises `OSError` when the message is too large."""
        if self._supervisor is not None:
            self._supervisor.outbox.send({"open": number, "module": spec.module, "mounts": dict(spec.mounts)})

    def close_zygote(self, number: int) -> None:
        """Ask for the end of a zygote, whether or not it is ready."""
        if self._supervisor is not None:
            self._supervisor.outbox.send({"close": number})

    def send(self, message: dict[str, Any], descriptors: tuple[int, ...] = ()) -> None:
        """Queue one message for the launcher, as `Outbox.send` does.

        Does nothing once the launcher is gone: `on_gone` tells.
        """
        if self._launcher is not None:
            self._launcher.outbox.send(message, descriptors)

    async def stop(self, timeout: float = 10.0) -> None:
        """End it and wait for it: every run it had is gone afterwards, and its cgroups are removed."""
        self._close()
        if self._process is None:
            return
        try:
            await asyncio.to_thread(self._process.wait, timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)

    def _on_first(self, waiting: asyncio.Future[dict[str, Any]]) -> None:
        assert self._launcher is not None
        try:
            message, _ = channel.receive(self._launcher.sock)
        except channel.Closed:
            message = {"fatal": "it ended without a word"}
        if not waiting.done():
            waiting.set_result(message)
        asyncio.get_running_loop().remove_reader(self._launcher.sock)

    def _on_readable(self) -> None:
        try:
            while self._launcher is not None:
                message, _ = channel.receive(self._launcher.sock)
                self._on_message(message)
        except BlockingIOError:
            return
        except channel.Closed:
            self._close()
            self._on_gone()

    def _close(self) -> None:
        for line in (self._supervisor, self._launcher):
            if line is not None:
                line.close()
        self._supervisor = self._launcher = None
