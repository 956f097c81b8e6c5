"""The memory of the server's processes: at rest, and for one more run."""

import contextlib
import threading
import time
from dataclasses import dataclass

from bench.processes import BenchError
from bench.server import Server
from bench.smaps import children, command_line, pid_namespaces, private, rollup

LANGUAGES = ("python", "javascript", "go")  # the default setting, whose order is that in which the zygotes start


@dataclass(frozen=True, slots=True)
class Size:
    """Bytes of memory. PSS divides a page by the number of processes that map it; RSS counts it for each."""

    pss: int
    rss: int


@dataclass(frozen=True, slots=True)
class Launcher:
    """A launcher and the processes below it."""

    supervisor: int
    inner: int
    zygotes: tuple[int, ...]  # in the order of their start
    sandboxes: tuple[int, ...]  # warm sandboxes and runs, or builds


@dataclass(frozen=True, slots=True)
class Processes:
    """The processes of a server, by their role."""

    server: int
    runs: Launcher
    builds: Launcher
    postgres: tuple[int, ...]

    @property
    def zygotes(self) -> dict[str, int]:
        """The process that each language forks its runs from, by the language's name."""
        return dict(zip(LANGUAGES, self.runs.zygotes, strict=True))

    def sandboxes(self, language: str) -> list[int]:
        """Return the warm sandboxes and runs of a language.

        The process name tells Bun's apart: all others are forks of a zygote and keep its name.
        """
        bun = {pid for pid in self.runs.sandboxes if command_line(pid)[0:1] == ["bun"]}
        return [pid for pid in self.runs.sandboxes if (pid in bun) == (language == "javascript")]


def find(pid: int) -> Processes:
    """Find the processes of the server with the process id `pid`. Raises `BenchError`."""
    own = children(pid)
    supervisors = [
        child for child in own if any("codeactions.sandbox.inside.supervisor" in part for part in command_line(child))
    ]
    postmasters = [child for child in own if command_line(child)[:1] and "postgres" in command_line(child)[0]]
    if len(supervisors) != 2 or len(postmasters) != 1:
        raise BenchError("the server's launchers or its database cannot be found among its children")
    runs, builds = (_below(supervisor) for supervisor in supervisors)  # in the order of their start
    if (len(runs.zygotes), len(builds.zygotes)) != (len(LANGUAGES), 1):
        raise BenchError("the server does not have the zygotes that it should have")
    return Processes(pid, runs, builds, (postmasters[0], *children(postmasters[0])))


def _below(supervisor: int) -> Launcher:
    launchers = children(supervisor)
    if len(launchers) != 1:
        raise BenchError("a launcher cannot be found below its supervisor")
    zygotes: list[int] = []
    sandboxes: list[int] = []
    level = pid_namespaces(launchers[0])
    for child in children(launchers[0]):
        # A zygote is in the pid namespace of the launcher. A sandbox has its own, below that one.
        (zygotes if pid_namespaces(child) == level else sandboxes).append(child)
    return Launcher(supervisor, launchers[0], tuple(zygotes), tuple(sandboxes))


def idle(server: Server) -> dict[str, Size]:
    """Measure the memory of each part now.

    `together` sums up the parts that every server has at rest: server, launchers and zygotes.
    """
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
        # A run, or a worker of PostgreSQL, may have ended.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            sizes.append(rollup(pid))
    return Size(sum(size.get("Pss", 0) for size in sizes), sum(size.get("Rss", 0) for size in sizes))


def of_a_run(server: Server, code_id: str) -> int:
    """Measure the private bytes of a Python run in the middle of its second of sleep."""
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
    return max(sizes)  # the run; the warm sandboxes that wait are no larger
