"""Questions about locks (fcntl F_GETLK): answered for a run's own files, and no channel between runs."""

from concurrent.futures import ThreadPoolExecutor

from attacks.attacker import ATTEMPTS, findings
from harness import Server

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
    return found
"""


def test_the_locks_on_a_runs_own_files_are_told_as_everywhere(server: Server) -> None:
    assert findings(server, ATTEMPTS + ASKING + OWN_FILES) == {
        "free": None,
        "own": None,
        "of the parent": [1, 100, 10, 1],  # F_WRLCK, and the process by the run's own number
        "reading": None,
        "by a link": None,
    }


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
