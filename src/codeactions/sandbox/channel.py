"""Messages between server, supervisor, launcher and zygotes.

Each message is one JSON object and a few descriptors in one SOCK_SEQPACKET packet.
"""

from __future__ import annotations

import array
import errno
import json
import os
import socket

TYPE_CHECKING = False  # as in typing, which is too large to import here
if TYPE_CHECKING:
    from typing import Any

_LARGEST = 65536
_MOST_DESCRIPTORS = 8
_LONGEST_REASON = 1000  # characters
# As plain numbers: an operation on socket's own flags is a call into the enum module, whose pages each fork of a zygote
# would then copy.
_CLOSE_ON_EXEC = int(socket.MSG_CMSG_CLOEXEC)
_NO_WAIT = int(socket.MSG_DONTWAIT)
_TRUNCATED = int(socket.MSG_CTRUNC)


class Closed(Exception):
    """The other side is gone."""


def send(sock: socket.socket, message: dict[str, Any], descriptors: tuple[int, ...] = ()) -> None:
    """Send one message. Raises `Closed` when the other side is gone, and `OSError` for a message over 64 KiB."""
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
    data = json.dumps(message).encode()
    if len(data) > _LARGEST:
        raise OSError(errno.EMSGSIZE, os.strerror(errno.EMSGSIZE))
    try:
        sock.sendmsg([data], ancillary)
    except (BrokenPipeError, ConnectionResetError, ConnectionRefusedError) as error:
        raise Closed from error


def receive(sock: socket.socket, *, wait: bool = True) -> tuple[dict[str, Any], list[int]]:
    """Take one message and its descriptors (close-on-exec); none of them unless there was room for all.

    Raises `Closed`, what the socket raises, `ValueError` for what is no message, and with wait=False `BlockingIOError`
    when no message is there.
    """
    flags = _CLOSE_ON_EXEC if wait else _CLOSE_ON_EXEC | _NO_WAIT
    try:
        data, ancillary, told, _ = sock.recvmsg(_LARGEST, socket.CMSG_SPACE(4 * _MOST_DESCRIPTORS), flags)
    except ConnectionResetError as error:
        raise Closed from error
    if not data:
        raise Closed
    descriptors = array.array("i")
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(content[: len(content) - len(content) % descriptors.itemsize])
    if told & _TRUNCATED:  # the receiver has too few left; some without the others are of no use
        while descriptors:
            os.close(descriptors.pop())
    return json.loads(data), list(descriptors)


def no_room() -> OSError:
    """Return the error for a message that should have had descriptors, and came without."""
    return OSError(errno.EMFILE, os.strerror(errno.EMFILE))


def reason(text: str) -> str:
    """Return a text as a message's reason: of bounded length, and with nothing in it that is no Unicode."""
    return text[:_LONGEST_REASON].encode(errors="replace").decode()
