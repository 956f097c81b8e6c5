"""Attacks on the line to the server: a run writes raw bytes in place of what the engine would have sent."""

import json
import sys
from typing import Any

import pytest
from attacks.attacker import RAW, failure, success
from harness import Server


def call_raw(server: Server, *statements: str, **request: Any) -> Any:
    """Run statements that write to the line themselves, and end before the engine gets to say anything."""
    body = "".join(f"    {statement}\n" for statement in statements)
    return server.call(f"{RAW}\ndef Run(engine):\n{body}    os._exit(0)\n", **request)


MALFORMED = {
    "an unknown kind": "send(frame(10, b''))",
    "the next unknown kind": "send(frame(11, b''))",
    "kind 0": "send(bytes(100))",
    "a job": "send(described(JOB, {'source': 'x'}))",
    "random bytes": "send(os.urandom(100000))",
    "a request of HTTP": "send(b'GET / HTTP/1.1\\r\\n\\r\\n')",
    "the largest length": "send(b'\\3\\xff\\xff\\xff\\xff')",
    "a length of 2 GiB": "send(b'\\3\\x80\\0\\0\\0')",
    "a result over its bound": "send(b'\\3' + struct.pack('!I', 11 << 20))",
    "a log line over its bound": "send(b'\\2' + struct.pack('!I', 40000))",
    "a failure over its bound": "send(b'\\4' + struct.pack('!I', 65537))",
    "a log line without a level": "send(frame(LOG, b''))",
    "a log line of an unknown level": "send(frame(LOG, b'\\x07line'))",
    "text over its bound": "send(b'\\5' + struct.pack('!I', 40000))",
    "text without a level": "send(frame(TEXT, b''))",
    "text of an unknown level": "send(frame(TEXT, b'\\x07text'))",
    "text of no stream": "send(frame(TEXT, b'\\2text'))",
    "an empty result": "send(frame(RESULT, b''))",
    "a description longer than its frame": "send(frame(RESULT, b'\\xff\\xff\\xff\\xff{}'))",
    "a description that is not JSON": "send(described(RESULT, b'{\"status_code\": 200,'))",
    "a description that is not UTF-8": "send(described(RESULT, b'\\xff\\xfe{}'))",
    "a description that is no object": "send(described(RESULT, b'[1]'))",
    "a description nested deeply": "send(described(RESULT, b'[' * 60000))",
    "headers nested deeply": "send(described(RESULT, b'{\"headers\": ' + b'[' * 30000 + b']' * 30000 + b'}'))",
    "an endless number": "send(described(RESULT, b'{\"status_code\": ' + b'9' * 60000 + b'}'))",
    "megabytes of description": "send(described(RESULT, b'{\"headers\": [' + b'{},' * 3000000 + b'1]}'))",
    "an empty description": "send(described(RESULT, {}))",
    "a body over the limit": "send(result(b'x' * ((10 << 20) + 1)))",
    "half a header": "send(b'\\3\\0')",
    "half a result": "send(result(b'x' * 1000)[:-1])",
    "nothing": "pass",
}


@pytest.mark.parametrize("statement", MALFORMED.values(), ids=MALFORMED)
def test_a_run_that_breaks_the_protocol_is_killed(server: Server, statement: str) -> None:
    answer = call_raw(server, statement)
    failure(server, answer, "killed")


# Up to 3.13 Python refuses to read so many levels. From 3.14 on it does, and a message that is no text counts as none.
def test_a_failure_whose_message_is_nested_deeply_is_one_without_a_message(server: Server) -> None:
    answer = call_raw(server, "send(described(FAILURE, b'{\"message\": ' + b'[' * 30000 + b']' * 30000 + b'}'))")
    if sys.version_info < (3, 14):
        failure(server, answer, "killed")
    else:
        assert failure(server, answer, "exception")["message"] == ""


STATUS_CODES = [
    "99",
    "199",
    "600",
    "1000",
    "-1",
    "0",
    "True",
    "200.0",
    "1e3",
    "'200'",
    "None",
    "[200]",
    "10 ** 30",
]
CONTENT_TYPES = [
    "None",
    "1",
    "True",
    "['text/html']",
    "'a/b\\r\\nX-Evil: 1'",
    "'a\\nb'",
    "'\\0'",
    "'\\u20ac'",
    "'x' * 9000",
]
HEADERS = [
    "None",
    "{'X-Evil': '1'}",
    "'X-Evil: 1'",
    "['X-Evil']",
    "[['X-Evil']]",
    "[['X-Evil', '1', '2']]",
    "[['X-Evil', 1]]",
    "[[1, '1']]",
    "[['X-Evil', None]]",
    "[['X-Evil', 'a\\r\\nSet-Cookie: session=stolen']]",
    "[['X-Evil', 'a\\nb']]",
    "[['X-Evil', 'a\\0b']]",
    "[['X-Evil\\r\\nSet-Cookie', 'x']]",
    "[['X Evil', 'x']]",
    "[['X-Evil:', 'x']]",
    "[['', 'x']]",
    "[['\\u20ac', 'x']]",
    "[['X-Evil', '\\u20ac']]",
    "[['X-Evil', '\\ud800']]",
    "[['X-Evil', 'x' * 8193]]",
    "[['X-Evil', 'x']] * 101",
]
FORGED = (
    [f"send(result(status_code={value}))" for value in STATUS_CODES]
    + [f"send(result(content_type={value}))" for value in CONTENT_TYPES]
    + [f"send(result(headers={value}))" for value in HEADERS]
)


# The engine refuses these before it sends them; whoever goes past it gets no better.
@pytest.mark.parametrize("statement", FORGED)
def test_a_forged_result_never_becomes_an_answer(server: Server, statement: str) -> None:
    answer = call_raw(server, statement)
    failure(server, answer, "killed")
    assert "x-evil" not in answer.headers
    assert "set-cookie" not in answer.headers


NOT_A_RUNS = {
    "Content-Length": "1",
    "Transfer-Encoding": "chunked",
    "Connection": "close",
    "Keep-Alive": "x",
    "Upgrade": "websocket",
    "Set-Cookie": "session=fixed",
    "Set-Cookie2": "x",
    "X-Run-Id": "00000000-0000-7000-8000-000000000000",
    "Date": "yesterday",
    "Server": "other",
    "Content-Type": "text/evil",
    "Strict-Transport-Security": "max-age=31536000",
    "Clear-Site-Data": "*",
    "Service-Worker-Allowed": "/",
    "Alt-Svc": 'h2="evil:443"',
    "NEL": "{}",
    "Report-To": "{}",
    "X-Content-Type-Options": "sniff",
    "X-Accel-Redirect": "/coderun",
    "X-Sendfile": "/etc/passwd",
    "Location": "javascript:alert(1)",
}


@pytest.mark.parametrize("way", ["raw", "engine"])
def test_headers_that_are_the_servers_own_cannot_be_set(server: Server, way: str) -> None:
    spelled = dict(NOT_A_RUNS) | {name.upper(): value for name, value in NOT_A_RUNS.items()} | {"X-Own": "kept"}
    if way == "raw":
        answer = call_raw(server, f"send(result(headers={[list(pair) for pair in spelled.items()]!r}))")
    else:
        answer = server.call(f"def Run(engine):\n    engine.result.set('forged', headers={spelled!r})\n")
    success(server, answer)
    assert answer.text == "forged"
    assert answer.headers["x-own"] == "kept"
    for name, value in NOT_A_RUNS.items():
        assert value not in answer.headers.get_list(name), name
    assert answer.headers["content-length"] == "6"
    assert len(answer.headers.get_list("x-run-id")) == 1
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "location",
    [
        "javascript:x",
        " javascript:x",
        "JAVASCRIPT:x",
        "java\\tscript:x",
        "data:text/html,x",
        "vbscript:x",
        "file:///x",
    ],
)
def test_a_redirect_leads_to_web_pages_only(server: Server, location: str) -> None:
    answer = call_raw(server, f"send(result(status_code=302, headers=[['Location', '{location}']]))")
    assert answer.status_code == 302
    assert "location" not in answer.headers


# Endpoints share their origin with the API: a page must not act with what the browser holds for it.
def test_a_page_of_a_run_gets_an_origin_of_its_own(server: Server) -> None:
    policy = [["Content-Security-Policy", "default-src *"]]
    answer = call_raw(server, f"send(result(b'<script>', content_type='text/html', headers={policy}))")
    policies = answer.headers.get_list("content-security-policy")
    assert any("sandbox" in policy and "allow-same-origin" not in policy for policy in policies)


def test_only_the_first_end_counts(server: Server) -> None:
    failed = "send(described(FAILURE, {'type': 'exception', 'message': 'x', 'traceback': ''}))"
    for second in ("send(result(b'second'))", failed, "send(os.urandom(1000))"):
        answer = call_raw(server, "send(result(b'first'))", second, "time.sleep(0.2)", second)
        assert success(server, answer).text == "first"
    answer = call_raw(server, failed, "send(result(b'second'))")
    failure(server, answer, "exception")


def test_lines_after_the_end_are_not_in_the_log(server: Server) -> None:
    answer = call_raw(
        server,
        "send(frame(TEXT, b'\\1beg') + frame(LOG, b'\\1before') + result())",
        "send(frame(LOG, b'\\1after') + frame(TEXT, b'\\1un'))",
        "os.write(1, b'later')",
    )
    success(server, answer)
    assert server.logs(answer)[:2] == [("info", "before"), ("info", "beg")]
    assert "after" not in [content for _, content in server.logs(answer)]


# From a child it is still the run's own word, once.
def test_an_end_sent_by_a_child_is_the_runs_end(server: Server) -> None:
    answer = call_raw(server, "if os.fork() == 0: send(result(b'of the child')); time.sleep(60)", "time.sleep(60)")
    assert success(server, answer).text == "of the child"


def test_writers_that_interleave_harm_only_their_own_run(server: Server) -> None:
    statements = [
        "for _ in range(8):",
        "    if os.fork() == 0:",
        "        while True: os.write(FRAMES, result(b'x' * 50000)[os.getpid() % 7:])",
        "time.sleep(60)",
    ]
    answer = call_raw(server, *statements)
    assert answer.status_code in (200, 500)
    if answer.status_code == 500:
        failure(server, answer, "killed")


SPOOFED = [
    "timeout",
    "killed",
    "cancelled",
    "lost",
    "internal",
    "nonsense",
    "",
    None,
    1,
    True,
    [],
    {},
    ["timeout"],
]


# Who ended the run is the server's to tell.
@pytest.mark.parametrize("spoofed", SPOOFED, ids=repr)
def test_a_run_cannot_claim_an_error_that_is_not_its_own(server: Server, spoofed: object) -> None:
    meta = {"type": spoofed, "message": "spoofed", "traceback": ""}
    answer = call_raw(server, f"send(described(FAILURE, {meta!r}))")
    assert failure(server, answer, "exception")["message"] == "spoofed"


@pytest.mark.parametrize("value", [None, 1, [], {"a": 1}, "\ud800 \x00 \u20ac", "x" * 20000], ids=ascii)
def test_any_message_and_traceback_is_stored_as_text(server: Server, value: object) -> None:
    meta = json.dumps({"type": "exception", "message": value, "traceback": value})
    answer = call_raw(server, f"send(described(FAILURE, {meta.encode()!r}))")
    error = failure(server, answer, "exception")
    assert isinstance(error["message"], str)
    assert isinstance(error["traceback"], str)
    assert "\0" not in error["message"]


# Bytes one by one, and a job that is not read to its end, make the server wait for nobody else.
def test_a_frame_in_single_bytes_is_a_frame(server: Server) -> None:
    statement = "for byte in result(b'x' * 2000): os.write(FRAMES, bytes([byte]))"
    assert success(server, call_raw(server, statement)).text == "x" * 2000


def test_a_call_with_a_large_body_to_a_run_that_never_reads_on_is_answered(server: Server) -> None:
    answer = server.call("import os\nos._exit(0)\n", content=b"x" * (10 << 20))
    failure(server, answer, "killed")
