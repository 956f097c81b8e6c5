"""Ten thousand runs leave nothing behind: every kind of thing that could pile up is counted before and after."""

import http.client
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from harness import Server, children_of, wait_until
from processes import parts_of

RUNS = 10_000
WARM_UP = 1_000  # until pools, caches and the allocator have reached their size
CONNECTIONS = 8
_GROWTH = 8 * 1024 * 1024  # bytes of resident memory: fragmentation, not a leak of a kilobyte a run
# Logs, writes a file, starts a process and a thread, and leaves both behind.
MESSY = """
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
"""


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
    return {kind: len({os.readlink(f"/proc/{pid}/ns/{kind}") for pid in pids}) for kind in kinds}


def cgroups(member: int) -> int:
    """How many cgroup folders the launcher has made, of which `member` is in one."""
    names = [line.split(":", 2)[2] for line in Path(f"/proc/{member}/cgroup").read_text().splitlines()]
    (tree,) = {part for name in names for part in name.split("/") if part.startswith("codeactions-")}
    return sum(len(folders) for path, folders, _ in os.walk("/sys/fs/cgroup") if tree in path)


def counts(server: Server) -> dict[str, object]:
    """Everything that runs could leave behind, except memory."""
    parts = parts_of(server)
    below = children_of(server.pid)
    owned = {"server": server.pid, "launcher": parts.launcher, "zygote": parts.zygote, "guard": parts.guard}
    return {
        "processes": len(below),
        "threads": len(os.listdir(f"/proc/{server.pid}/task")),
        **{f"descriptors of the {name}": len(os.listdir(f"/proc/{pid}/fd")) for name, pid in owned.items()},
        **{f"mounts of the {name}": mounts(pid) for name, pid in owned.items()},
        "mounts of the host": mounts(os.getpid()),
        # Without the zygote, whose network namespace is that of the slot it forked into last.
        "namespaces": namespaces([pid for pid in below if pid != parts.zygote]),
        "cgroups": cgroups(parts.runs[0]),
        "temporary files": sorted(name for name in os.listdir("/tmp") if "pytest" not in name),
        "files of the server": sorted(os.listdir(server.data_dir)),
    }


def mounts(pid: int) -> int:
    """How many mounts a process sees."""
    return len(Path(f"/proc/{pid}/mountinfo").read_text().splitlines())


def resident(pid: int) -> int:
    """Bytes of a process's resident memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_ten_thousand_runs_leave_nothing_behind(new_server: Callable[..., Server]) -> None:
    server = new_server(slots=8, warm=2).start()
    code_id = server.create(MESSY)
    call_many(server, code_id, WARM_UP)

    def at_rest() -> bool:
        return bool(server.client.get("/health").json()["parts"]["sandbox"]["warm"] == 2)

    wait_until(at_rest, what="the pool being at rest")
    before, memory = counts(server), {pid: resident(pid) for pid in (server.pid, parts_of(server).launcher)}
    call_many(server, code_id, RUNS)
    wait_until(at_rest, what="the pool being at rest")

    def changed() -> dict[str, object]:
        return {name: (before[name], now) for name, now in counts(server).items() if now != before[name]}

    wait_until(lambda: not changed(), 20, f"the counts being as before, which they are not: {changed()}")
    for pid, bytes_before in memory.items():
        assert resident(pid) - bytes_before < _GROWTH
    page = server.client.get("/coderun", params={"code_id": code_id, "status": "completed"}).json()
    assert page["total"] == WARM_UP + RUNS
    everything = children_of(server.pid)
    assert server.stop() == 0
    assert not [pid for pid in everything if Path(f"/proc/{pid}").exists()]
