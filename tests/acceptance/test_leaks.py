"""Thousands of runs leave nothing behind: every kind of thing that could pile up is counted before and after."""

import http.client
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from harness import CACHE, Server, children_of, clean_environment, wait_until
from processes import command_of, parts_of

RUNS = {"python": 10_000, "javascript": 5_000, "go": 5_000}
WARM_UP = 1_000  # until pools, caches and the allocator have reached their size
CONNECTIONS = 8
_SAME = 40  # looks that have to find the same counts
_GROWTH = 8 * 1024 * 1024  # bytes of resident memory: fragmentation, not a leak of a kilobyte a run
# Logs, writes a file, starts a process and a thread, and leaves both behind.
MESSY = {
    "python": """
import os, threading, time
def Run(engine):
    engine.log.info("run %s", engine.params.get("n"))
    open("/tmp/left", "w").write("x" * 10000)
    if engine.params.get("n", "0").endswith("00"):
        threading.Thread(target=time.sleep, args=(600,)).start()
        if os.fork() == 0:
            os.setsid()
            time.sleep(600)
    return engine.params.get("n")
""",
    "javascript": """
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
export function Run(engine) {
  const n = engine.params.get("n");
  engine.log.info("run %s", n);
  writeFileSync("/tmp/left", "x".repeat(10000));
  setInterval(() => {}, 600);
  if (n.endsWith("00")) {
    spawn("sleep", ["600"], { detached: true });
    new Worker("data:text/javascript,setInterval(()=>{},600)");
  }
  return n;
}
""",
    "go": """
package action

import (
	"codeactions"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

func Run(engine *codeactions.Engine) error {
	n := engine.Params.Get("n")
	engine.Log.Info("run %s", n)
	os.WriteFile("/tmp/left", []byte(strings.Repeat("x", 10000)), 0o644)
	go time.Sleep(10 * time.Minute)
	if strings.HasSuffix(n, "00") {
		command := exec.Command("sleep", "600")
		command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		command.Start()
	}
	return engine.Result.Set(n)
}
""",
}


def call_many(server: Server, code_id: str, count: int) -> None:
    """`count` calls over a few kept-alive connections; every answer is checked."""
    address = urlsplit(server.base)
    assert address.hostname is not None

    def work(worker: int) -> None:
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=60)
        for number in range(count // CONNECTIONS):
            connection.request("GET", f"/endpoint/{code_id}?n={worker}-{number}")
            answer = connection.getresponse()
            assert (answer.status, answer.read().decode()) == (200, f"{worker}-{number}")
        connection.close()

    with ThreadPoolExecutor(CONNECTIONS) as executor:
        for done in [executor.submit(work, worker) for worker in range(CONNECTIONS)]:
            done.result()


def namespaces(pids: list[int]) -> dict[str, int]:
    """How many namespaces of each kind some processes are in."""
    kinds = ("cgroup", "ipc", "mnt", "net", "pid", "user", "uts")
    return {kind: len({found for pid in pids if (found := namespace(pid, kind))}) for kind in kinds}


def namespace(pid: int, kind: str) -> str:
    """The name of a process's namespace; "" if the process has just ended."""
    try:
        return os.readlink(f"/proc/{pid}/ns/{kind}")
    except OSError:
        return ""


def cgroups(member: int) -> int:
    """How many cgroup folders the launcher has made, of which `member` is in one."""
    names = [line.split(":", 2)[2] for line in Path(f"/proc/{member}/cgroup").read_text().splitlines()]
    (tree,) = {part for name in names for part in name.split("/") if part.startswith("codeactions-")}
    return sum(len(folders) for path, folders, _ in os.walk("/sys/fs/cgroup") if tree in path)


def counts(server: Server) -> dict[str, object]:
    """Everything that runs could leave behind, except memory."""
    parts = parts_of(server)
    # PostgreSQL tidies up when it likes to.
    below = [pid for pid in children_of(server.pid) if "autovacuum worker" not in command_of(pid)]
    owned = {"server": server.pid, "launcher": parts.launcher, "supervisor": parts.supervisor}
    owned |= {f"zygote {number}": pid for number, pid in enumerate(parts.zygotes)}
    return {
        "processes": len(below),
        "threads": len(os.listdir(f"/proc/{server.pid}/task")),
        **{f"descriptors of the {name}": len(os.listdir(f"/proc/{pid}/fd")) for name, pid in owned.items()},
        **{f"mounts of the {name}": mounts(pid) for name, pid in owned.items()},
        "mounts of the host": mounts(os.getpid()),
        # Without the zygotes, whose network namespace is that of the slot they forked into last.
        "namespaces": namespaces([pid for pid in below if pid not in parts.zygotes]),
        "cgroups": cgroups(parts.runs[0]),
        # Of all of /tmp only what runs would leave: others work there at the same time.
        "temporary files": sorted(name for name in os.listdir("/tmp") if name.startswith(("left", "action", "build-"))),
        "temporary files of the server": sorted(os.listdir(server.temporary_dir)),
        "files of the server": sorted(os.listdir(server.data_dir)),
    }


def settled(server: Server, warm: int) -> dict[str, object]:
    """The counts, once every warm sandbox is there and many looks have found the same: of what begins or ends just now
    nothing is among them."""
    last: dict[str, object] = {}
    same = 0

    def quiet() -> bool:
        nonlocal last, same
        try:
            now = counts(server) if len(parts_of(server).runs) == warm else {}
        except (ValueError, IndexError, OSError):  # something that was looked at ended, or had only just begun
            now = {}
        same = same + 1 if now and now == last else 0
        last = now
        return same == _SAME

    wait_until(quiet, 60, "the counts being the same")
    return last


def mounts(pid: int) -> int:
    """How many mounts a process sees."""
    return len(Path(f"/proc/{pid}/mountinfo").read_text().splitlines())


def start_time(pid: int) -> str:
    """When a process began, in ticks since the machine did; "" for one that is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""


def resident(pid: int) -> int:
    """Bytes of a process's resident memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


def compile_library(folder: Path) -> None:
    """Have Go's standard library in the tests' cache. All cores work on it, where a server would take spare time."""
    (folder / "any.go").write_text(MESSY["go"])
    environment = clean_environment(CODEACTIONS_CACHE_DIR=str(CACHE), CODEACTIONS_DATA_DIR=str(folder / "run"))
    command = [sys.executable, "-m", "codeactions", "run", str(folder / "any.go")]
    subprocess.run(command, env=environment, check=True, timeout=500)


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.timeout(600)
@pytest.mark.parametrize("language", MESSY)
def test_thousands_of_runs_leave_nothing_behind(
    new_server: Callable[..., Server], tmp_path: Path, language: str
) -> None:
    if language == "go":
        compile_library(tmp_path)
    server = new_server(slots=8, warm=2, warm_most=2, languages=language).start()
    server.wait_for_language(language)
    code_id = server.create(MESSY[language], language=language)
    call_many(server, code_id, WARM_UP)
    warm = 4 if language == "javascript" else 2  # Python is always there

    def at_rest() -> bool:
        return bool(server.client.get("/health").json()["parts"]["sandbox"]["warm"] == warm)

    wait_until(at_rest, what="the pool being at rest")
    before = settled(server, warm)
    memory = {pid: resident(pid) for pid in (server.pid, parts_of(server).launcher)}
    call_many(server, code_id, RUNS[language])
    wait_until(at_rest, what="the pool being at rest")

    after = settled(server, warm)
    assert {name: (before[name], now) for name, now in after.items() if now != before[name]} == {}
    for pid, bytes_before in memory.items():
        assert resident(pid) - bytes_before < _GROWTH
    page = server.client.get("/coderun", params={"code_id": code_id, "status": "completed"}).json()
    assert page["total"] == WARM_UP + RUNS[language]
    everything = {pid: started for pid in children_of(server.pid) if (started := start_time(pid))}
    assert server.stop() == 0
    assert not [pid for pid, started in everything.items() if start_time(pid) == started]  # numbers are used again
