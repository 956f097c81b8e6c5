"""Attacks by answers that go out while their run goes on: of the run on the server, and of the client on the run."""

import json
import socket
from typing import Any

import httpx
import pytest
from attacks.attacker import RAW, nothing_left
from harness import Server, wait_until


def raw(*statements: str) -> str:
    """A code that writes to the line itself."""
    body = "".join(f"    {statement}\n" for statement in statements)
    return f"{RAW}\ndef Run(engine):\n{body}    os._exit(0)\n"


def ended(server: Server, run_id: str) -> dict[str, Any]:
    """The record of a run, once it is over."""

    def record() -> dict[str, Any] | None:
        found = dict(server.client.get(f"/coderun/{run_id}").json())
        return None if found["status"] == "started" else found

    return dict(wait_until(record, 30, "the end of the run"))


def last_run(server: Server, code_id: str) -> dict[str, Any]:
    return dict(wait_until(lambda: server.client.get("/coderun", params={"code_id": code_id}).json()["data"])[0])


def bytes_of(server: Server, source: str, *, method: str = "GET", **fields: object) -> tuple[bytes, str]:
    """All that a client gets of an answer, byte by byte, until the server closes the connection; and the code's id."""
    code_id = server.create(source, **fields)
    connection = socket.create_connection(("127.0.0.1", int(server.base.rpartition(":")[2])), timeout=30)
    with connection:
        connection.sendall(f"{method} /endpoint/{code_id} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        received = b""
        while data := connection.recv(65536):
            received += data
    return received, code_id


FRAMING = [
    ["Transfer-Encoding", "identity"],
    ["transfer-encoding", "chunked"],
    ["Content-Length", "3"],
    ["content-length", "99999"],
    ["Connection", "keep-alive"],
    ["Trailer", "X-Evil"],
    ["Upgrade", "websocket"],
    ["Keep-Alive", "timeout=9999"],
    ["Set-Cookie", "session=fixed"],
    ["X-Accel-Buffering", "yes"],
    ["X-Accel-Redirect", "/internal"],
    ["X-Run-Id", "forged"],
    ["Content-Type", "text/evil"],
    ["Date", "never"],
]


def test_headers_of_the_framing_cannot_be_smuggled_into_a_stream(server: Server) -> None:
    source = raw(f"send(stream(headers={FRAMING!r}) + chunk(b'abc') + END_FRAME)")
    received, _ = bytes_of(server, source)
    head, _, body = received.partition(b"\r\n\r\n")
    assert body == b"3\r\nabc\r\n0\r\n\r\n"
    names = [line.partition(b":")[0].lower() for line in head.split(b"\r\n")[1:]]
    assert len(names) == len(set(names)), head
    assert b"content-length" not in names
    lines = head.lower().split(b"\r\n")
    assert b"transfer-encoding: chunked" in lines
    assert b"x-accel-buffering: no" in lines
    for evil in (b"evil", b"fixed", b"forged", b"never", b"internal", b"9999", b"websocket", b"identity"):
        assert evil not in head.lower()


SPLIT = {
    "a value": "headers=[['X-Evil', 'a\\r\\n\\r\\nHTTP/1.1 200 OK\\r\\n']]",
    "a name": "headers=[['X-Evil\\r\\nSet-Cookie', 'x']]",
    "a content type": "content_type='a/b\\r\\nX-Evil: 1'",
    "a status": "status_code=101",
    "no status": "status_code=0",
    "a status that is text": "status_code='200 OK\\r\\nX-Evil: 1'",
}


@pytest.mark.parametrize("meta", SPLIT.values(), ids=SPLIT)
def test_a_head_that_would_split_the_answer_ends_the_run_before_anything_goes_out(server: Server, meta: str) -> None:
    answer = server.call(raw(f"send(stream({meta}) + chunk(b'abc') + END_FRAME)"))
    assert (answer.status_code, answer.json()["error_type"]) == (500, "killed")
    assert "x-evil" not in answer.headers
    assert server.record(answer)["result"] is None


def test_bytes_that_look_like_framing_are_only_bytes(server: Server) -> None:
    forged = b"0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
    received, _ = bytes_of(server, raw(f"send(stream() + chunk({forged!r}) + END_FRAME)"))
    _, _, body = received.partition(b"\r\n\r\n")
    assert body == b"%x\r\n%s\r\n0\r\n\r\n" % (len(forged), forged)


@pytest.mark.parametrize("status", [204, 304])
def test_a_body_where_none_may_be_is_not_sent(server: Server, status: int) -> None:
    received, code_id = bytes_of(server, raw(f"send(stream(status_code={status}) + chunk(b'evil') + END_FRAME)"))
    assert received.partition(b"\r\n\r\n")[2] == b""
    assert b"transfer-encoding" not in received.lower()
    assert ended(server, last_run(server, code_id)["id"])["status"] == "completed"


def test_a_body_of_an_answer_to_head_is_not_sent(server: Server) -> None:
    received, _ = bytes_of(server, raw("send(stream() + chunk(b'evil') + END_FRAME)"), method="HEAD")
    assert b"evil" not in received


OUT_OF_ORDER = {
    "a second head": "stream(headers=[['X-Evil', '1']])",
    "a result": "result(b'evil')",
    "a result that goes on": "result(b'evil', goes_on=True)",
    "an empty piece": "chunk(b'')",
    "a piece over its bound": "chunk(b'x' * 65537)",
    "an unknown kind": "frame(10, b'')",
    "random bytes": "os.urandom(100)",
    "a failure that is not JSON": "frame(FAILURE, b'\\0\\0\\0\\1x')",
    "half a piece": "chunk(b'x' * 100)[:-1]",
    "nothing more": "b''",
    "a description over its bound": "described(END, {'x': 'y' * 70000})",
}


@pytest.mark.parametrize("frames", OUT_OF_ORDER.values(), ids=OUT_OF_ORDER)
def test_a_stream_that_breaks_the_protocol_is_cut_and_recorded(server: Server, frames: str) -> None:
    received, code_id = bytes_of(server, raw("send(stream() + chunk(b'abc'))", f"send({frames})"))
    body = received.partition(b"\r\n\r\n")[2]
    assert body == b"3\r\nabc\r\n", "no last chunk"
    record = ended(server, last_run(server, code_id)["id"])
    assert (record["status"], record["result"]) == ("failed", "abc")
    assert record["extra"]["error"]["type"] == "killed"


@pytest.mark.parametrize("way", ["chunk(b'x')", "chunk(b'x' * 65536)", "frame(LOG, b'\\1x') + chunk(b'x')"])
def test_a_flood_leaves_the_server_to_others(server: Server, way: str) -> None:
    code_id = server.create(raw("send(stream())", f"flood = ({way}) * 100", "while True: send(flood)"), timeout=20)
    other = server.create("def Run(engine):\n    return 'well'\n")
    with server.client.stream("GET", f"/endpoint/{code_id}") as answer:
        pieces = answer.iter_raw()
        with httpx.Client(base_url=server.base, timeout=30) as client:
            for _ in range(50):
                next(pieces, b"")
                assert client.get(f"/endpoint/{other}").text == "well"
        run_id = answer.headers["x-run-id"]
    assert ended(server, run_id)["extra"]["error"]["type"] in ("cancelled", "output_limit")


def test_a_client_that_never_reads_holds_no_more_than_its_run_and_only_for_its_time(server: Server) -> None:
    code_id = server.create("def Run(engine):\n    chunk = b'x' * 65536\n    while True: yield chunk\n", timeout=5)
    before = memory(server)
    clients = [silent_client(server, code_id) for _ in range(3)]
    runs = wait_until(lambda: (found := runs_of(server, code_id)) and len(found) == 3 and found, 20)
    for run in runs:
        record = ended(server, run["id"])
        assert record["extra"]["error"]["type"] == "timeout"
        assert record["extra"]["result_bytes"] < 16 << 20, "the run waited"
    assert memory(server) - before < 100 << 20
    for client in clients:
        client.close()
    wait_until(lambda: nothing_left(server), 10)


def silent_client(server: Server, code_id: str) -> socket.socket:
    """A client that asks and takes nothing."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", int(server.base.rpartition(":")[2])))
    client.sendall(f"GET /endpoint/{code_id} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return client


def runs_of(server: Server, code_id: str) -> list[dict[str, Any]]:
    return list(server.client.get("/coderun", params={"code_id": code_id}).json()["data"])


def memory(server: Server) -> int:
    """Bytes of the server's own process."""
    with open(f"/proc/{server.pid}/status") as status:
        (line,) = [line for line in status if line.startswith("VmRSS:")]
    return int(line.split()[1]) * 1024


ENDLESS_WORK = {
    "deaf, with a child": """
import os, signal, time
def Run(engine):
    def work():
        for number in range(1, 65):
            if number not in (9, 19): signal.signal(number, signal.SIG_IGN) if number not in (32, 33) else None
        if os.fork() == 0: os.setsid()
        while True: time.sleep(1)
    engine.background(work)
    return "x"
""",
    "work that begins work": """
def Run(engine):
    def work(): engine.background(work)
    engine.background(work)
    return "x"
""",
}


def test_work_without_end_holds_its_slot_only_for_its_time(server: Server) -> None:
    answers = {name: server.call(source, timeout_seconds=5) for name, source in ENDLESS_WORK.items()}
    for name, answer in answers.items():
        assert answer.text == "x", name
        record = ended(server, answer.headers["x-run-id"])
        assert (record["result"], record["extra"]["error"]["type"]) == ("x", "timeout"), name
    wait_until(lambda: nothing_left(server), 10)


LATE = {
    "a second answer": "result(b'evil')",
    "a piece": "chunk(b'evil')",
    "a head": "stream()",
    "whole again": "frame(ANSWERED, b'')",
}


@pytest.mark.parametrize("frames", LATE.values(), ids=LATE)
def test_an_answer_cannot_be_changed_after_it_has_gone_out(server: Server, frames: str) -> None:
    statements = ("send(result(b'true', goes_on=True))", f"send({frames})", "time.sleep(60)")
    answer = server.call(raw(*statements))
    assert answer.text == "true"
    record = ended(server, answer.headers["x-run-id"])
    assert (record["status"], record["result"], record["extra"]["error"]["type"]) == ("failed", "true", "killed")


def test_the_memory_of_work_after_the_answer_has_the_runs_limit(server: Server) -> None:
    source = "def Run(engine):\n    engine.background(lambda: bytearray(1 << 40))\n    return 'x'\n"
    answer = server.call(source)
    assert answer.text == "x"
    record = ended(server, answer.headers["x-run-id"])
    assert (record["result"], record["extra"]["error"]["type"]) == ("x", "memory")


def test_a_run_that_says_it_goes_on_and_dies_is_on_record(server: Server) -> None:
    answer = server.call(raw("send(result(b'x', goes_on=True))", "os.kill(os.getpid(), 9)"))
    assert answer.text == "x"
    record = ended(server, answer.headers["x-run-id"])
    assert (record["status"], record["result"], record["extra"]["error"]["type"]) == ("failed", "x", "killed")


def test_a_caller_of_run_gets_no_more_than_a_result_may_have(server: Server) -> None:
    code_id = server.create("def Run(engine):\n    chunk = b'x' * 65536\n    while True: yield chunk\n", timeout=20)
    answer = server.client.post(f"/run/{code_id}")
    assert (answer.status_code, answer.json()["error_type"]) == (500, "output_limit")
    record = ended(server, answer.headers["x-run-id"])
    assert json.dumps(record["extra"]["error"]["message"]).count("result has more than") == 1
