"""Questions about locks (fcntl F_GETLK): answered for a run's own files, and no channel between runs."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
from attacks.attacker import ATTEMPTS, findings, processes_named
from harness import Server, children_of, wait_until

ASKING = """
def lock(kind, start=0, length=0):
    return struct.pack("hhqqi", kind, 0, start, length, 0)

# What is in the way of a lock: the type and the process, or the name of the errno.
def asked(file, kind=fcntl.F_WRLCK, start=0, length=0):
    try:
        found = fcntl.fcntl(file, fcntl.F_GETLK, lock(kind, start, length))
    except OSError as error:
        return errno.errorcode[error.errno]
    kind, _, start, length, process = struct.unpack("hhqqi", found)
    return None if kind == fcntl.F_UNLCK else [kind, start, length, process]
"""

OWN_FILES = """
def Run(engine):
    file = open("/tmp/file", "w+")
    found = {"free": asked(file)}
    fcntl.lockf(file, fcntl.LOCK_EX, 10, 100)
    found["own"] = asked(file)
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:  # it does not inherit the lock
        os.write(tell, repr(asked(open("/tmp/file"))).encode())
        os._exit(0)
    os.waitpid(child, 0)
    found["of the parent"] = eval(os.read(told, 100))
    found["reading"] = asked(open("/tmp/file"), fcntl.F_RDLCK)
    os.symlink("/tmp/file", "/tmp/link")
    found["by a link"] = asked(open("/tmp/link"))
    libc.prctl(15, b"Gr\\xc3", 0, 0, 0)  # PR_SET_NAME: a thread's name is cut at 15 bytes, here within a letter
    found["of a name that is cut"] = asked(file)
    return found
"""


def test_the_locks_on_a_runs_own_files_are_told_as_everywhere(server: Server) -> None:
    assert findings(server, ATTEMPTS + ASKING + OWN_FILES) == {
        "free": None,
        "own": None,
        "of the parent": [1, 100, 10, 1],  # F_WRLCK, and the process by the run's own number
        "reading": None,
        "by a link": None,
        "of a name that is cut": None,
    }


# Of two locks the kernel names the first one. The process's own must not hide that of another.
BEHIND_OWN = """
def Run(engine):
    file = open("/tmp/file", "w+")
    file.write("x" * 100)
    file.flush()
    for start in (10, 30, 50):
        fcntl.lockf(file, fcntl.LOCK_EX, 10, start)
    told, tell = os.pipe()
    if os.fork() == 0:
        other = open("/tmp/file", "r+")
        fcntl.lockf(other, fcntl.LOCK_EX, 5, int(engine.params.get("at")))
        os.write(tell, b"1")
        time.sleep(60)
    os.read(told, 1)
    end_of_file = fcntl.fcntl(file, fcntl.F_GETLK, struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_END, 0, -100, 0))
    ranges = {"all": (0, 0), "the first 70": (0, 70), "own": (10, 10), "up to 5": (0, 5)}
    found = {name: asked(file, fcntl.F_WRLCK, *places) for name, places in ranges.items()}
    return {name: lock and lock[1] for name, lock in found.items()} | {"all of 100": struct.unpack("hhqqi", end_of_file)[2]}
"""


@pytest.mark.parametrize("at", [5, 20, 45, 62])
def test_a_process_own_locks_hide_no_others(server: Server, at: int) -> None:
    found = findings(server, ATTEMPTS + ASKING + BEHIND_OWN, params={"at": str(at)})
    assert found == {"all": at, "the first 70": at, "own": None, "up to 5": None, "all of 100": at}


SHARED_FILES = """
import sys
def Run(engine):
    paths = [os.__file__, sys.executable, "/proc/self/exe", "/etc/passwd", "/dev/null", "/dev/urandom", "/bin/sh", "/"]
    paths += ["/proc/self/status", "/usr/lib", "/proc/self/ns/pid"]
    found = {path: asked(open(path) if os.path.isfile(path) else os.open(path, os.O_RDONLY)) for path in paths if path}
    found["linked"] = "none"
    try:
        os.link(os.__file__, "/tmp/linked")
        found["linked"] = asked(open("/tmp/linked"))
    except OSError:
        pass
    found["pipe"] = asked(os.pipe()[0])
    found["socket"] = asked(socket.socket())
    found["memory"] = asked(os.memfd_create("x"))
    return found
"""


def test_those_on_all_that_other_runs_see_are_not(server: Server) -> None:
    found = findings(server, ATTEMPTS + ASKING + SHARED_FILES)
    assert found.pop("linked") in ("none", "EPERM")
    assert set(found.values()) == {"EPERM"}, found


# One thread asks while another puts a shared file in its own file's place and back. A child holds a lock on the shared
# one, at a place where there is none on the other.
EXCHANGED = """
import threading
def Run(engine):
    own, shared = os.open("/tmp/own", os.O_RDWR | os.O_CREAT), os.open(os.__file__, os.O_RDONLY)
    ready, tell = os.pipe()
    if os.fork() == 0:
        fcntl.lockf(shared, fcntl.LOCK_SH, 1, 4242)
        os.write(tell, b"1")
        while True:
            time.sleep(60)
    os.read(ready, 1)
    place, ends = os.dup(own), []
    def exchange():
        while not ends:
            os.dup2(shared, place)
            os.dup2(own, place)
    threads = [threading.Thread(target=exchange) for _ in range(2)]
    for thread in threads:
        thread.start()
    found = [asked(place, fcntl.F_WRLCK, 4242, 1) for _ in range(3000)]
    ends.append(True)
    for thread in threads:
        thread.join()
    return [found.count(None) > 0, found.count("EPERM") > 0, [other for other in found if other not in (None, "EPERM")]]
"""


def test_a_file_that_is_exchanged_while_it_is_asked_for_tells_nothing(server: Server) -> None:
    assert findings(server, ATTEMPTS + ASKING + EXCHANGED) == [True, True, []]


WILD = """
def fcntl_of(descriptor, kind, address):
    return called(libc.fcntl(ctypes.c_int(descriptor), ctypes.c_int(kind), ctypes.c_long(address)))

def Run(engine):
    file = open("/tmp/file", "w+")
    fd = file.fileno()
    fcntl.lockf(file, fcntl.LOCK_EX)
    read_only = mmap.mmap(-1, 4096, prot=mmap.PROT_READ)
    return {
        "no descriptor": fcntl_of(99, 5, 0), "no such descriptor": fcntl_of(-1, 5, 0),
        "no memory": fcntl_of(fd, 5, 0), "memory of the kernel": fcntl_of(fd, 5, -4096), "odd": fcntl_of(fd, 5, 1),
        "no type": asked(file, 77), "negative": asked(file, fcntl.F_WRLCK, -5, 1),
        "too far": asked(file, fcntl.F_WRLCK, 2**63 - 1, 2**62),
        "of the descriptor": attempt(fcntl.fcntl, file, 36, lock(fcntl.F_WRLCK)),
        "still answered": asked(file),
    }
"""


def test_wild_questions_are_errors_of_the_run_alone(server: Server) -> None:
    assert findings(server, ATTEMPTS + ASKING + WILD) == {
        "no descriptor": "EBADF",
        "no such descriptor": "EBADF",
        "no memory": "EFAULT",
        "memory of the kernel": "EFAULT",
        "odd": "EFAULT",
        "no type": "EINVAL",
        "negative": "EINVAL",
        "too far": "EOVERFLOW",
        "of the descriptor": "EPERM",
        "still answered": None,
    }


ENDLESS = """
import threading
def Run(engine):
    file = open("/tmp/file", "w+")
    def ask():
        while True:
            asked(file)
    for _ in range(30):
        threading.Thread(target=ask, daemon=True).start()
    if engine.params.get("die"):
        time.sleep(0.2)
        os._exit(3)
    time.sleep(3)
    return "done"
"""


def test_runs_that_ask_without_end_or_die_while_they_ask_keep_no_other_from_its_answer(server: Server) -> None:
    endless, honest = server.create(ATTEMPTS + ASKING + ENDLESS), server.create(ATTEMPTS + ASKING + OWN_FILES)
    with ThreadPoolExecutor(4) as threads:
        dying = [threads.submit(server.client.get, f"/endpoint/{endless}?die=1") for _ in range(2)]
        asking = threads.submit(server.client.get, f"/endpoint/{endless}")
        answers = [server.client.get(f"/endpoint/{honest}") for _ in range(5)]
        assert [answer.json()["free"] for answer in answers] == [None] * 5
        assert [answer.result().json()["error_type"] for answer in dying] == ["killed"] * 2
        assert asking.result().text == "done"
    assert server.client.get(f"/endpoint/{honest}").json()["free"] is None


# Puts a socket in a file's place while it is asked for, and closes all descriptors but the answerer's. Closing that one
# waits for the other side, which does not read.
LINGERING = """
import random, threading
def Run(engine):
    server = socket.create_server(("127.0.0.1", 0))
    own = os.open("/tmp/own", os.O_RDWR | os.O_CREAT)
    place, question = os.dup(own), ctypes.create_string_buffer(lock(fcntl.F_WRLCK))
    for number in range(5000):
        sending = socket.create_connection(server.getsockname())
        receiving, _ = server.accept()
        sending.setblocking(False)
        try:
            while True:
                sending.send(b"x" * 65536)
        except BlockingIOError:
            pass
        sending.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 600))
        os.dup2(sending.fileno(), place)
        os.close(sending.detach())
        answered, closed = threading.Event(), threading.Event()
        asking = threading.Thread(target=lambda: (libc.fcntl(place, 5, question), answered.set()))
        closing = threading.Thread(target=lambda: (os.dup2(own, place), closed.set()))
        asking.start()
        until = time.perf_counter() + random.random() * 4e-4
        while time.perf_counter() < until:
            pass
        closing.start()
        if closed.wait(0.05) and not answered.wait(0.5):
            name_process("atk-stuck")
            time.sleep(5)
            return answered.is_set()
        receiving.close()
        asking.join()
        closing.join()
"""


def test_a_run_that_gets_its_answer_stuck_delays_no_other(server: Server) -> None:
    lingering, honest = server.create(ATTEMPTS + ASKING + LINGERING), server.create(ATTEMPTS + ASKING + OWN_FILES)
    with ThreadPoolExecutor(1) as threads:
        stuck = threads.submit(server.client.get, f"/endpoint/{lingering}")
        wait_until(lambda: processes_named("atk-stuck"), 50, "a question whose answer is stuck")
        assert server.client.get(f"/endpoint/{honest}").json()["free"] is None
        assert stuck.result().json() is False, "it was not stuck"


def test_questions_are_answered_after_the_answering_process_was_killed(server: Server) -> None:
    honest = server.create(ATTEMPTS + ASKING + OWN_FILES)
    for _ in range(2):
        assert server.client.get(f"/endpoint/{honest}").json()["free"] is None
        (answering,) = _answering(server)
        os.kill(answering, signal.SIGKILL)
        wait_until(lambda: not _answering(server), 10, "the end of the process that answers")


def _answering(server: Server) -> list[int]:
    """The processes that have the kernel's questions and nothing else."""
    assert server.process is not None
    return [pid for pid in children_of(server.process.pid) if _descriptors(pid) == {"seccomp notify"}]


def _descriptors(pid: int) -> set[str]:
    try:
        files = [os.readlink(f"/proc/{pid}/fd/{number}") for number in os.listdir(f"/proc/{pid}/fd") if int(number) > 2]
    except OSError:  # it is just ending
        return set()
    return {file.removeprefix("anon_inode:") for file in files}
