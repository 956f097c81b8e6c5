"""Messages on their way to one socket."""

import asyncio
import collections
import os
import socket
from typing import Any

from codeactions.sandbox import channel


class Outbox:
    """Sends messages in order; those that the socket does not take at once wait. The socket stays its owner's."""

    def __init__(self, sock: socket.socket) -> None:
        """Make the socket non-blocking."""
        sock.setblocking(False)
        self._sock = sock
        self._waiting: collections.deque[tuple[dict[str, Any], tuple[int, ...]]] = collections.deque()

    def send(self, message: dict[str, Any], descriptors: tuple[int, ...] = ()) -> None:
        """Queue one message; descriptors are duplicated, so the caller may close its own at once.

        Does nothing when the other side is gone. Raises `OSError` when the descriptors cannot be duplicated or sent,
        as too many are open or on their way, or the message is too large; then nothing is queued.
        """
        if not self._waiting:
            try:
                channel.send(self._sock, message, descriptors)
                return
            except BlockingIOError:
                pass
            except channel.Closed:
                return
        kept: list[int] = []
        try:
            for fd in descriptors:
                kept.append(os.dup(fd))  # noqa: PERF401 - those made before one fails have to be known
        except OSError:
            for fd in kept:
                os.close(fd)
            raise
        if not self._waiting:
            asyncio.get_running_loop().add_writer(self._sock, self._on_writable)
        self._waiting.append((message, tuple(kept)))

    def close(self) -> None:
        """Drop what waits. Call it before the socket is closed."""
        asyncio.get_running_loop().remove_writer(self._sock)
        for _, descriptors in self._waiting:
            for fd in descriptors:
                os.close(fd)
        self._waiting.clear()

    def _on_writable(self) -> None:
        while self._waiting:
            message, descriptors = self._waiting[0]
            try:
                channel.send(self._sock, message, descriptors)
            except OSError:  # the socket is full, or the launcher has yet to take descriptors that are on their way
                return
            except channel.Closed:
                break
            self._waiting.popleft()
            for fd in descriptors:
                os.close(fd)
        asyncio.get_running_loop().remove_writer(self._sock)
