"""Attacks on the end of a run: dying without a word, staying alive after it, and losing those who wait for it."""

import sys
import threading
from pathlib import Path

import httpx
import pytest
from attacks.attacker import ATTEMPTS, RAW, failure, processes_named, run_processes, success
from harness import TOKEN, Server, is_alive, wait_until

DEATHS = {
    "os._exit(0)": ("os._exit(0)", "exited with code 0"),
    "os._exit(1)": ("os._exit(1)", "exited with code 1"),
    "a segmentation fault": ("ctypes.string_at(0)", "SIGSEGV"),
    "abort": ("os.abort()", "SIG"),
    "a stack overflow in C": (
        "ctypes.CDLL(None).regcomp(ctypes.create_string_buffer(1000), b'(' * 10 ** 6, 1)",
        "SIGSEGV",
    ),
    "an illegal instruction": (
        "page = mmap.mmap(-1, 4096, prot=7); page.write(bytes([0x0f, 0x0b]) * 8)\n"
        "    ctypes.CFUNCTYPE(None)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()",
        "SIG",
    ),
    "execve of another program": ("os.execv('/bin/true', ['true'])", "exited with code 0"),
    "closing its pipe": ("os.close(4); time.sleep(600)", "SIGKILL"),
    "closing every descriptor": ("os.closerange(0, 10); time.sleep(600)", "SIGKILL"),
    "handing its pipe to a child and leaving": ("if os.fork(): os._exit(0)\n    time.sleep(600)", "code 0"),
}


@pytest.mark.parametrize(("body", "message"), DEATHS.values(), ids=DEATHS)
def test_a_death_without_a_result_is_told_as_killed(server: Server, body: str, message: str) -> None:
    source = f"import ctypes, mmap, os, sys, time\ndef Run(engine):\n    {body}\n"
    answer = server.call(source)
    assert message in failure(server, answer, "killed")["message"]


# From 3.12 on Python sees that its own C code is about to overflow the stack, and raises RecursionError.
def test_endless_recursion_without_a_limit_ends_its_run_alone(server: Server) -> None:
    recursion = "class A:\n        def __repr__(self): return repr(self)\n    repr(A())"
    answer = server.call(f"import sys\ndef Run(engine):\n    sys.setrecursionlimit(10 ** 9)\n    {recursion}\n")
    if sys.version_info < (3, 12):
        assert "SIGSEGV" in failure(server, answer, "killed")["message"]
    else:
        assert failure(server, answer, "exception")["message"].startswith("RecursionError")


@pytest.mark.parametrize("raised", ["SystemExit(0)", "KeyboardInterrupt", "GeneratorExit", "BaseException('x')"])
def test_raising_what_is_meant_for_the_interpreter_is_an_exception_like_any(server: Server, raised: str) -> None:
    for source in (f"raise {raised}\ndef Run(engine): pass\n", f"def Run(engine):\n    raise {raised}\n"):
        failure(server, server.call(source), "exception")


def test_dying_while_the_source_is_loaded_is_told_as_killed(server: Server) -> None:
    failure(server, server.call("import os\nos._exit(0)\ndef Run(engine): pass\n"), "killed")


LINGERING = {
    "atexit": "import atexit; atexit.register(time.sleep, 600)",
    "thread": "threading.Thread(target=time.sleep, args=(600,)).start()",
    "__del__": "global kept\n    kept = type('A', (), {'__del__': lambda self: time.sleep(600)})()",
    "multiprocessing": "import multiprocessing; multiprocessing.Process(target=time.sleep, args=(600,)).start()",
    "a child that holds all its pipes": "os.fork() or time.sleep(600)",
}


@pytest.mark.parametrize("body", LINGERING.values(), ids=LINGERING)
def test_nothing_delays_the_result(server: Server, body: str) -> None:
    answer = success(server, server.call(f"import os, threading, time\ndef Run(engine):\n    {body}\n    return 1\n"))
    assert answer.text == "1", "before its timeout, and so before what lingers has ended"


DAEMON = """
def Run(engine):
    if os.fork() == 0:
        os.setsid()
        for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_IGN)
        if os.fork() == 0:
            os.closerange(0, 256)
            name_process("atk-daemon")
            while True:
                with open("/tmp/heartbeat", "a") as file:
                    file.write("still here")
                time.sleep(0.01)
        os._exit(0)
    while not os.path.exists("/tmp/heartbeat"):  # or this would prove nothing
        time.sleep(0.01)
    time.sleep(float(engine.params.get("seconds")))
    END
"""


@pytest.mark.parametrize(
    ("end", "kind"),
    [
        ("return 1", None),
        ("os._exit(0)", "killed"),
        ("raise ValueError", "exception"),
        ("os.kill(os.getpid(), 9)", None),  # who is init in its namespace cannot be killed from within
    ],
)
def test_a_daemon_does_not_outlive_its_run(server: Server, end: str, kind: str | None) -> None:
    code_id = server.create(ATTEMPTS + DAEMON.replace("END", end))
    answer = server.client.post(f"/endpoint/{code_id}?seconds=0")
    assert answer.status_code == (500 if kind else 200), answer.text
    assert kind is None or answer.json()["error_type"] == kind
    wait_until(lambda: not processes_named("atk-daemon"), what="the daemon's end")


def test_work_after_the_result_is_not_waited_for_and_ended(server: Server) -> None:
    source = "def Run(engine):\n    name_process('atk-after')\n    send(result())\n    time.sleep(60)\n"
    answer = success(server, server.call(ATTEMPTS + RAW + source))
    assert answer.text == "forged"
    wait_until(lambda: not processes_named("atk-after"), what="the end of the run")


def test_a_run_whose_client_hangs_up_is_finished_and_recorded(server: Server) -> None:
    code_id = server.create("import time\ndef Run(engine):\n    time.sleep(3)\n    return 'done'\n")
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{server.base}/endpoint/{code_id}", timeout=1)

    def runs() -> list[dict[str, object]]:
        found = server.client.get("/coderun", params={"code_id": code_id}).json()["data"]
        return [run for run in found if run["status"] == "completed"]

    assert wait_until(runs)[0]["result"] == "done"


ENDS = [
    "return 1",
    "raise ValueError",
    "os._exit(3)",
    "os.write(4, b'\\xff' * 10)",
    "os.write(1, b'x' * (20 << 20))",
    "os.close(4)",
    "os.fork()",
]


# A descriptor lost with each odd end would stop the server after a day.
def test_no_end_of_a_run_leaks_a_descriptor_of_the_server(server: Server) -> None:
    ids = [server.create(f"import os\ndef Run(engine):\n    {end}\n") for end in ENDS]

    def open_descriptors() -> int:
        warm = server.client.get("/health").json()["parts"]["sandbox"]["warm"]
        return len(list(Path(f"/proc/{server.pid}/fd").iterdir())) - 4 * int(warm)  # each has its pipes

    def call_all() -> None:
        for code_id in ids:
            server.client.post(f"/endpoint/{code_id}")

    call_all()
    before = open_descriptors()
    for _ in range(5):
        call_all()
    wait_until(lambda: open_descriptors() <= before + 8, what="the descriptors of warm sandboxes to settle")


# Of a server of its own; what becomes of the records, tests/acceptance/test_kill.py looks at.
def test_runs_and_their_daemons_end_with_a_server_that_is_killed(database_url: str, tmp_path: Path) -> None:
    source = ATTEMPTS + DAEMON.replace("END", "return 1")
    server = Server(tmp_path, database_url, slots=4).start()
    code_id = server.create(source)

    def call() -> None:
        headers = {"Authorization": f"Token {TOKEN}"}
        with pytest.raises(httpx.TransportError):
            httpx.post(f"{server.base}/endpoint/{code_id}", params={"seconds": 30}, headers=headers, timeout=60)

    caller = threading.Thread(target=call)
    caller.start()
    wait_until(lambda: processes_named("atk-daemon"), what="the daemon")
    processes = run_processes(server)
    server.kill()
    server.stop()
    caller.join()
    wait_until(lambda: not any(map(is_alive, processes)), what="the end of every run")
    assert not processes_named("atk-daemon")
