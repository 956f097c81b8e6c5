"""Memory and family of processes, as the kernel reports them in /proc."""

import contextlib
from pathlib import Path


def rollup(pid: int | str) -> dict[str, int]:
    """Read `/proc/PID/smaps_rollup`. Returns bytes by name, such as Rss, Pss, Private_Clean and Anonymous."""
    sizes = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, value, _ = line.split(maxsplit=2)
        sizes[name.rstrip(":")] = int(value) * 1024
    return sizes


def private(pid: int) -> int:
    """Return the bytes that only this process maps."""
    sizes = rollup(pid)
    return sizes["Private_Clean"] + sizes["Private_Dirty"]


def children(pid: int) -> list[int]:
    """Return the process ids of the living children of a process, the oldest first."""
    found: list[tuple[int, int]] = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            # After the name in parentheses: state, parent, …, and the start time as the 20th.
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if int(fields[1]) == pid and fields[0] != "Z":
                found.append((int(fields[19]), int(entry.name)))
    return [child for _, child in sorted(found)]


def pid_namespaces(pid: int) -> int:
    """Return the number of nested pid namespaces that a process is in; 0 if it has ended."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("NSpid:"):
                return len(line.split()) - 1
    return 0


def command_line(pid: int) -> list[str]:
    """Return the arguments of a process; empty if it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace").split("\0")
    except OSError:
        return []
