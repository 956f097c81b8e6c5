"""What the attack tests share: parts of hostile sources, and ways to see what a run did and what it left."""

from pathlib import Path
from typing import Any

import httpx
from harness import Server, children_of

# Says what came of an attempt: the name of the errno, "did it", or whatever the attempt returned.
ATTEMPTS = '''
import ctypes, errno, fcntl, mmap, os, signal, socket, struct, sys, time
libc = ctypes.CDLL(None, use_errno=True)

def attempt(function, *args, **kwargs):
    try:
        result = function(*args, **kwargs)
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error))
    except Exception as error:
        return type(error).__name__
    return "did it" if result is None else result

def called(result):
    return "did it" if result >= 0 else errno.errorcode[ctypes.get_errno()]

def syscall(number, *args):
    return called(libc.syscall(ctypes.c_long(number), *(ctypes.c_long(a) if isinstance(a, int) else a for a in args)))

def name_process(name):
    """Show the test, which sees the host's /proc, that this point is reached."""
    libc.prctl(15, name.encode(), 0, 0, 0)
'''

# Goes past the engine: writes whatever bytes it likes to the server.
RAW = """
import json, os, struct, time
FRAMES = 4
JOB, LOG, RESULT, FAILURE, TEXT = 1, 2, 3, 4, 5
STREAM, CHUNK, ANSWERED, END = 6, 7, 8, 9

def send(data):
    while data:
        data = data[os.write(FRAMES, data):]

def frame(kind, payload):
    return struct.pack("!BI", kind, len(payload)) + payload

def described(kind, meta, body=b""):
    text = meta if isinstance(meta, bytes) else json.dumps(meta).encode()
    return frame(kind, struct.pack("!I", len(text)) + text + body)

def result(body=b"forged", **meta):
    values = {"status_code": 200, "content_type": "text/plain", "headers": []}
    return described(RESULT, {**values, **meta}, body)

def stream(**meta):
    values = {"status_code": 200, "content_type": "text/plain", "headers": []}
    return described(STREAM, {**values, **meta})

def chunk(data):
    return frame(CHUNK, data)

END_FRAME = described(END, {})
"""


def failure(server: Server, answer: httpx.Response, error_type: str, status: int = 500) -> dict[str, Any]:
    """Assert that a run failed in this way, for its caller and in the history; returns the history's `error`."""
    assert answer.status_code == status, answer.text
    assert answer.json()["error_type"] == error_type
    record = server.record(answer)
    assert record["status"] == "failed"
    assert record["result"] is None
    error = record["extra"]["error"]
    assert error["type"] == error_type, error
    return dict(error)


def success(server: Server, answer: httpx.Response) -> httpx.Response:
    """Assert that a run came to its end, for its caller and in the history."""
    assert answer.status_code == 200, (answer.text, server.record(answer)["extra"], server.logs(answer))
    assert server.record(answer)["status"] == "completed"
    return answer


def findings(server: Server, source: str, **request: Any) -> Any:
    """What a run that only looks around brought home as JSON."""
    return success(server, server.call(source, **request)).json()


def run_processes(server: Server) -> list[int]:
    """Every process, warm ones included, that is in the pid namespace of a run of this server.

    The launcher's namespace is one below the server's, those of its runs are two below.
    """
    depth = _namespaces(server.pid)
    return [pid for pid in children_of(server.pid) if _namespaces(pid) == depth + 2]


def processes_named(name: str) -> list[int]:
    """Every process of the host with this name, whoever's child it is."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "comm").read_text().strip() == name:
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def nothing_left(server: Server) -> bool:
    """Whether the only processes in runs' namespaces are those of warm sandboxes, one each."""
    sandbox = server.client.get("/health").json()["parts"]["sandbox"]
    return bool(sandbox["busy"] == 0 and len(run_processes(server)) == sandbox["warm"])


def _namespaces(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("NSpid:"):
                return len(line.split()) - 1
    except OSError:
        pass
    return 0
