"""The messages between server, launcher and zygotes: what they carry, what they refuse and what they cost a zygote."""

import enum
import errno
import os
import socket
import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any

import pytest

from codeactions.sandbox import channel


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two sockets that are connected as a launcher's and a zygote's are."""
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with one, other:
        yield one, other


def test_a_message_arrives_with_its_descriptors(ends: tuple[socket.socket, socket.socket]) -> None:
    reader, writer = os.pipe()
    channel.send(ends[0], {"slot": 3}, (writer,))
    os.close(writer)
    message, (copy,) = channel.receive(ends[1])
    assert message == {"slot": 3}
    assert not os.get_inheritable(copy)
    os.write(copy, b"through")
    assert os.read(reader, 100) == b"through"
    os.close(copy)
    os.close(reader)


def test_without_a_message_only_one_that_does_not_wait_returns(ends: tuple[socket.socket, socket.socket]) -> None:
    with pytest.raises(BlockingIOError):
        channel.receive(ends[1], wait=False)


def test_a_side_that_is_gone_is_told_to_both(ends: tuple[socket.socket, socket.socket]) -> None:
    ends[0].close()
    with pytest.raises(channel.Closed):
        channel.receive(ends[1])
    with pytest.raises(channel.Closed):
        channel.send(ends[1], {})


def test_a_message_that_is_too_large_is_an_error_and_nothing_is_sent(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    with pytest.raises(OSError, match=os.strerror(errno.EMSGSIZE)):
        channel.send(ends[0], {"why": "x" * 65536})
    with pytest.raises(BlockingIOError):
        channel.receive(ends[1], wait=False)


def test_what_is_no_message_is_a_value_error(ends: tuple[socket.socket, socket.socket]) -> None:
    ends[0].send(b"\xff{")
    with pytest.raises(ValueError, match=r".+"):
        channel.receive(ends[1])


def test_a_reason_is_bounded_and_can_be_sent(ends: tuple[socket.socket, socket.socket]) -> None:
    channel.send(ends[0], {"failed": channel.reason("\udc80" + "é" * 5000)})
    message, _ = channel.receive(ends[1])
    assert message == {"failed": "?" + "é" * 999}


@pytest.mark.parametrize("wait", [True, False])
def test_messages_take_no_step_in_the_enum_module(ends: tuple[socket.socket, socket.socket], wait: bool) -> None:
    """A zygote that has just forked copies each page that it writes.

    The flags of `socket` are enums: arithmetic on them made it copy 15 pages more for each run.
    """
    seen: list[str] = []

    def profile(frame: FrameType, event: str, argument: Any) -> None:
        if event == "call":
            seen.append(frame.f_code.co_filename)

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        channel.send(ends[0], {"slot": 1}, (0,))
        _, descriptors = channel.receive(ends[1], wait=wait)
    finally:
        sys.setprofile(before)
    os.close(*descriptors)
    assert channel.__file__ in seen
    assert enum.__file__ not in seen
