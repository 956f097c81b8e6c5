"""A compiler that is taken over by what it reads: hostile code with all that a build has, in the walls of builds."""

import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from attacks.attacker import ATTEMPTS
from attacks.languages import ready
from attacks.test_kernel import FORBIDDEN, FORBIDDEN_X86, X86
from harness import CACHE, Server
from sandboxes import run_in

import codeactions
from codeactions.domain.run import ErrorType, Outcome
from codeactions.node.settings import read_settings
from codeactions.sandbox.config import ZygoteSpec
from codeactions.sandbox.server.pool import SandboxPool


class Builds:
    """Sandboxes just like those of builds, except that what is sent to them is executed."""

    def __init__(self, pool: SandboxPool) -> None:
        self.pool = pool

    async def run(self, source: str, body: str = "") -> Outcome:
        """How a run in such a sandbox ended."""
        sandbox = await self.pool.acquire("build", 10, 10)
        return await run_in(sandbox, ATTEMPTS + source, body=body.encode(), seconds=30)

    async def found(self, source: str, body: str = "") -> Any:
        """What it brought home."""
        outcome = await self.run(source, body)
        assert outcome.answer is not None, outcome.error
        return json.loads(outcome.answer.body)


@pytest_asyncio.fixture
async def builds(server: Server, tmp_path: Path) -> AsyncIterator[Builds]:
    """With the settings of a server, whose library is ready."""
    ready(server, "go")
    settings = read_settings(cache_dir=CACHE, data_dir=tmp_path)
    config = settings.build_launcher(settings.registry())
    (spec,) = config.zygotes
    pool = SandboxPool(config.with_zygotes([ZygoteSpec(spec.name, "codeactions.runtimes.python.worker", spec.mounts)]))
    await pool.start()
    yield Builds(pool)
    await pool.stop()


WRITING = """
def Run(engine):
    found = {}
    for root in ("/runtimes", "/", "/usr/lib", "/etc", "/dev", os.path.dirname(os.__file__)):
        found[f"mkdir {root}"] = attempt(os.mkdir, root + "/poison")
        found[f"create {root}"] = attempt(open, root + "/poison.a", "w")
    for folder, _, names in os.walk("/runtimes"):
        found[f"create in {folder}"] = attempt(open, folder + "/poison.a", "w")
        for path in [folder + "/" + name for name in names[:3]]:
            found[f"open {path}"] = attempt(open, path, "r+b")
            found[f"append {path}"] = attempt(open, path, "ab")
            found[f"unlink {path}"] = attempt(os.unlink, path)
            found[f"chmod {path}"] = attempt(os.chmod, path, 0o777)
            found[f"rename {path}"] = attempt(os.rename, path, "/tmp/stolen")
            found[f"times {path}"] = attempt(os.utime, path)
            found[f"link {path}"] = attempt(os.link, path, "/tmp/linked")
    return found
"""


# What every later build reads: the compilers, the compiled standard library, Bun.
async def test_no_build_can_poison_the_next(builds: Builds) -> None:
    found = await builds.found(WRITING)
    refused = {"EROFS", "EACCES", "EPERM", "ENOENT", "EXDEV"}
    assert {attempt: outcome for attempt, outcome in found.items() if outcome not in refused} == {}
    assert len(found) > 500


LOOKING = """
def Run(engine):
    paths = engine.body.split("\\n")
    status = {line.split(":")[0]: line.split()[1:] for line in open("/proc/self/status")}
    return {
        "files": {path: attempt(lambda path=path: open(path, "rb").read(1) and None) for path in paths},
        "tmp": os.listdir("/tmp"),
        "pids": [name for name in os.listdir("/proc") if name.isdigit()],
        "descriptors": [fd for fd in range(1024) if attempt(os.fstat, fd) != "EBADF"],
        "status": {name: status[name] for name in ("CapEff", "CapPrm", "Seccomp", "NoNewPrivs", "Uid")},
        "environment": sorted(os.environ),
        "runtimes": sorted(os.listdir("/runtimes")),
        "everybody": attempt(os.kill, -1, signal.SIGKILL),
    }
"""


async def test_a_build_sees_nothing_but_its_tools(builds: Builds, server: Server) -> None:
    package = Path(codeactions.__file__).parent
    paths = ["/etc/shadow", "/etc/machine-id", str(package / "__init__.py"), str(package / "runtimes/build_worker.py")]
    paths += [str(path) for path in server.data_dir.rglob("*") if path.is_file()][:50]
    found = await builds.found(LOOKING, "\n".join(paths))
    assert set(found["files"].values()) <= {"ENOENT", "EACCES"}, found["files"]
    assert found["tmp"] == []
    assert found["pids"] == ["1"]
    assert found["descriptors"] == [0, 1, 2, 3, 4]
    assert found["status"]["CapEff"] == found["status"]["CapPrm"] == ["0" * 16]
    assert (found["status"]["Seccomp"], found["status"]["NoNewPrivs"]) == (["2"], ["1"])
    assert found["status"]["Uid"] == ["1000"] * 4
    assert set(found["environment"]) <= {"PATH", "HOME", "LANG", "TMPDIR", "USER", "LC_CTYPE", "CODEACTIONS_RUN_ID"}
    assert found["runtimes"] == ["bun", "go"]
    assert found["everybody"] == "ESRCH"


LEAVING = """
def Run(engine):
    for place in ("/tmp", "/dev/shm", "/var/tmp"):
        open(f"{place}/left-behind", "w").write("from another tenant's build")
    libc.shmget(0x41544B, 4096, 0o1666)
    sock = socket.socket(socket.AF_UNIX); sock.bind("\\0atk-build"); sock.listen()
    if os.fork() == 0:
        name_process("atk-build")
        time.sleep(600)
    return sorted(os.listdir("/tmp"))
"""
FINDING = """
def connects():
    with socket.socket(socket.AF_UNIX) as sock: sock.connect("\\0atk-build")

def Run(engine):
    return {"tmp": os.listdir("/tmp"), "shared memory": called(libc.shmget(0x41544B, 4096, 0)),
            "socket": attempt(connects), "pids": [name for name in os.listdir("/proc") if name.isdigit()]}
"""


async def test_nothing_of_a_build_is_left_for_the_next(builds: Builds) -> None:
    for _ in range(3):  # there are two slots
        assert await builds.found(LEAVING) == ["left-behind"]
        found = await builds.found(FINDING)
        assert found == {"tmp": [], "shared memory": "ENOENT", "socket": "ECONNREFUSED", "pids": ["1"]}


CONNECTING = """
def connects(host, port):
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as sock:
        sock.settimeout(2)
        sock.connect((host, port))

def Run(engine):
    import json
    return [attempt(connects, *target) for target in json.loads(engine.body)]
"""


async def test_a_build_has_no_network(builds: Builds) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        targets = [listener.getsockname(), ("169.254.169.254", 80), ("192.0.2.1", 443), ("::1", 80)]
        found = await builds.found(CONNECTING, json.dumps(targets))
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert set(found) <= {"ECONNREFUSED", "ENETUNREACH", "EADDRNOTAVAIL"}


async def test_the_kernel_is_as_far_away_as_in_a_run(builds: Builds) -> None:
    calls = FORBIDDEN | (FORBIDDEN_X86 if X86 else {})
    source = "def Run(engine):\n    return [syscall(int(number), 0, 0, 0, 0, 0, 0) for number in engine.body.split()]\n"
    found = await builds.found(source, " ".join(map(str, calls.values())))
    assert {name: got for name, got in zip(calls, found, strict=True) if got != "ENOSYS"} == {}


BOMBS = {
    "memory": ("kept = [bytearray(b'x') * (1 << 26) for _ in range(100)]", ErrorType.MEMORY),
    "processes": ("while True: os.fork() or time.sleep(600)", ErrorType.EXCEPTION),
    "files": ("open('/tmp/big', 'wb').write(bytes(600 << 20))", ErrorType.EXCEPTION),
}


@pytest.mark.parametrize("name", BOMBS)
async def test_what_a_build_may_use_is_bounded(builds: Builds, name: str) -> None:
    body, kind = BOMBS[name]
    outcome = await builds.run(f"def Run(engine):\n    {body}\n")
    assert outcome.error is not None
    assert outcome.error.type is kind, outcome.error
    assert await builds.found("def Run(engine):\n    return 1\n") == 1
