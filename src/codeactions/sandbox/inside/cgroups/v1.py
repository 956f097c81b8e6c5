"""Groups of cgroup v1, where each controller has a hierarchy of its own."""

from __future__ import annotations

import contextlib
import os

from codeactions.sandbox.inside.cgroups.tree import SlotGroup, open_peak, open_to_write, write

TYPE_CHECKING = False  # as in typing, which is too large to import here
if TYPE_CHECKING:
    from codeactions.sandbox.config import Limits
    from codeactions.sandbox.inside.cgroups.tree import CgroupTree

# All runs of a node together weigh as a quarter of one ordinary process against the server and the database: these
# have little to do, and a call waits for it. Measured: docs/performance.md.
_CPU_SHARES = 256


def create(tree: CgroupTree, folders: dict[str, str], limits: Limits, slots: int) -> None:
    """Make the groups of a tree. `folders`: by controller, where this process is. Raises `OSError`."""
    wanted = [name for name in ("memory", "pids", "cpu") if name in folders]
    tree.slots += (SlotGroup() for _ in range(slots))
    for controller in wanted:
        root = tree.make_root(folders[controller])
        if controller == "cpu":  # one group for all runs: it bounds what they take together
            write(f"{root}/cpu.shares", _CPU_SHARES)
            shared = open_to_write(f"{root}/tasks")
            for group in tree.slots:
                group.join += (shared,)
            continue
        for index, group in enumerate(tree.slots):
            folder = f"{root}/slot-{index}"
            os.mkdir(folder)
            if controller == "memory":
                write(f"{folder}/memory.limit_in_bytes", limits.memory_bytes)
                with contextlib.suppress(FileNotFoundError):  # a kernel that does not account swap
                    write(f"{folder}/memory.memsw.limit_in_bytes", limits.memory_bytes)
                group.limits_memory = True
                group.events = os.open(f"{folder}/memory.oom_control", os.O_RDONLY | os.O_CLOEXEC)
                group.peak = open_peak(f"{folder}/memory.max_usage_in_bytes")
            else:
                write(f"{folder}/pids.max", limits.processes)
            group.join += (open_to_write(f"{folder}/tasks"),)
    tree.version, tree.controllers = "v1", tuple(wanted)
