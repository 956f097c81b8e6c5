"""Programs that give way: their priority, their core, and their end with the server."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from harness import wait_until

from codeactions.runtimes import spare_time

SHOW = """
import json, os, subprocess, sys
def show():
    try:
        group = open("/proc/self/autogroup").read().split()[-1]
    except OSError:
        group = None
    return [os.sched_getscheduler(0), sorted(os.sched_getaffinity(0)), os.nice(0), group]
if len(sys.argv) > 1:
    print(json.dumps(show()))
else:
    child = subprocess.run([sys.executable, "-c", SOURCE, "child"], capture_output=True, text=True).stdout
    print(json.dumps([show(), json.loads(child), oct(os.umask(0))]))
"""
SOURCE = f"SOURCE = {SHOW!r}\n{SHOW}"


def started(effort: str, source: str, server: int | None = None) -> "subprocess.Popen[str]":
    words = [str(server or os.getpid()), effort, sys.executable, "-c", source]
    command = [sys.executable, "-I", "-S", spare_time.__file__, *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)


def shown(effort: str) -> list[list[object]]:
    """Policy, cores, nice value and that of the session: of the program and of a child, and then the umask."""
    output, _ = started(effort, SOURCE).communicate(timeout=60)
    return list(json.loads(output))


def test_spare_time_is_the_idle_policy_on_one_core_for_children_too() -> None:
    own, child, umask = shown(spare_time.SPARE)
    assert own == child
    assert own[:3] == [os.SCHED_IDLE, [max(os.sched_getaffinity(0))], 19]
    if Path("/proc/self/autogroup").exists():
        assert own[3] == "19", "without it, the kernel would weigh the session like any other"
    assert umask == "0o22"


def test_what_is_not_spare_time_is_no_idle_work() -> None:
    one, child, _ = shown(spare_time.ONE_CORE)
    assert one == child
    nice = min(os.nice(0) + 5, 19)
    assert one[:3] == [os.SCHED_OTHER, [max(os.sched_getaffinity(0))], nice]
    every, _, _ = shown(spare_time.ALL_CORES)
    assert every[:3] == [os.SCHED_OTHER, sorted(os.sched_getaffinity(0)), nice]


def test_a_host_that_allows_nothing_of_it_gets_the_work_done_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def refuse(name: str) -> object:
        def call(*_: object) -> None:
            asked.append(name)
            raise PermissionError(1, "Operation not permitted")

        return call

    for name in ("nice", "sched_setaffinity", "sched_setscheduler"):
        monkeypatch.setattr(os, name, refuse(name))
    monkeypatch.setattr(spare_time, "_lower_the_session", lambda nice: asked.append(f"session {nice}"))
    spare_time.give_way(spare_time.SPARE)
    assert asked == ["nice", "session 19", "sched_setaffinity", "sched_setscheduler"]


def test_it_ends_with_the_server_and_does_not_begin_without_it() -> None:
    late = started(spare_time.SPARE, "print('late')", server=1 if os.getppid() != 1 else 2)
    assert late.communicate(timeout=60) == ("", None)
    assert late.returncode == 1
    server = "; ".join(
        [
            "import os, subprocess, sys, time",
            f"words = [str(os.getpid()), 'spare', sys.executable, '-c', 'import time; print(1); time.sleep(600)']",  # noqa: F541
            f"one = subprocess.Popen([sys.executable, '-I', '-S', {spare_time.__file__!r}, *words])",
            "print(one.pid, flush=True)",
            "time.sleep(600)",
        ]
    )
    process = subprocess.Popen([sys.executable, "-c", server], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    command = Path(f"/proc/{pid}/cmdline")
    wait_until(lambda: b"sleep" in command.read_bytes() and b"spare_time" not in command.read_bytes())
    process.kill()
    process.communicate()
    wait_until(lambda: not command.exists() or not command.read_bytes(), what="the end of the program")
