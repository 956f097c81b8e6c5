"""Attacks in JavaScript and Go on the line to the server: both write raw bytes past their engines."""

import json
import struct
from typing import Any

import httpx
import pytest
from attacks.attacker import failure, success
from attacks.languages import LANGUAGES, Toolbox, encoded
from harness import Server

JOB, LOG, RESULT, FAILURE = 1, 2, 3, 4
RAW = Toolbox(
    {
        "send and exit": {
            "javascript": "send(Buffer.from(engine.body, 'base64')); call(231, 0);",
            "go": "data, _ := base64.StdEncoding.DecodeString(engine.Body); send(data); call(231, 0)",
        },
        "send and stay": {
            "javascript": "send(Buffer.from(engine.body, 'base64')); await forever();",
            "go": "data, _ := base64.StdEncoding.DecodeString(engine.Body); send(data); forever()",
        },
        "send and return": {
            "javascript": "send(Buffer.from(engine.body, 'base64')); return 'of the engine';",
            "go": 'data, _ := base64.StdEncoding.DecodeString(engine.Body); send(data); return "of the engine", nil',
        },
        "send byte by byte": {
            "javascript": "for (const byte of Buffer.from(engine.body, 'base64')) send(Buffer.from([byte])); await forever();",
            "go": "data, _ := base64.StdEncoding.DecodeString(engine.Body); for i := range data { send(data[i : i+1]) }; forever()",
        },
        "send from a child": {
            "javascript": """
                fs.writeFileSync("/tmp/frames", Buffer.from(engine.body, "base64"));
                child.spawn("sh", ["-c", "cat /tmp/frames >&3; sleep 600"], { stdio: ["ignore", "ignore", "ignore", 4] });
                await forever();""",
            "go": """
                data, _ := base64.StdEncoding.DecodeString(engine.Body)
                os.WriteFile("/tmp/frames", data, 0o600)
                command := exec.Command("sh", "-c", "cat /tmp/frames >&3; sleep 600")
                command.ExtraFiles = []*os.File{os.NewFile(4, "frames")}
                command.Start()
                forever()""",
        },
        "send from threads": {
            "javascript": """
                const data = Buffer.from(engine.body, "base64");
                const bytes = data.toJSON().data;
                for (let i = 0; i < 4; i++) {
                  new Worker(`data:text/javascript,const b=Buffer.from([${bytes}]).subarray(${i});while(true)require("node:fs").writeSync(4,b)`);
                }
                await forever();""",
            "go": """
                data, _ := base64.StdEncoding.DecodeString(engine.Body)
                for i := range 4 { go func() { for { syscall.Write(4, data[i:]) } }() }
                forever()""",
        },
    }
)


def frame(kind: int, payload: bytes) -> bytes:
    """As the protocol has it, or would not."""
    return struct.pack("!BI", kind, len(payload)) + payload


def described(kind: int, meta: object, body: bytes = b"") -> bytes:
    """A frame with a description, which may be none."""
    text = meta if isinstance(meta, bytes) else json.dumps(meta).encode()
    return frame(kind, struct.pack("!I", len(text)) + text + body)


def result(body: bytes = b"forged", **meta: object) -> bytes:
    """A result that never went through an engine."""
    return described(RESULT, {"status_code": 200, "content_type": "text/plain", "headers": [], **meta}, body)


def failed(**meta: object) -> bytes:
    """A failure that never went through an engine."""
    return described(FAILURE, {"type": "exception", "message": "forged", "traceback": "", **meta})


def sent(server: Server, language: str, way: str, data: bytes, **request: Any) -> httpx.Response:
    """The answer to a run that wrote these bytes."""
    return RAW.call(server, language, way, content=encoded(data), **request)


MALFORMED = {
    "an unknown kind": frame(10, b""),
    "a job": described(JOB, {"source": "x"}),
    "the largest length": b"\3\xff\xff\xff\xff",
    "a length of 2 GiB": b"\3\x80\0\0\0",
    "a log line over its bound": b"\2" + struct.pack("!I", 40000),
    "a log line of an unknown level": frame(LOG, b"\7line"),
    "a description longer than its frame": frame(RESULT, b"\xff\xff\xff\xff{}"),
    "a description nested deeply": described(RESULT, b"[" * 60000),
    "half a header": b"\3\0",
    "half a result": result(b"x" * 1000)[:-1],
    "a split header": result(headers=[["X-Evil", "a\r\nSet-Cookie: session=stolen"]]),
    "a split header name": result(headers=[["X-Evil\r\nSet-Cookie", "x"]]),
    "a split content type": result(content_type="a/b\r\nX-Evil: 1"),
    "a status code of its own": result(status_code=1000),
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED)
def test_a_run_that_breaks_the_protocol_is_killed(server: Server, language: str, data: bytes) -> None:
    answer = sent(server, language, "send and exit", data)
    failure(server, answer, "killed")
    assert "x-evil" not in answer.headers
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("language", LANGUAGES)
def test_only_the_first_end_counts(server: Server, language: str) -> None:
    for way in ("send and exit", "send and stay", "send and return"):
        answer = sent(server, language, way, result(b"first") + result(b"second") + failed() + b"\xff" * 100)
        assert success(server, answer).text == "first"
    failure(server, sent(server, language, "send and return", failed() + result(b"second")), "exception")


@pytest.mark.parametrize("language", LANGUAGES)
def test_lines_after_the_end_are_not_in_the_log(server: Server, language: str) -> None:
    lines = frame(LOG, b"\1before") + result() + frame(LOG, b"\1after")
    answer = success(server, sent(server, language, "send and return", lines))
    assert answer.text == "forged"
    assert server.logs(answer) == [("info", "before")]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("way", ["send from a child", "send byte by byte"])
def test_an_end_is_the_runs_whoever_sends_it(server: Server, language: str, way: str) -> None:
    assert success(server, sent(server, language, way, result(b"of a child"))).text == "of a child"


@pytest.mark.parametrize("language", LANGUAGES)
def test_writers_that_interleave_harm_only_their_own_run(server: Server, language: str) -> None:
    answer = sent(server, language, "send from threads", result(b"x" * 5000))
    if answer.status_code != 200:
        failure(server, answer, "killed")


# Who ended the run is the server's to tell.
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("spoofed", ["timeout", "lost", "cancelled", "internal", None, ["memory"]], ids=str)
def test_a_run_cannot_claim_an_error_that_is_not_its_own(server: Server, language: str, spoofed: object) -> None:
    error = failure(server, sent(server, language, "send and exit", failed(type=spoofed)), "exception")
    assert error["message"] == "forged"


@pytest.mark.parametrize("language", LANGUAGES)
def test_headers_that_are_the_servers_own_cannot_be_set(server: Server, language: str) -> None:
    forged = {"Content-Length": "1", "Transfer-Encoding": "chunked", "Set-Cookie": "session=fixed", "X-Run-Id": "x"}
    data = result(headers=[*map(list, forged.items()), ["X-Own", "kept"]])
    answer = success(server, sent(server, language, "send and exit", data))
    assert (answer.text, answer.headers["x-own"]) == ("forged", "kept")
    assert [name for name, value in forged.items() if value in answer.headers.get_list(name)] == []
