"""What the server's processes take: at rest, and for one run more."""

import threading
import time
from dataclasses import dataclass

from bench.processes import BenchError
from bench.server import Server
from bench.smaps import children, command_line, private, rollup


@dataclass(frozen=True, slots=True)
class Size:
    """Bytes. PSS shares a page among those who map it, RSS counts it for each."""

    pss: int
    rss: int


@dataclass(frozen=True, slots=True)
class Processes:
    """The processes of a server, by their part in it."""

    server: int
    guard: int
    launcher: int
    zygote: int
    sandboxes: tuple[int, ...]  # warm ones and runs
    postgres: tuple[int, ...]


def find(pid: int) -> Processes:
    """Look for the processes of the server `pid`. Raises `BenchError`."""
    own = children(pid)
    guards = [child for child in own if any("codeactions.sandbox.guard" in part for part in command_line(child))]
    postmasters = [child for child in own if command_line(child)[:1] and "postgres" in command_line(child)[0]]
    launchers = [child for guard in guards for child in children(guard)]
    if len(launchers) != 1 or len(postmasters) != 1:
        raise BenchError("the server's launcher or its database cannot be found among its children")
    zygote, *sandboxes = children(launchers[0])  # the zygote is the launcher's first child
    postgres = (postmasters[0], *children(postmasters[0]))
    return Processes(pid, guards[0], launchers[0], zygote, tuple(sandboxes), postgres)


def idle(server: Server) -> dict[str, Size]:
    """What each part takes now; `together` is the server, both halves of the launcher and the first zygote."""
    found = find(server.pid)
    parts = {
        "server": [found.server],
        "launcher, outer half": [found.guard],
        "launcher, inner half": [found.launcher],
        "first zygote": [found.zygote],
        "together": [found.server, found.guard, found.launcher, found.zygote],
        f"{len(found.sandboxes)} warm sandboxes": list(found.sandboxes),
        f"PostgreSQL, {len(found.postgres)} processes, the peers' connections too": list(found.postgres),
    }
    return {name: _size(pids) for name, pids in parts.items()}


def _size(pids: list[int]) -> Size:
    sizes = [rollup(pid) for pid in pids]
    return Size(sum(size["Pss"] for size in sizes), sum(size["Rss"] for size in sizes))


def of_a_run(server: Server, code_id: str) -> int:
    """Private bytes of a run in the middle of its second of sleep."""
    right: list[bool] = []
    call = threading.Thread(target=lambda: right.append(server.call(code_id, "sleeper")))
    call.start()
    try:
        time.sleep(0.6)
        sizes = [private(pid) for pid in find(server.pid).sandboxes]
    finally:
        call.join()
    if right != [True]:
        raise BenchError("a run that sleeps answered wrongly")
    return max(sizes)  # the run: warm sandboxes, which wait, are no larger
