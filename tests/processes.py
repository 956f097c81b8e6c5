"""The parts of a running server as the host sees them, for tests that kill or count them."""

from dataclasses import dataclass
from pathlib import Path

from harness import Server, children_of, is_alive, wait_until


@dataclass(frozen=True)
class Parts:
    """Process ids. `runs` are the launcher's children that are no zygote: warm sandboxes and runs."""

    supervisor: int
    launcher: int
    zygotes: list[int]
    runs: list[int]
    postmaster: int | None

    @property
    def zygote(self) -> int:
        """The first, of a server that has one language, or of builds."""
        return self.zygotes[0]


def command_of(pid: int) -> str:
    """A process's command line; empty for one that is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def parts_of(server: Server, *, builds: bool = False) -> Parts:
    """Look them up by who is whose child. `builds`: of the second launcher, which builds."""
    direct = _children(server.pid)
    supervisor = [pid for pid in direct if "inside.supervisor" in command_of(pid)][1 if builds else 0]
    postmaster = next((pid for pid in direct if "postgres" in command_of(pid)), None)
    (launcher,) = _children(supervisor)
    below = _children(launcher)
    namespace = _namespace(launcher)
    zygotes = [pid for pid in below if _namespace(pid) == namespace]
    if not zygotes:
        raise IndexError("there is no zygote yet")
    return Parts(supervisor, launcher, zygotes, [pid for pid in below if pid not in zygotes], postmaster)


def wait_for_parts(server: Server, *, builds: bool = False) -> Parts:
    """The same, once they are all there (again)."""

    def look() -> Parts | None:
        try:
            return parts_of(server, builds=builds)
        except (StopIteration, ValueError, IndexError, OSError):
            return None

    found = wait_until(look, 20, "every part of the server being there")
    assert isinstance(found, Parts)
    return found


def wait_until_gone(pids: list[int], seconds: float = 15.0) -> None:
    """Fail unless every process ends in time."""
    wait_until(lambda: not [pid for pid in pids if is_alive(pid)], seconds, f"the end of processes {pids}")


def everything_of(server: Server) -> list[int]:
    """The server and every process below it."""
    return [server.pid, *children_of(server.pid)]


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(child) for child in (task / "children").read_text().split()]
    return found


def _namespace(pid: int) -> str:
    """The pid namespace a process is in."""
    return str(Path(f"/proc/{pid}/ns/pid").readlink())
