"""Zygotes that come and go while the launcher lives: their mounts, their failures, their ends."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from integration.test_sandbox_pool import (
    UNTIL_TOLD,
    acquire,
    config,
    ended,
    heard,
    launcher_of,
    run,
    runs_of,
    told,
    until,
    zygotes,
    zygotes_of,
)

from codeactions.domain.errors import Error, ErrorCode
from codeactions.domain.run import Outcome
from codeactions.runtimes.python import runtime as python
from codeactions.sandbox.config import LauncherConfig, ZygoteSpec
from codeactions.sandbox.server import launcher_process
from codeactions.sandbox.server import zygotes as zygotes_module
from codeactions.sandbox.server.pool import SandboxPool

__all__ = ["told"]  # a fixture

WORKER = python.find().zygote


@pytest_asyncio.fixture
async def pool() -> AsyncIterator[SandboxPool]:
    """Three slots, none of them kept warm, and a zygote of Python."""
    pool = SandboxPool(config())
    await pool.start()
    yield pool
    await pool.stop()


@pytest.fixture
def library(tmp_path: Path) -> Callable[..., str]:
    """Makes folders of the host with a file in them."""

    def make(name: str, content: str = "content") -> str:
        folder = tmp_path / name
        folder.mkdir(mode=0o755)
        (folder / "file").write_text(content)
        return str(folder)

    return make


@pytest.fixture
def module(tmp_path: Path) -> Callable[[str], dict[str, str]]:
    """Writes a zygote's module; returns the mount with which its zygote finds it as `own_module`."""

    def write(preload: str) -> dict[str, str]:
        file = tmp_path / "own_module.py"
        file.write_text(
            f"import os, signal, sys, time\nfrom codeactions.runtimes.python import worker\nrun = worker.run\n"
            f"def preload(limits, places):\n    {preload}\n    worker.preload(limits, places)\n"
        )
        return {f"{launcher_process._PACKAGE_PARENT}/own_module.py": str(file)}

    return write


async def returned(pool: SandboxPool, zygote: str, source: str) -> Any:
    """What `source` returns in a run of a zygote."""
    return answer(await run(await pool.acquire(zygote, 10.0, 10), source))


def answer(outcome: Outcome) -> Any:
    """What a run returned."""
    assert outcome.answer is not None, outcome.error
    return json.loads(outcome.answer.body)


async def refused(attempt: Any, code: ErrorCode = ErrorCode.INTERNAL) -> str:
    """The message of the error that an attempt ends with."""
    with pytest.raises(Error) as caught:
        await attempt
    assert caught.value.code is code
    return caught.value.message


LOOK = """
import os
def Run(engine):
    found = {"/libraries": sorted(os.listdir("/libraries")) if os.path.exists("/libraries") else None}
    for name in found["/libraries"] or ():
        found[name] = open(f"/libraries/{name}/file").read()
    return found
"""


async def test_each_zygotes_runs_see_its_own_mounts_and_no_others(
    pool: SandboxPool, library: Callable[..., str]
) -> None:
    one, other = library("one", "first"), library("other", "second")  # which the launcher has not seen at its start
    await pool.open_zygote(ZygoteSpec("one", WORKER, {"/libraries/a": one}))
    await pool.open_zygote(ZygoteSpec("other", WORKER, {"/libraries/b": other, "/libraries/c": one}))
    assert pool.ready_zygotes == {"python", "one", "other"}
    assert await returned(pool, "one", LOOK) == {"/libraries": ["a"], "a": "first"}
    assert await returned(pool, "other", LOOK) == {"/libraries": ["b", "c"], "b": "second", "c": "first"}
    assert await returned(pool, "python", LOOK) == {"/libraries": None}
    mounts = "def Run(engine):\n    return open('/proc/self/mountinfo').read()\n"
    for name in ("python", "other"):
        outcome = await run(await pool.acquire(name, 10.0, 10), mounts)
        assert outcome.answer is not None
        assert b"/libraries/a" not in outcome.answer.body


ATTACK = """
import os
def attempt(function, *arguments):
    try:
        function(*arguments)
    except OSError as error:
        return error.strerror
def Run(engine):
    flags = os.statvfs("/libraries/a").f_flag
    return {
        "write": attempt(open, "/libraries/a/file", "w"),
        "create": attempt(open, "/libraries/a/new", "w"),
        "beside": attempt(os.mkdir, "/libraries/b"),
        "remove": attempt(os.unlink, "/libraries/a/file"),
        "flags": [bool(flags & getattr(os, name)) for name in ("ST_RDONLY", "ST_NOSUID", "ST_NODEV")],
    }
"""


async def test_a_mount_cannot_be_written_and_has_no_devices_or_other_identities(
    pool: SandboxPool, library: Callable[..., str]
) -> None:
    folder = library("open to all")
    os.chmod(folder, 0o777)
    await pool.open_zygote(ZygoteSpec("one", WORKER, {"/libraries/a": folder}))
    assert await returned(pool, "one", ATTACK) == {
        **dict.fromkeys(("write", "create", "beside", "remove"), "Read-only file system"),
        "flags": [True, True, True],
    }


# The kernel locks them: a library that the zygote imports has the rights of the launcher's namespace.
@pytest.mark.parametrize(
    "attempt",
    [
        "syscalls.mount(b'none', b'/libraries/a', flags=0x20 | 0x1000)",  # MS_REMOUNT | MS_BIND: to be written
        "syscalls.unmount('/libraries/a')",
        "syscalls.mount(b'none', b'/', flags=0x20 | 0x1000)",
    ],
    ids=["writable", "away", "writable root"],
)
async def test_not_even_the_zygote_can_change_its_mounts(
    pool: SandboxPool, library: Callable[..., str], module: Callable[[str], dict[str, str]], attempt: str
) -> None:
    mounts = module(f"from codeactions.sandbox.inside import syscalls\n    {attempt}")
    spec = ZygoteSpec("hostile", "own_module", {**mounts, "/libraries/a": library("a")})
    message = await refused(pool.open_zygote(spec))
    assert "PermissionError" in message or "Invalid argument" in message


async def test_a_folder_that_goes_stays_mounted(pool: SandboxPool, library: Callable[..., str]) -> None:
    folder = library("short-lived")
    await pool.open_zygote(ZygoteSpec("one", WORKER, {"/libraries/a": folder}))
    os.rename(folder, f"{folder}-moved")
    assert await returned(pool, "one", LOOK) == {"/libraries": ["a"], "a": "content"}


FAILURES = {
    "raises": ("raise ValueError('no numpy here')", {"ValueError: no numpy here"}),
    "exits": ("sys.exit('enough')", {"SystemExit: enough"}),
    "exits at once": ("os._exit(3)", {"it ended with status 3"}),
    "is killed": ("os.kill(os.getpid(), signal.SIGKILL)", {"it was ended by signal 9"}),
    # It ends by itself, or by the launcher, which cannot hear it any more.
    "closes all": ("os.closerange(3, 1000)", {"it ended with status 0", "it was ended by signal 9"}),
    "imports in vain": ("import no_such_package", {"ModuleNotFoundError: No module named 'no_such_package'"}),
}


@pytest.mark.parametrize("how", FAILURES)
async def test_a_zygote_that_fails_is_an_error_of_its_own(
    pool: SandboxPool, module: Callable[[str], dict[str, str]], told: Path, how: str
) -> None:
    await pool.open_zygote(*zygotes("patient", mounts={"/told": str(told)}))
    running = asyncio.create_task(run(await pool.acquire("patient", 10.0, 10), UNTIL_TOLD))
    await heard(pool, "patient")
    preload, reasons = FAILURES[how]
    message = await refused(pool.open_zygote(ZygoteSpec("broken", "own_module", module(preload))))
    assert message.removeprefix("the broken zygote cannot start: ") in reasons
    assert await refused(pool.acquire("broken", 10.0, 10)) == "no broken zygote is open"
    (told / "end").touch()
    outcome = await running
    assert outcome.answer is not None
    assert outcome.answer.body == b"survived"
    assert pool.ready_zygotes == {"python", "patient"}
    assert pool.restarts == 0
    await pool.open_zygote(ZygoteSpec("broken", "own_module", module("pass")))  # its name is free again
    assert (await run(await pool.acquire("broken", 10.0, 10))).answer is not None


async def test_a_zygote_that_is_never_ready_is_given_up(
    pool: SandboxPool, module: Callable[[str], dict[str, str]]
) -> None:
    before = zygotes_of(pool)
    spec = ZygoteSpec("slow", "own_module", module("time.sleep(600)"), ready_seconds=0.5)
    assert await refused(pool.open_zygote(spec)) == "the slow zygote cannot start: it was not ready within 0.5 s"
    await until(lambda: zygotes_of(pool) == before)


async def test_a_mount_of_what_is_not_there_is_a_clear_error(pool: SandboxPool, tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    message = await refused(pool.open_zygote(ZygoteSpec("one", WORKER, {"/libraries/a": missing})))
    assert message.startswith("the one zygote cannot start: ")
    assert "No such file or directory" in message
    assert missing in message


@pytest.mark.parametrize("place", ["libraries", "/", "/libraries/../etc", "/libraries/", "//libraries", ""])
def test_a_place_that_is_none_is_refused(place: str) -> None:
    with pytest.raises(ValueError, match="no place for a mount"):
        ZygoteSpec("one", WORKER, {place: "/usr"})


def test_a_spec_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        zygotes("one")[0].module = "other"


async def test_opening_twice_and_closing_what_is_not_open_are_clear_errors(pool: SandboxPool) -> None:
    assert await refused(pool.open_zygote(*zygotes("python"))) == "a python zygote is open already"
    assert await refused(pool.close_zygote("none")) == "no none zygote is open"
    assert await refused(pool.acquire("none", 10.0, 10)) == "no none zygote is open"
    assert (await run(await acquire(pool))).answer is not None


async def test_closing_lets_runs_go_on_and_discards_what_is_warm(pool: SandboxPool, told: Path) -> None:
    await pool.open_zygote(*zygotes("one", mounts={"/told": str(told)}), warm=1)
    assert pool.warm == 1
    running = asyncio.create_task(run(await pool.acquire("one", 10.0, 10), UNTIL_TOLD))
    await until(lambda: pool.warm == 1)  # another one
    before = len(zygotes_of(pool))
    await pool.close_zygote("one")
    await until(lambda: len(zygotes_of(pool)) == before - 1)
    await until(lambda: len(runs_of(pool)) == 1)
    assert (pool.warm, pool.busy) == (0, 1)
    assert await refused(pool.acquire("one", 10.0, 10)) == "no one zygote is open"
    (told / "end").touch()
    outcome = await running
    assert outcome.answer is not None
    assert outcome.answer.body == b"survived"
    assert (await run(await acquire(pool))).answer is not None


# Asked for, on its way to the launcher, and not forked yet.
async def test_a_run_that_was_acquired_before_the_close_is_still_forked(pool: SandboxPool) -> None:
    await pool.open_zygote(*zygotes("one"))
    (mine,) = zygotes_of(pool)[1:]
    os.kill(mine, signal.SIGSTOP)
    sandbox = await pool.acquire("one", 10.0, 10)
    await heard(pool, "python")  # the launcher has passed it on
    await pool.close_zygote("one")
    os.kill(mine, signal.SIGCONT)
    assert (await run(sandbox)).answer is not None
    await until(lambda: mine not in zygotes_of(pool))


async def test_callers_that_wait_for_a_closed_zygote_get_an_error_and_others_their_slot(pool: SandboxPool) -> None:
    await pool.open_zygote(*zygotes("one"))
    held = [await acquire(pool) for _ in range(3)]
    mine = asyncio.create_task(pool.acquire("one", 10.0, 10))
    others = asyncio.create_task(acquire(pool))
    await until(lambda: pool.waiting == 2)
    await pool.close_zygote("one")
    assert await refused(mine) == "the one zygote was closed"
    held[0].kill()
    assert (await others).slot == held[0].slot


async def test_a_zygote_can_be_closed_while_it_starts(
    pool: SandboxPool, module: Callable[[str], dict[str, str]]
) -> None:
    before = zygotes_of(pool)
    opening = asyncio.create_task(pool.open_zygote(ZygoteSpec("slow", "own_module", module("time.sleep(600)"))))
    await until(lambda: len(zygotes_of(pool)) == len(before) + 1)
    waiting = asyncio.create_task(pool.acquire("slow", 10.0, 10))
    await until(lambda: pool.waiting == 1)
    await pool.close_zygote("slow")
    assert await refused(opening) == await refused(waiting) == "the slow zygote was closed"
    await until(lambda: zygotes_of(pool) == before)


async def test_an_opening_that_is_cancelled_leaves_no_zygote(
    pool: SandboxPool, module: Callable[[str], dict[str, str]]
) -> None:
    before = zygotes_of(pool)
    opening = asyncio.create_task(pool.open_zygote(ZygoteSpec("slow", "own_module", module("time.sleep(600)"))))
    await until(lambda: len(zygotes_of(pool)) == len(before) + 1)
    opening.cancel()
    await asyncio.wait([opening])
    await until(lambda: zygotes_of(pool) == before)
    await pool.open_zygote(ZygoteSpec("slow", "own_module", module("pass")))


# A caller of another zygote needs a slot and no more.
async def test_a_caller_that_waits_for_its_zygote_holds_up_no_other(
    pool: SandboxPool, module: Callable[[str], dict[str, str]]
) -> None:
    mounts = module("while not os.path.exists('/told/end'): time.sleep(0.01)")
    folder = Path(next(iter(mounts.values()))).parent
    folder.chmod(0o755)
    spec = ZygoteSpec("slow", "own_module", {**mounts, "/told": str(folder)})
    opening = asyncio.create_task(pool.open_zygote(spec))
    waiting = asyncio.create_task(pool.acquire("slow", 20.0, 0))
    await until(lambda: pool.waiting == 1)
    assert (await run(await acquire(pool, most_waiting=0))).answer is not None
    (folder / "end").touch()
    await opening
    assert (await run(await waiting)).answer is not None


class Delays:
    """Of no time at all, as many as are asked for; remembers the places of those."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def __len__(self) -> int:
        return 100

    def __getitem__(self, place: int) -> float:
        self.asked.append(place)
        return 0.0


async def test_a_zygote_that_cannot_be_replaced_is_tried_again_after_growing_pauses(
    pool: SandboxPool, module: Callable[[str], dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zygotes_module, "_RETRY_DELAYS", delays := Delays())
    await pool.open_zygote(ZygoteSpec("one", "own_module", module("pass")))
    assert delays.asked == []
    module("raise ValueError('spoilt')")
    os.kill(zygotes_of(pool)[1], signal.SIGKILL)
    await until(lambda: len(delays.asked) >= 4)
    assert delays.asked[:4] == [0, 1, 2, 3]
    message = await refused(pool.acquire("one", 10.0, 10), ErrorCode.BUSY)
    assert message == "the one zygote does not start: ValueError: spoilt; it is tried again"
    assert (await run(await acquire(pool))).answer is not None  # others are none the worse
    module("pass")
    await until(lambda: "one" in pool.ready_zygotes)
    assert (await run(await pool.acquire("one", 10.0, 10))).answer is not None
    delays.asked.clear()
    os.kill(zygotes_of(pool)[1], signal.SIGKILL)
    await until(lambda: delays.asked)
    assert delays.asked == [0]  # they begin anew
    assert pool.restarts == 0


async def test_a_zygote_that_is_closed_is_not_tried_again(
    pool: SandboxPool, module: Callable[[str], dict[str, str]]
) -> None:
    await pool.open_zygote(ZygoteSpec("one", "own_module", module("pass")))
    module("raise ValueError")
    before = len(zygotes_of(pool))
    os.kill(zygotes_of(pool)[1], signal.SIGKILL)
    await until(lambda: "one" not in pool.ready_zygotes)
    await pool.close_zygote("one")
    await until(lambda: len(zygotes_of(pool)) == before - 1)
    assert await refused(pool.acquire("one", 10.0, 10)) == "no one zygote is open"


async def test_callers_wait_while_a_dead_zygote_is_replaced(
    pool: SandboxPool, module: Callable[[str], dict[str, str]]
) -> None:
    await pool.open_zygote(ZygoteSpec("one", "own_module", module("pass")))
    os.kill(zygotes_of(pool)[1], signal.SIGKILL)
    await until(lambda: "one" not in pool.ready_zygotes)
    assert (await run(await pool.acquire("one", 10.0, 0))).answer is not None


async def test_a_new_launcher_gets_the_zygotes_that_were_opened(
    pool: SandboxPool, library: Callable[..., str], module: Callable[[str], dict[str, str]]
) -> None:
    await pool.open_zygote(ZygoteSpec("own", "own_module", module("pass")))
    await pool.open_zygote(ZygoteSpec("one", WORKER, {"/libraries/a": library("one")}), warm=1)
    await pool.open_zygote(*zygotes("closed"))
    await pool.close_zygote("closed")
    os.kill(launcher_of(pool), signal.SIGKILL)
    await until(lambda: pool.restarts == 1)
    assert await returned(pool, "one", LOOK) == {"/libraries": ["a"], "a": "content"}
    await until(lambda: pool.ready_zygotes == {"python", "own", "one"} and pool.warm == 1)
    assert len(zygotes_of(pool)) == 3


async def test_a_zygote_that_starts_when_the_launcher_dies_is_an_error(
    pool: SandboxPool, module: Callable[[str], dict[str, str]]
) -> None:
    spec = ZygoteSpec("slow", "own_module", module("time.sleep(600)"))
    opening = asyncio.create_task(pool.open_zygote(spec))
    await until(lambda: len(zygotes_of(pool)) == 2)
    os.kill(launcher_of(pool), signal.SIGKILL)
    assert await refused(opening) == "the slow zygote cannot start: the sandbox launcher died"
    assert "being replaced" in await refused(pool.open_zygote(spec), ErrorCode.BUSY)
    await until(lambda: pool.ready_zygotes == {"python"})


# A module's own fault is told, although its file is out of the zygote's sight.
async def test_why_a_module_cannot_be_imported_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "faulty_module.py").write_text("import no_such_package\n")
    add = f"import sys; sys.path.append({str(tmp_path)!r}); "
    monkeypatch.setattr(launcher_process, "_PROGRAM", add + launcher_process._PROGRAM)
    pool = SandboxPool(config(modules=["faulty_module"]))
    await pool.start()
    try:
        message = await refused(pool.open_zygote(ZygoteSpec("one", "faulty_module")))
        assert message == "the one zygote cannot start: ModuleNotFoundError: No module named 'no_such_package'"
    finally:
        await pool.stop()


# The configuration of a new launcher has to fit into one message, however much its zygotes mount.
def test_what_a_launcher_is_told_at_its_start_does_not_grow_with_the_zygotes() -> None:
    many = [ZygoteSpec(f"{number}", WORKER, {f"/libraries/{number}": "/x" * 500}) for number in range(1000)]
    told = config(zygotes=many).to_json()
    assert len(told) < 10_000
    assert LauncherConfig.from_json(told).modules == (WORKER,)


def resources(pool: SandboxPool) -> dict[str, Any]:
    """The processes below the launcher's supervisor, and the descriptors and mounts of server, supervisor, launcher."""
    assert pool.launcher_pid is not None
    supervisor, launcher = Path(f"/proc/{pool.launcher_pid}"), Path(f"/proc/{launcher_of(pool)}")
    children = [
        (process / "task" / process.name / "children").read_text().split() for process in (supervisor, launcher)
    ]
    found: dict[str, Any] = {"children": children}
    for name, process in (("server", Path("/proc/self")), ("supervisor", supervisor), ("launcher", launcher)):
        found[f"descriptors of {name}"] = sorted(path.name for path in (process / "fd").iterdir())
        found[f"mounts of {name}"] = (process / "mountinfo").read_text()
    return found


async def test_zygotes_that_come_and_go_leave_nothing(pool: SandboxPool, library: Callable[..., str]) -> None:
    spec = ZygoteSpec("one", WORKER, {"/libraries/a": library("one")})
    await heard(pool, "python")
    before = resources(pool)
    for number in range(50):
        await pool.open_zygote(spec, warm=number % 2)
        if number % 10 == 0:
            assert await returned(pool, "one", LOOK) == {"/libraries": ["a"], "a": "content"}
        await pool.close_zygote("one")
    await until(lambda: resources(pool) == before)
    assert pool.restarts == 0


async def test_zygotes_that_fail_leave_nothing(
    pool: SandboxPool, module: Callable[[str], dict[str, str]], tmp_path: Path
) -> None:
    # The child of a zygote that dies becomes the launcher's.
    broken = ZygoteSpec("broken", "own_module", module("os.fork() or time.sleep(600)\n    raise ValueError"))
    missing = ZygoteSpec("missing", WORKER, {"/libraries/a": str(tmp_path / "missing")})
    await heard(pool, "python")
    before = resources(pool)
    for _ in range(5):
        await refused(pool.open_zygote(broken))
        await refused(pool.open_zygote(missing))
    await until(lambda: resources(pool) == before)


async def test_without_isolation_zygotes_come_and_go_as_well(library: Callable[..., str]) -> None:
    pool = SandboxPool(config(insecure=True, exposed=(), hidden=()))
    await pool.start()
    try:
        await pool.open_zygote(ZygoteSpec("one", WORKER, {"/libraries/a": library("one")}))
        assert (await run(await pool.acquire("one", 10.0, 10))).answer is not None
        assert await refused(pool.open_zygote(ZygoteSpec("broken", "this"))) == (
            "the broken zygote cannot start: AttributeError: module 'this' has no attribute 'preload'"
        )
        await pool.close_zygote("one")
        await refused(pool.acquire("one", 10.0, 10))
        assert (await run(await acquire(pool))).answer is not None
        assert pool.restarts == 0
    finally:
        await pool.stop()


# The launcher finds two things at once: that a zygote has ended, and the name of a run that another has just forked.
STRAYS = """
import json, os, signal, socket, subprocess
from codeactions.sandbox import channel
from codeactions.sandbox.config import LauncherConfig
from codeactions.sandbox.inside.cgroups import SlotGroup
from codeactions.sandbox.inside.isolation import Slot
from codeactions.sandbox.inside.launcher import Launcher
from codeactions.sandbox.inside.zygote_process import ZygoteProcess

sleepers = {name: subprocess.Popen(["sleep", "600"]) for name in ("gone", "other", "run", "stray")}
server, news = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
supervisor, _ = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
launcher = Launcher(server, supervisor, LauncherConfig(slots=1), [Slot(0, 0, SlotGroup())])
ends = []
for number, name in enumerate(("gone", "other")):
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    zygote = launcher._zygotes[number] = ZygoteProcess(number, sleepers[name].pid, ours)
    launcher._selector.register(ours, 1, None)
    zygote.ready = True
    ends.append(theirs)
launcher._zygotes[1].ask(0, 7, ())
channel.send(ends[1], {"slot": 0, "run": 7, "pid": sleepers["run"].pid})
sleepers["gone"].kill()
_, status = os.waitpid(sleepers["gone"].pid, 0)
launcher._on_zygote_reaped(launcher._zygotes[0], status)
assert sleepers["stray"].wait(10) == -signal.SIGKILL
print(json.dumps([sleepers["other"].poll(), sleepers["run"].poll(), channel.receive(news)[0]]))
for name in ("other", "run"):
    sleepers[name].kill()
    sleepers[name].wait()
"""


def test_a_zygotes_end_takes_its_strays_with_it_and_no_run_of_another() -> None:
    done = subprocess.run([sys.executable, "-c", STRAYS], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    other, its_run, news = json.loads(done.stdout)
    assert (other, its_run) == (None, None)
    assert news == {"zygote": 0, "state": "ended", "why": "it was ended by signal 9"}


async def test_a_killed_run_of_a_closed_zygote_frees_its_slot(pool: SandboxPool) -> None:
    await pool.open_zygote(*zygotes("one"))
    sandboxes = [await pool.acquire("one", 10.0, 10) for _ in range(3)]
    await pool.close_zygote("one")
    for sandbox in sandboxes:
        sandbox.kill()
        await ended(sandbox)
        sandbox.close()
    assert [sandbox.slot for sandbox in [await acquire(pool) for _ in range(3)]] != []
    assert pool.busy == 3
