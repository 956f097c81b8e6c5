"""What the server's processes take: at rest, and for one run more."""

import contextlib
import threading
import time
from dataclasses import dataclass

from bench.processes import BenchError
from bench.server import Server
from bench.smaps import children, command_line, pid_namespaces, private, rollup

LANGUAGES = ("python", "javascript", "go")  # as the server has them by default: so are the zygotes started


@dataclass(frozen=True, slots=True)
class Size:
    """Bytes. PSS shares a page among those who map it, RSS counts it for each."""

    pss: int
    rss: int


@dataclass(frozen=True, slots=True)
class Launcher:
    """A launcher and what is below it."""

    supervisor: int
    inner: int
    zygotes: tuple[int, ...]  # in the order of their start
    sandboxes: tuple[int, ...]  # warm ones and runs, or builds


@dataclass(frozen=True, slots=True)
class Processes:
    """The processes of a server, by their part in it."""

    server: int
    runs: Launcher
    builds: Launcher
    postgres: tuple[int, ...]

    @property
    def zygotes(self) -> dict[str, int]:
        """By language, the process that its runs are forked from."""
        return dict(zip(LANGUAGES, self.runs.zygotes, strict=True))

    def sandboxes(self, language: str) -> list[int]:
        """Warm ones and runs. Bun's are told by their name, which the others, forks of a zygote, have not."""
        bun = {pid for pid in self.runs.sandboxes if command_line(pid)[0:1] == ["bun"]}
        return [pid for pid in self.runs.sandboxes if (pid in bun) == (language == "javascript")]


def find(pid: int) -> Processes:
    """Look for the processes of the server `pid`. Raises `BenchError`."""
    own = children(pid)
    supervisors = [
        child for child in own if any("codeactions.sandbox.inside.supervisor" in part for part in command_line(child))
    ]
    postmasters = [child for child in own if command_line(child)[:1] and "postgres" in command_line(child)[0]]
    if len(supervisors) != 2 or len(postmasters) != 1:
        raise BenchError("the server's launchers or its database cannot be found among its children")
    runs, builds = (_below(supervisor) for supervisor in supervisors)  # in the order of their start
    if (len(runs.zygotes), len(builds.zygotes)) != (len(LANGUAGES), 1):
        raise BenchError("the server has not the zygotes that it should have")
    return Processes(pid, runs, builds, (postmasters[0], *children(postmasters[0])))


def _below(supervisor: int) -> Launcher:
    launchers = children(supervisor)
    if len(launchers) != 1:
        raise BenchError("a launcher cannot be found below its supervisor")
    zygotes: list[int] = []
    sandboxes: list[int] = []
    level = pid_namespaces(launchers[0])
    for child in children(launchers[0]):
        # A zygote is in the launcher's own namespace, a sandbox in one of its own below that.
        (zygotes if pid_namespaces(child) == level else sandboxes).append(child)
    return Launcher(supervisor, launchers[0], tuple(zygotes), tuple(sandboxes))


def idle(server: Server) -> dict[str, Size]:
    """What each part takes now; `together` is all that is there whatever is called: server, launchers, zygotes."""
    found = find(server.pid)
    parts = {
        "server": [found.server],
        "supervisor of runs": [found.runs.supervisor],
        "launcher of runs, inner half": [found.runs.inner],
        **{f"zygote of {language}": [pid] for language, pid in found.zygotes.items()},
        "supervisor of builds": [found.builds.supervisor],
        "launcher of builds, inner half": [found.builds.inner],
        "zygote of builds": list(found.builds.zygotes),
    }
    parts["together"] = [pid for pids in parts.values() for pid in pids]
    for language in ("python", "javascript"):
        warm = found.sandboxes(language)
        parts[f"warm sandboxes of {language}: {len(warm)}"] = warm
    parts[f"PostgreSQL, {len(found.postgres)} processes, the peers' connections too"] = list(found.postgres)
    return {name: _size(pids) for name, pids in parts.items()}


def _size(pids: list[int]) -> Size:
    sizes = []
    for pid in pids:
        with contextlib.suppress(
            FileNotFoundError, ProcessLookupError
        ):  # a run, or a worker of PostgreSQL, that is over
            sizes.append(rollup(pid))
    return Size(sum(size.get("Pss", 0) for size in sizes), sum(size.get("Rss", 0) for size in sizes))


def of_a_run(server: Server, code_id: str) -> int:
    """Private bytes of a Python run in the middle of its second of sleep."""
    right: list[bool] = []
    call = threading.Thread(target=lambda: right.append(server.call(code_id, "sleeper")))
    call.start()
    try:
        time.sleep(0.6)
        sizes = [private(pid) for pid in find(server.pid).sandboxes("python")]
    finally:
        call.join()
    if right != [True]:
        raise BenchError("a run that sleeps answered wrongly")
    return max(sizes)  # the run: warm sandboxes, which wait, are no larger
