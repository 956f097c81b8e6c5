"""Attacks on what others know: the server's secrets, and what earlier and concurrent runs were given."""

import secrets
from concurrent.futures import ThreadPoolExecutor

from attacks.attacker import ATTEMPTS, findings, success
from harness import TOKEN, Server

ENVIRONMENT = """
def Run(engine):
    return {
        "environment": sorted(os.environ),
        "at start": sorted(entry.split("=")[0] for entry in open("/proc/1/environ").read().split("\\0") if entry),
        "values": list(os.environ.values()),
        "host": socket.gethostname(),
        "user": [os.getuid(), os.geteuid(), os.getgid(), os.getegid(), os.getgroups()],
    }
"""


def test_the_environment_holds_nothing_of_the_servers(server: Server) -> None:
    found = findings(server, ATTEMPTS + ENVIRONMENT)
    harmless = {"PATH", "HOME", "LANG", "TMPDIR", "USER", "LC_CTYPE", "PWD", "CODEACTIONS_RUN_ID"}
    assert set(found["environment"]) <= harmless
    assert set(found["at start"]) <= harmless
    assert TOKEN not in found["values"]
    assert found["host"] == "sandbox"
    assert found["user"][:4] == [1000] * 4


WHEREABOUTS = """
def Run(engine):
    told = {}
    for name in ("mountinfo", "mounts", "cgroup", "cmdline", "maps", "environ", "status", "limits"):
        told[name] = attempt(lambda: open(f"/proc/self/{name}").read())
    told["hostname"] = os.uname().nodename
    return told
"""


def test_where_on_the_host_the_server_lives_is_not_told(server: Server) -> None:
    found = findings(server, ATTEMPTS + WHEREABOUTS)
    data_dir = str(server.data_dir)
    assert [name for name, text in found.items() if data_dir in text or TOKEN in text] == []
    # Below the group that the server is in; where that is, is the host's business.
    groups = [line.split(":", 2)[2] for line in found["cgroup"].splitlines()]
    assert [path for path in groups if path != "/" and not path.startswith(("/codeactions-", "/slot-"))] == []


DESCRIPTORS = """
import stat
def kind(fd):
    kinds = ("FIFO", "SOCK", "CHR", "REG", "DIR", "BLK", "LNK")
    return next(name for name in kinds if getattr(stat, "S_IS" + name)(os.fstat(fd).st_mode))

def Run(engine):
    open_ones = [fd for fd in range(4096) if attempt(os.fstat, fd) != "EBADF"]
    return {
        "kinds": {fd: kind(fd) for fd in open_ones},
        "read the frames": attempt(os.read, 4, 1),
        "write a job": attempt(os.write, 3, b"x"),
        "as sockets": sorted({attempt(socket.socket, fileno=fd) for fd in open_ones}),
        "interfaces": sorted({attempt(fcntl.ioctl, fd, 0x8912, bytes(16)) for fd in open_ones}),
    }
"""


# Pipes, and no socket: a socket of the server's would bring the host's network namespace along.
def test_a_run_inherits_five_descriptors_and_each_has_one_use(server: Server) -> None:
    found = findings(server, ATTEMPTS + DESCRIPTORS)
    assert found["kinds"] == {"0": "CHR", "1": "FIFO", "2": "FIFO", "3": "FIFO", "4": "FIFO"}
    assert found["read the frames"] == found["write a job"] == "EBADF"
    assert found["as sockets"] == ["ENOTSOCK"]
    assert found["interfaces"] == ["ENOTTY"]


# Looks for a mark followed by digits, so that it does not find its own pattern.
SEARCH = """
import re
PATTERN = re.compile(b"KANARI" + b"-[0-9a-f]{32}|test-token-test-toke[n]-test-token")

def Run(engine):
    found = set()
    for line in open("/proc/self/maps"):
        place, rights, *_, name = (line.split() + [""])[:6] if len(line.split()) > 5 else (*line.split(), "")
        if "r" not in rights or name in ("[vvar]", "[vsyscall]", "[vvar_vclock]"):
            continue
        start, end = (int(number, 16) for number in place.split("-"))
        with open("/proc/self/mem", "rb", 0) as memory:
            while start < end:
                size = min(end - start, 1 << 20)
                try:
                    memory.seek(start)
                    found.update(match.decode() for match in PATTERN.findall(memory.read(size)))
                except OSError:
                    pass
                start += size
    return sorted(found)
"""


def _canary() -> str:
    return "KANARI-" + secrets.token_hex(16)


# One run's body, parameters, headers and source; the header also carries the administrator's token.
def test_nothing_of_an_earlier_run_is_in_the_memory_of_a_later_one(server: Server) -> None:
    sources, bodies = [_canary() for _ in range(2)], [_canary() for _ in range(2)]
    search = server.create(SEARCH)
    own = success(server, server.client.post(f"/endpoint/{search}", content=bodies[0])).json()
    assert own == [bodies[0]]  # it would find what is there
    for source, body in zip(sources, bodies, strict=True):
        code = f"# {source}\ndef Run(engine):\n    return engine.body * 1000\n"
        success(server, server.call(code, content=body, params={"x": body}, headers={"X-Secret": body}))
    for _ in range(6):
        assert success(server, server.client.post(f"/endpoint/{search}")).json() == []


def test_runs_at_once_do_not_find_each_others_secrets(server: Server) -> None:
    search = server.create(SEARCH)
    bodies = [_canary() for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda body: server.client.post(f"/endpoint/{search}", content=body), bodies))
    for body, answer in zip(bodies, answers, strict=True):
        assert success(server, answer).json() == [body]


# An endpoint is public, but its caller may happen to be the administrator.
def test_the_administrators_token_does_not_reach_a_run(server: Server) -> None:
    source = "def Run(engine):\n    return [engine.header.items(), dict(engine.params.items())]\n"
    code_id = server.create(source)
    for path in (f"/endpoint/{code_id}", f"/run/{code_id}"):
        answer = server.client.post(path)
        assert answer.status_code == 200
        assert TOKEN not in answer.text
        assert TOKEN not in str(server.record(answer))


POISON = """
import builtins, hashlib, json, os, random, sys, uuid
class Hook:
    def find_spec(self, *args): raise SystemExit("poisoned import")

def Run(engine):
    builtins.print = builtins.len = builtins.open = lambda *a, **k: 1 / 0
    json.dumps = json.loads = lambda *a, **k: "poisoned"
    random.random = uuid.uuid4 = lambda *a: 4
    sys.meta_path.insert(0, Hook())
    sys.path.insert(0, "/tmp")
    sys.modules["socket"] = sys.modules["decimal"] = None
    sys.stdout = sys.stderr = None
    for name, module in list(sys.modules.items()):
        if name.startswith("codeactions"):
            for attribute in list(vars(module)):
                if not attribute.startswith("__"):
                    setattr(module, attribute, None)
    for kind in type(engine).__mro__[:-1]:
        for name in list(vars(kind)):
            try: setattr(kind, name, "poisoned")
            except (AttributeError, TypeError): pass
    os.environ["POISON"] = "1"
    sys.setrecursionlimit(50)
    hashlib.sha256 = None
"""
UNPOISONED = """
import builtins, decimal, json, os, random, socket, sys, uuid
def Run(engine):
    print("printed")
    return [len([1]), json.dumps({}), random.random() != 4, str(uuid.uuid4()) != "4", "POISON" in os.environ,
            "/tmp" in sys.path, sys.getrecursionlimit() > 50, len(sys.meta_path), engine.body]
"""


def test_what_a_run_changes_in_its_interpreter_does_not_reach_the_next(server: Server) -> None:
    poison, check = server.create(POISON), server.create(UNPOISONED)
    expected = success(server, server.client.post(f"/endpoint/{check}", content="body")).json()
    assert expected[:7] == [1, "{}", True, True, False, False, True]
    for _ in range(3):
        server.client.post(f"/endpoint/{poison}")
        answer = success(server, server.client.post(f"/endpoint/{check}", content="body"))
        assert answer.json() == expected
        assert server.logs(answer) == [("info", "printed")]


RANDOMNESS = """
import os, random, secrets, ssl, tempfile, uuid
def Run(engine):
    return [random.random(), random.SystemRandom().random(), str(uuid.uuid4()), secrets.token_hex(8),
            ssl.RAND_bytes(8).hex(), os.urandom(8).hex(), tempfile.mktemp(), str(uuid.uuid1())]
"""


# Forks of one process share its generators' states unless somebody takes care.
def test_no_two_runs_draw_the_same_random_numbers(server: Server) -> None:
    code_id = server.create(RANDOMNESS)
    with ThreadPoolExecutor(4) as pool:
        drawn = list(pool.map(lambda _: success(server, server.client.post(f"/endpoint/{code_id}")).json(), range(8)))
    for values in zip(*drawn, strict=True):
        assert len(set(values)) == len(drawn), values
