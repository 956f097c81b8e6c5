"""The server's side of a launcher process: starts one, talks to it, and tells when it is gone."""

import asyncio
import collections
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from codeactions.domain.errors import Error, ErrorCode
from codeactions.sandbox import channel
from codeactions.sandbox.config import LauncherConfig, Level

_PACKAGE_PARENT = str(Path(__file__).resolve().parents[3])
# The fresh interpreter sees the standard library and, last, the folder this package is in; no site, no
# environment, nothing of the virtual environment's start-up files.
_PROGRAM = "import sys; sys.path.append({path!r}); from codeactions.sandbox.inside.supervisor import main; main({fd})"
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "HOME": "/tmp", "LANG": "C.UTF-8", "TMPDIR": "/tmp", "USER": "sandbox"}


class LauncherProcess:
    """One launcher, from start to end. Not reusable: a new one is made when it is gone.

    on_message is called with every message but the first; on_gone once, when the launcher has ended.
    """

    def __init__(self, on_message: Callable[[dict[str, Any]], None], on_gone: Callable[[], None]) -> None:
        self._on_message = on_message
        self._on_gone = on_gone
        self._outgoing: collections.deque[tuple[dict[str, Any], tuple[int, ...]]] = collections.deque()
        self._process: subprocess.Popen[bytes] | None = None
        self._sock: socket.socket | None = None
        self.level: Level | None = None
        self.cgroup_reason = ""

    def __repr__(self) -> str:
        return f"<LauncherProcess pid={self.pid} {'open' if self._sock else 'closed'}>"

    @property
    def pid(self) -> int | None:
        """Process id of the guard, the launcher's outer half."""
        return self._process.pid if self._process else None

    async def start(self, config: LauncherConfig, timeout: float = 30.0) -> Level:
        """Start it and wait until it can take runs.

        Raises `Error` (internal) that says what is missing, and `OSError` with no descriptor left for its socket.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._sock = ours
        ours.setblocking(False)
        loop = asyncio.get_running_loop()
        try:
            with theirs:
                self._spawn(theirs)
            ours.send(config.to_json())
        except OSError as error:
            await self.stop()
            raise Error(ErrorCode.INTERNAL, f"the sandbox launcher cannot start: {error.strerror}") from None
        waiting: asyncio.Future[dict[str, Any]] = loop.create_future()
        loop.add_reader(ours, self._on_first, waiting)
        try:
            message = await asyncio.wait_for(waiting, timeout)
        except asyncio.CancelledError:
            await self.stop()
            raise
        except TimeoutError:
            await self.stop()
            raise Error(ErrorCode.INTERNAL, f"the sandbox launcher did not start within {timeout:g} s") from None
        if "ready" not in message:
            await self.stop()
            raise Error(ErrorCode.INTERNAL, f"the sandbox launcher cannot start: {message['fatal']}")
        self.level = Level(**{**message["ready"], "controllers": tuple(message["ready"]["controllers"])})
        self.cgroup_reason = message["cgroup_reason"]
        loop.remove_reader(ours)
        loop.add_reader(ours, self._on_readable)
        return self.level

    def _spawn(self, sock: socket.socket) -> None:
        interpreter = getattr(sys, "_base_executable", sys.executable)
        self._process = subprocess.Popen(
            [interpreter, "-I", "-S", "-c", _PROGRAM.format(path=_PACKAGE_PARENT, fd=sock.fileno())],
            pass_fds=(sock.fileno(),),
            env=_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in a terminal is the server's to handle
            cwd="/",
        )

    def send(self, message: dict[str, Any], descriptors: tuple[int, ...] = ()) -> None:
        """Queue one message; descriptors are duplicated, so the caller may close its own at once.

        Silently nothing once the launcher is gone: `on_gone` tells. Raises `OSError` when the descriptors cannot be
        duplicated or sent, as too many are open or on their way; then nothing is queued.
        """
        if self._sock is None:
            return
        if not self._outgoing:
            try:
                channel.send(self._sock, message, descriptors)
                return
            except BlockingIOError:
                pass
            except channel.Closed:
                return  # the reader will see it too
        kept: list[int] = []
        try:
            for fd in descriptors:
                kept.append(os.dup(fd))  # noqa: PERF401 - those made before one fails have to be known
        except OSError:
            for fd in kept:
                os.close(fd)
            raise
        if not self._outgoing:
            asyncio.get_running_loop().add_writer(self._sock, self._on_writable)
        self._outgoing.append((message, tuple(kept)))

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
        assert self._sock is not None
        try:
            message, _ = channel.receive(self._sock)
        except channel.Closed:
            message = {"fatal": "it ended without a word"}
        if not waiting.done():
            waiting.set_result(message)
        asyncio.get_running_loop().remove_reader(self._sock)

    def _on_readable(self) -> None:
        try:
            while self._sock is not None:
                message, _ = channel.receive(self._sock)
                self._on_message(message)
        except BlockingIOError:
            return
        except channel.Closed:
            self._close()
            self._on_gone()

    def _on_writable(self) -> None:
        assert self._sock is not None
        while self._outgoing:
            message, descriptors = self._outgoing[0]
            try:
                channel.send(self._sock, message, descriptors)
            except OSError:  # the socket is full, or the launcher has yet to take descriptors that are on their way
                return
            except channel.Closed:
                break
            self._outgoing.popleft()
            for fd in descriptors:
                os.close(fd)
        asyncio.get_running_loop().remove_writer(self._sock)

    def _close(self) -> None:
        if self._sock is not None:
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._sock)
            loop.remove_writer(self._sock)
            self._sock.close()
            self._sock = None
        for _, descriptors in self._outgoing:
            for fd in descriptors:
                os.close(fd)
        self._outgoing.clear()
