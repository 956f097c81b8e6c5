"""Attacks by what a run puts out: floods of output, and results that are too large or cannot be sent."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from attacks.attacker import failure, success
from harness import Server

FLOODS = {
    "print": "while True: print('x' * 100)",
    "print without a line feed": "while True: print('x' * 100, end='')",
    "sys.stderr": "while True: sys.stderr.write('x' * 1000 + '\\n')",
    "the log": "while True: engine.log.info('x' * 1000)",
    "one endless log line": "engine.log.info('x' * (20 << 20))",
    "descriptor 1": "while True: os.write(1, b'x' * 1000 + b'\\n')",
    "descriptor 2": "while True: os.write(2, b'x' * 1000)",
    "descriptor 1, line feeds only": "while True: os.write(1, b'\\n' * 65536)",
    "both descriptors in turn": "while True: os.write(1, b'out\\n' * 1000); os.write(2, b'err\\n' * 1000)",
    "a child": "subprocess.run(['yes'])",
    "many children": "[subprocess.Popen(['yes']) for _ in range(8)]; time.sleep(60)",
    "frames of empty log lines": "while True: os.write(4, b'\\2\\0\\0\\0\\1\\1' * 10000)",
    "frames of empty text": "while True: os.write(4, b'\\5\\0\\0\\0\\1\\1' * 10000)",
    "frames of text without a line feed": "while True: os.write(4, b'\\5\\0\\0\\0\\2\\1x' * 9000)",
    "frames of line feeds": "while True: os.write(4, (b'\\5\\0\\0\\x27\\x11\\3' + b'\\n' * 10000) * 6)",
    "an exception that hides everything else": """
    while True:
        try: print('x' * 10000)
        except Exception: pass""",
}


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
def test_a_flood_of_output_ends_its_run(server: Server, flood: str) -> None:
    answer = server.call(f"import os, subprocess, sys, time\ndef Run(engine):\n    {flood}\n", timeout_seconds=20)
    failure(server, answer, "output_limit")
    lines = server.logs(answer)
    assert len(lines) <= 1000
    assert all(len(content) <= 8000 for _, content in lines)


# The time of others is not the flood's to take: another run answers meanwhile.
@pytest.mark.parametrize("flood", ["frames of empty log lines", "frames of text without a line feed"])
def test_the_server_answers_others_during_a_flood(server: Server, flood: str) -> None:
    code_id = server.create(f"import os\ndef Run(engine):\n    {FLOODS[flood]}\n")
    with ThreadPoolExecutor() as threads:
        floods = [threads.submit(server.client.post, f"/endpoint/{code_id}") for _ in range(3)]
        answers = [server.client.get("/healthz").status_code]
        while not all(flood.done() for flood in floods):
            answers.append(server.client.get("/healthz").status_code)
    assert set(answers) == {200}


LIMIT = 10 * 1024 * 1024


def test_a_result_as_large_as_allowed_arrives(server: Server) -> None:
    answer = success(server, server.call(f"def Run(engine):\n    return 'x' * {LIMIT}\n"))
    assert len(answer.content) == LIMIT


TOO_LARGE = {
    "text one byte over": f"return 'x' * {LIMIT + 1}",
    "bytes one over": f"return b'x' * {LIMIT + 1}",
    "text that is longer in UTF-8": f"return '\u20ac' * {LIMIT // 3 + 1}",
    "JSON": f"return ['x' * {LIMIT}]",
    "headers": "engine.result.set('', headers={f'X-{n}': 'x' * 8000 for n in range(90)})",
}


@pytest.mark.parametrize("body", TOO_LARGE.values(), ids=TOO_LARGE)
def test_a_larger_result_is_refused(server: Server, body: str) -> None:
    failure(server, server.call(f"def Run(engine):\n    {body}\n"), "output_limit")


CANNOT_BE_SENT = {
    "contains itself": ("x = {}; x['x'] = x; return x", "ValueError"),
    "nested without end": ("x = []\n    for _ in range(10 ** 5): x = [x]\n    return x", "RecursionError"),
    "NaN": ("return float('nan')", "ValueError"),
    "infinity": ("return [float('-inf')]", "ValueError"),
    "a set with an object": ("return {object()}", "TypeError"),
    "a Decimal that is no number": ("import decimal; return decimal.Decimal('NaN')", "ValueError"),
    "bytes within JSON": ("return {'x': b'x'}", "TypeError"),
    "an object": ("return object()", "TypeError"),
    "a key that is no text": ("return {(1, 2): 3}", "TypeError"),
    "a status code that is text": ("engine.result.set('', status_code='200')", "ValueError"),
    "a truth value as status code": ("engine.result.set('', status_code=True)", "ValueError"),
    "a status code out of range": ("engine.result.set('', status_code=99)", "ValueError"),
    "a fraction as status code": ("engine.result.set('', status_code=1e3)", "ValueError"),
    "a header with a line break": (
        "engine.result.set('', headers={'X': 'a\\r\\nSet-Cookie: b'})",
        "ValueError",
    ),
    "a header name with a line break": ("engine.result.set('', headers={'X\\r\\nY': 'a'})", "ValueError"),
    "a content type with a line break": ("engine.result.set('', content_type='a/b\\r\\nX: y')", "ValueError"),
}


@pytest.mark.parametrize(("body", "error"), CANNOT_BE_SENT.values(), ids=CANNOT_BE_SENT)
def test_what_cannot_be_sent_is_an_exception_of_the_run(server: Server, body: str, error: str) -> None:
    found = failure(server, server.call(f"def Run(engine):\n    {body}\n"), "exception")
    assert found["message"].startswith(error)


def test_bytes_go_out_as_they_are(server: Server) -> None:
    answer = success(server, server.call("def Run(engine):\n    return bytes(range(256))\n"))
    assert answer.content == bytes(range(256))
    assert answer.headers["content-type"] == "application/octet-stream"


@pytest.mark.parametrize("status", [204, 205, 304])
def test_an_answer_that_has_no_body_cannot_be_given_one(server: Server, status: int) -> None:
    answer = server.call(f"def Run(engine):\n    engine.result.set('smuggled', status_code={status})\n")
    assert answer.status_code == status
    assert answer.content == b""
    assert server.record(answer)["extra"]["status_code"] == status


ODD_LOGS = """
import os
LINES = [
    b"\\xff\\xfe invalid",
    b"nul \\0 here",
    b"\\x1b[31mred\\x1b[0m",
    b"before\\r2026-01-01 forged",
    b"\\xed\\xa0\\x80 surrogate",
]

def Run(engine):
    for line in LINES:
        os.write(1, line + b"\\n")
    engine.log.info("one\\ntwo\\r\\nthree")
    engine.log.error("lone \\ud800 surrogate")
    print("nul \\0 \\udcff")
    return "a\\0b"
"""


# One write is one entry of the log, whatever is in it: a line break forges none.
def test_whatever_bytes_are_logged_they_are_stored_and_forge_no_entry(server: Server) -> None:
    answer = success(server, server.call(ODD_LOGS))
    assert answer.content == b"a\0b"
    contents = [content for _, content in server.logs(answer)]
    assert len(contents) == 8
    assert "one\ntwo\r\nthree" in contents
    assert not any("\0" in content for content in contents)
    assert any("\\xff\\xfe invalid" in content for content in contents)


# A caller's mistake becomes the run's exception; its text is for the history alone.
def test_what_an_exception_says_never_reaches_the_caller(server: Server) -> None:
    source = """
class Odd(Exception):
    def __str__(self):
        raise SystemExit("from __str__")

def Run(engine):
    if engine.body == "odd":
        raise Odd
    raise ValueError("secret \\ud800 \\0 " + "x" * 10 ** 6)
"""
    code_id = server.create(source)
    for body in ("odd", "long"):
        answer = server.client.post(f"/endpoint/{code_id}", content=body)
        failure(server, answer, "exception")
        assert "secret" not in answer.text
        assert "Traceback" not in answer.text
