"""Attacks on what a run may use: memory, processes, files, time, output. Each limit ends the run, and only it."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from attacks.attacker import ATTEMPTS, failure, findings, success
from harness import Server, wait_until

MB = 1024 * 1024

FORK_BOMBS = {
    "fork": "while True: os.fork()",
    "posix_spawn, which is a vfork": "while True: os.posix_spawn('/bin/sleep', ['sleep', '60'], {})",
    "threads": "while True: threading.Thread(target=time.sleep, args=(60,)).start()",
    "children that are never waited for": "while True: os.fork() or os._exit(0)",
}


@pytest.mark.parametrize("bomb", FORK_BOMBS.values(), ids=FORK_BOMBS)
def test_a_fork_bomb_meets_the_limit_of_processes(server: Server, bomb: str) -> None:
    source = f"import os, threading, time\ndef Run(engine):\n    {bomb}\n"
    error = failure(server, server.call(source), "exception")
    assert "Resource temporarily unavailable" in error["message"] or "can't start new thread" in error["message"]


MEMORY_BOMBS = {
    "one bytearray": "x = bytearray(b'x') * (1 << 30)",
    "one string": "return 'x' * (1 << 30)",
    "many strings": "x = [str(i) * 100 for i in range(10 ** 8)]",
    "a result of ten million items": "return [str(i) for i in range(10 ** 7)]",
    "private pages": "m = mmap.mmap(-1, 1 << 30, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS); fill(m)",
    "shared pages": "m = mmap.mmap(-1, 1 << 30); fill(m)",
    "a memfd": "fd = os.memfd_create('x')\n    while True: os.write(fd, bytes(MB))",
    "memfds, each within the size of a file": """while True:
        fd = os.memfd_create('x')
        for _ in range(32): os.write(fd, bytes(MB))""",
    "System V shared memory": """libc = ctypes.CDLL(None); libc.shmat.restype = ctypes.c_void_p
    while True: ctypes.memset(libc.shmat(libc.shmget(0, 32 * MB, 0o1600), None, 0), 1, 32 * MB)""",
    "python frames": "sys.setrecursionlimit(2 ** 31 - 1); f = lambda n: f(n + 1); f(0)",
    "messages in socket buffers": """kept = []
    while True:
        a, b = socket.socketpair(); a.setblocking(False); kept += a, b
        try:
            while True: a.send(bytes(65536))
        except BlockingIOError: pass""",
}
# Some of those bombs meet another limit before they have taken all the memory.
OTHER_LIMITS = {"a memfd": "File too large", "messages in socket buffers": "Too many open files"}
MEMORY_PRELUDE = """
import ctypes, mmap, os, socket, sys
MB = 1 << 20

def fill(pages):
    for at in range(0, len(pages), 4096):
        pages[at] = 1

def Run(engine):
    """


@pytest.mark.parametrize("name", MEMORY_BOMBS)
def test_a_memory_bomb_ends_its_run_alone(server: Server, name: str) -> None:
    answer = server.call(MEMORY_PRELUDE + MEMORY_BOMBS[name] + "\n")
    if name in OTHER_LIMITS:
        assert OTHER_LIMITS[name] in failure(server, answer, "exception")["message"]
    else:
        failure(server, answer, "memory")


MEMORY_OF_CHILDREN = """
import os, signal, time
def Run(engine):
    children = []
    for _ in range(20):
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            kept = bytearray(b"x") * (40 << 20)
            os.write(writer, b"1")
            signal.pause()
        os.close(writer)
        children.append((pid, os.read(reader, 1) == b"1"))
    alive = [pid for pid, took in children if took]
    for _ in range(1000):
        alive = [pid for pid in alive if os.waitpid(pid, os.WNOHANG)[0] == 0]
        if len(alive) <= int(engine.params["most"]):
            break
        time.sleep(0.01)  # one that the kernel has just killed has yet to end
    return {"alive": len(alive), "killed": 20 - len(alive)}
"""


# The limit is the run's: spreading the memory over processes does not help.
def test_memory_of_child_processes_counts_together(server: Server) -> None:
    most = 256 // 40
    answer = server.call(MEMORY_OF_CHILDREN, params={"most": most})
    if answer.status_code == 200:  # the kernel chose to kill children, which is as good
        found = answer.json()
        assert found["killed"] >= 20 - most, found
    else:
        failure(server, answer, "memory")


TMP_ATTACKS = """
def one_big_file():
    with open("/tmp/big", "wb") as file:
        while True:
            file.write(bytes(1 << 20))

def many_files():
    size = 0
    while True:
        with open(f"/tmp/file-{size}", "wb") as file:
            size += file.write(bytes(1 << 20))

def sparse_file():
    with open("/tmp/sparse", "wb") as file:
        file.truncate(1 << 40)

def allocated_file():
    with open("/tmp/allocated", "wb") as file:
        os.posix_fallocate(file.fileno(), 0, (64 << 20) + 1)

def many_inodes():
    for number in range(10 ** 6):
        os.symlink("x", f"/tmp/link-{number}")

def long_name():
    open("/tmp/" + "x" * 256, "w")

def deep_folders():
    for _ in range(10 ** 6):
        os.mkdir("/tmp/d" if not _ else "d")
        os.chdir("/tmp/d" if not _ else "d")

ATTACKS = [long_name, sparse_file, allocated_file, one_big_file, many_files, many_inodes, deep_folders]

def Run(engine):
    attack = ATTACKS[int(engine.params.get("number"))]
    return attempt(attack)
"""


@pytest.mark.parametrize(
    ("number", "outcomes"),
    [
        pytest.param(0, {"ENAMETOOLONG"}, id="long name"),
        pytest.param(1, {"EFBIG"}, id="sparse file"),
        pytest.param(2, {"EFBIG", "ENOSPC"}, id="allocated file"),
        pytest.param(3, {"EFBIG", "ENOSPC"}, id="one big file"),
        pytest.param(4, {"ENOSPC"}, id="many files"),
        pytest.param(5, {"ENOSPC"}, id="many inodes"),
        pytest.param(6, {"ENOSPC"}, id="deep folders"),
    ],
)
def test_the_disk_of_a_run_is_bounded_in_bytes_and_inodes(server: Server, number: int, outcomes: set[str]) -> None:
    answer = success(server, server.call(ATTEMPTS + TMP_ATTACKS, params={"number": number}))
    assert answer.text in outcomes


LIMITS = """
import resource, threading

def open_until_refused():
    kept = []
    try:
        while True:
            kept.append(os.open("/dev/null", os.O_RDONLY))
    finally:
        for fd in kept:
            os.close(fd)

def raise_limit(kind):
    soft, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (hard + 1, hard + 1))

def lock_memory():
    return called(libc.mlock(ctypes.create_string_buffer(8 << 20), ctypes.c_size_t(8 << 20)))

def Run(engine):
    kinds = ("NOFILE", "NPROC", "FSIZE", "CORE", "MEMLOCK", "MSGQUEUE", "SIGPENDING")
    return {
        "descriptors": attempt(open_until_refused),
        "memory lock": attempt(lock_memory),
        "nice": attempt(os.nice, -1),
        "priority": attempt(os.setpriority, os.PRIO_PROCESS, 0, -5),
        "real time": attempt(os.sched_setscheduler, 0, os.SCHED_FIFO, os.sched_param(50)),
        "limits": [attempt(raise_limit, getattr(resource, f"RLIMIT_{kind}")) for kind in kinds],
        "oom score": attempt(lambda: open("/proc/self/oom_score_adj", "w").write("-1000")),
    }
"""


def test_no_limit_and_no_priority_can_be_raised(server: Server) -> None:
    found = findings(server, ATTEMPTS + LIMITS)
    assert found["descriptors"] == "EMFILE"
    assert found["memory lock"] in ("ENOMEM", "EPERM")
    assert found["nice"] in ("EPERM", "EACCES")
    assert found["priority"] in ("EPERM", "EACCES")
    assert found["real time"] == "ENOSYS"
    assert set(found["limits"]) <= {"ValueError", "EPERM"}
    assert found["oom score"] == "EROFS"


NEVER_ENDING = {
    "sleeps": "time.sleep(10 ** 6)",
    "spins": "while True: pass",
    "holds the interpreter's lock in C": "re.match(r'(a+)+$', 'a' * 64 + 'b')",
    "computes a huge number": "10 ** 10 ** 9",
    "catches everything": """
    while True:
        try: time.sleep(1); sys.exit()
        except BaseException: pass""",
    "ignores every signal": """
    for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}: signal.signal(number, signal.SIG_IGN)
    while True: time.sleep(1)""",
    "keeps forking": """
    while True:
        try: os.fork()
        except OSError: pass""",
    "floods itself with signals": """
    signal.signal(signal.SIGUSR1, lambda *_: None)
    if os.fork():
        while True: time.sleep(1)
    while True: os.kill(1, signal.SIGUSR1)""",
    "stops itself": """
    if os.fork() == 0: os.kill(os.getpid(), signal.SIGSTOP)
    os.kill(os.getpid(), signal.SIGSTOP); time.sleep(10 ** 6)""",
    "waits for threads": """
    threads = [threading.Thread(target=time.sleep, args=(10 ** 6,)) for _ in range(20)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()""",
    "sends half a frame": "os.write(4, b'\\2\\0\\0\\1\\0half'); time.sleep(10 ** 6)",
}
AT_THE_TOP = "while True: pass\n\ndef Run(engine): pass\n"


# All at once, since each takes the shortest timeout there is.
def test_whatever_never_ends_is_ended_at_its_timeout(server: Server) -> None:
    prelude = "import os, re, signal, sys, threading, time\ndef Run(engine):\n    "
    sources = [prelude + body + "\n" for body in NEVER_ENDING.values()] + [AT_THE_TOP]

    def call(source: str) -> httpx.Response:
        return server.call(source, timeout_seconds=5)

    with ThreadPoolExecutor(len(sources)) as pool:
        answers = list(pool.map(call, sources))
    for name, answer in zip([*NEVER_ENDING, "at the top"], answers, strict=True):
        failure(server, answer, "timeout", 504)
        duration = server.record(answer)["extra"]["duration_ms"]
        assert 4900 <= duration < 7500, name


# Killed, and not merely forgotten: the slots are free again at once.
def test_the_slots_of_timed_out_runs_are_free_again(server: Server) -> None:
    wait_until(lambda: server.client.get("/health").json()["parts"]["sandbox"]["busy"] == 0, what="free slots")


def test_a_run_goes_first_when_the_host_is_out_of_memory_and_cannot_change_that(server: Server) -> None:
    source = """
def Run(engine):
    before = open("/proc/self/oom_score_adj").read().strip()
    changed = attempt(lambda: open("/proc/self/oom_score_adj", "w").write("-500"))
    return [before, changed, open("/proc/self/oom_score_adj").read().strip()]
"""
    before, changed, after = success(server, server.call(ATTEMPTS + source)).json()
    assert (before, after) == ("500", "500")
    assert changed != "did it"
