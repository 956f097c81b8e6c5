"""Attacks on processes that are not the run's own: the zygote, the launcher, the server, runs beside it."""

import threading
from concurrent.futures import ThreadPoolExecutor

from attacks.attacker import ATTEMPTS, findings, processes_named, success
from harness import Server, wait_until

SIGNALS = """
def Run(engine):
    pids = [pid for pid in range(2, 400)]
    return {
        "parent": os.getppid(),
        "everybody": attempt(os.kill, -1, signal.SIGKILL),
        "any pid": sorted({attempt(os.kill, pid, signal.SIGKILL) for pid in pids}),
        "any group": sorted({attempt(os.killpg, pid, signal.SIGKILL) for pid in pids}),
        "any pidfd": sorted({attempt(os.pidfd_open, pid) for pid in pids}),
        "parent as a group": attempt(os.kill, 0, 0),
    }
"""


def test_a_run_can_signal_nobody_but_itself(server: Server) -> None:
    found = findings(server, ATTEMPTS + SIGNALS)
    assert found["parent"] == 0  # none that it could see
    assert found["everybody"] == "ESRCH"
    assert found["any pid"] == found["any group"] == found["any pidfd"] == ["ESRCH"]


LOOKING = """
def everything_of(pid):
    names = ("environ", "cmdline", "mem", "maps", "root", "cwd", "fd", "ns/net", "stack", "syscall", "auxv")
    return [name for name in names if os.path.lexists(f"/proc/{pid}/{name}")]

def Run(engine):
    own = str(os.getpid())
    return {
        "pids": [name for name in os.listdir("/proc") if name.isdigit()],
        "not processes": [name for name in os.listdir("/proc") if not name.isdigit()],
        "of others": {pid: found for pid in range(2, 400) if (found := everything_of(pid))},
        "root": sorted(os.listdir("/proc/1/root/")) == sorted(os.listdir("/")),
        "kernel": [name for name in ("kcore", "kallsyms", "keys", "sys", "modules") if os.path.exists(f"/proc/{name}")],
    }
"""


def test_proc_shows_a_run_only_itself(server: Server) -> None:
    found = findings(server, ATTEMPTS + LOOKING)
    assert found["pids"] == ["1"]
    assert set(found["not processes"]) <= {"self", "thread-self"}
    assert found["of others"] == {}
    assert found["root"] is True
    assert found["kernel"] == []


# A run that waits for its visitor, named so that the test knows when it is ready.
HOST = """
import threading
def Run(engine):
    secret = engine.body
    abstract = socket.socket(socket.AF_UNIX); abstract.bind("\\0atk-channel"); abstract.listen()
    path = socket.socket(socket.AF_UNIX); path.bind("/tmp/atk-channel"); path.listen()
    tcp = socket.socket(); tcp.bind(("127.0.0.1", 4321)); tcp.listen()
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); udp.bind(("127.0.0.1", 4321)); udp.settimeout(3)
    shared = libc.shmget(0x41544B, 4096, 0o1666)
    queue = libc.msgget(0x41544B, 0o1666)
    semaphore = libc.semget(0x41544B, 1, 0o1666)
    mq = libc.syscall(240, b"atk-channel", os.O_CREAT | os.O_RDWR, 0o666, None)
    open("/tmp/atk-channel-file", "w").write(secret)
    name_process("atk-host")
    try:
        return udp.recv(100).decode()
    except TimeoutError:
        return [secret, shared >= 0, queue >= 0, semaphore >= 0]
"""
VISITOR = """
def connects(family, address):
    with socket.socket(family) as sock:
        sock.settimeout(1)
        sock.connect(address)

def sends():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"heard of me", ("127.0.0.1", 4321))

def Run(engine):
    return {
        "abstract socket": attempt(connects, socket.AF_UNIX, "\\0atk-channel"),
        "socket in /tmp": attempt(connects, socket.AF_UNIX, "/tmp/atk-channel"),
        "tcp": attempt(connects, socket.AF_INET, ("127.0.0.1", 4321)),
        "udp": attempt(sends),
        "shared memory": called(libc.shmget(0x41544B, 4096, 0)),
        "message queue": called(libc.msgget(0x41544B, 0)),
        "semaphore": called(libc.semget(0x41544B, 1, 0)),
        "file": attempt(lambda: open("/tmp/atk-channel-file").read()),
        "trace": [called(libc.ptrace(16, pid, 0, 0)) for pid in (1, 2, 3)],
        "read memory": [syscall(310, pid, 0, 0, 0, 0, 0) for pid in (1, 2, 3)],
        "compare": syscall(312, 1, 1, 0, 0, 0),
        "take a descriptor": syscall(438, 3, 0, 0),
        "in sight": os.listdir("/proc").count("2"),
    }
"""


def test_two_runs_at_once_find_no_way_to_each_other(server: Server) -> None:
    host_id, visitor_id = server.create(ATTEMPTS + HOST), server.create(ATTEMPTS + VISITOR)
    with ThreadPoolExecutor(1) as pool:
        host = pool.submit(server.client.post, f"/endpoint/{host_id}", content="the host's secret")
        wait_until(lambda: processes_named("atk-host"), what="the other run")
        visit = server.client.post(f"/endpoint/{visitor_id}")
        assert processes_named("atk-host"), "the other run was to be there all the time"
        found = success(server, visit).json()
        assert success(server, host.result()).json() == ["the host's secret", True, True, True]
    assert found.pop("udp") == "did it"  # sent, but to its own, empty loopback
    assert found["abstract socket"] == found["tcp"] == "ECONNREFUSED"
    assert found["socket in /tmp"] == "ENOENT"
    assert found["shared memory"] == found["message queue"] == found["semaphore"] == found["file"] == "ENOENT"
    assert set(found["trace"]) == set(found["read memory"]) == {"ENOSYS"}
    assert found["compare"] == found["take a descriptor"] == "ENOSYS"
    assert found["in sight"] == 0


LEAVE = """
def Run(engine):
    libc.shmget(0x41544C, 4096, 0o1666); libc.msgget(0x41544C, 0o1666); libc.semget(0x41544C, 1, 0o1666)
    libc.syscall(240, b"atk-left", os.O_CREAT | os.O_RDWR, 0o666, None)
    kept = []
    for family, address in ((socket.AF_INET, ("127.0.0.1", 4322)), (socket.AF_UNIX, "\\0atk-left")):
        sock = socket.socket(family); sock.bind(address); sock.listen(); kept.append(sock)
    if os.fork() == 0:
        os.setsid()
        time.sleep(60)
"""
FIND = """
def connects(family, address):
    with socket.socket(family) as sock:
        sock.connect(address)

def Run(engine):
    return [
        called(libc.shmget(0x41544C, 4096, 0)), called(libc.msgget(0x41544C, 0)), called(libc.semget(0x41544C, 1, 0)),
        syscall(240, b"atk-left", os.O_RDWR, 0, 0),
        attempt(connects, socket.AF_INET, ("127.0.0.1", 4322)), attempt(connects, socket.AF_UNIX, "\\0atk-left"),
    ]
"""


# Twice as many runs as slots, so that the slot (and with it the network namespace) is one that was used.
def test_no_run_leaves_anything_for_a_later_one_in_its_slot(server: Server) -> None:
    leave, find = server.create(ATTEMPTS + LEAVE), server.create(ATTEMPTS + FIND)
    for _ in range(16):
        success(server, server.client.post(f"/endpoint/{leave}"))
    for _ in range(16):
        found = success(server, server.client.post(f"/endpoint/{find}")).json()
        assert found[:4] == ["ENOENT"] * 4
        assert found[4:] == ["ECONNREFUSED"] * 2


# All of the host's processes that are not its own are out of a run's sight, so it cannot even be asked which exist.
def test_many_runs_at_once_each_see_one_process(server: Server) -> None:
    source = """
import os, time
def Run(engine):
    time.sleep(0.3)
    return [os.getpid(), os.listdir("/proc").count("2")]
"""
    code_id = server.create(source)
    answers: list[object] = []
    threads = [
        threading.Thread(target=lambda: answers.append(server.client.post(f"/endpoint/{code_id}").json()))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [[1, 0]] * 8
