"""`codeactions serve` before it serves."""

import resource
import select
import socket

import pytest

from codeactions.cli import serve
from codeactions.cli.serve import _listen, _raise_open_files


def test_a_server_may_open_as_many_files_as_the_host_allows() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (before[1] // 2, before[1]))
        _raise_open_files()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (before[1], before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_client_that_takes_nothing_of_its_answer_is_disconnected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "_TAKES_NOTHING_MS", 200)
    with _listen("127.0.0.1", 0) as listener:
        listener.listen()
        with socket.create_connection(listener.getsockname()), listener.accept()[0] as connection:
            connection.setblocking(False)
            with pytest.raises(TimeoutError):
                send_until_an_error(connection)


def send_until_an_error(connection: socket.socket) -> None:
    poll = select.poll()
    poll.register(connection, 0)  # errors are always told
    while True:
        try:
            connection.send(b"x" * 65536)
        except BlockingIOError:
            assert poll.poll(30_000), "it is still connected"
