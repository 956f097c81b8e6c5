"""Groups of cgroup v2: one hierarchy, in which only groups without processes of their own can be divided."""

from __future__ import annotations

import contextlib
import errno
import os

from codeactions.sandbox.inside.cgroups.tree import SlotGroup, open_folder, open_peak, read, write, write_at

TYPE_CHECKING = False  # as in typing, which is too large to import here
if TYPE_CHECKING:
    from codeactions.sandbox.config import Limits
    from codeactions.sandbox.inside.cgroups.tree import CgroupTree

_CPU_WEIGHT = 25  # the same against the rest of the host as v1's shares
# The group that a group's own processes are moved to. No other is called that: the group above it is then surely one
# that a launcher before this one divided, and not an administrator's.
_LEAF = "codeactions.server"
_MOST_MOVES = 10


def create(tree: CgroupTree, own: str, limits: Limits, slots: int) -> None:
    """Make the groups of a tree. `own`: folder of the group that this process is in. Raises `OSError`."""
    if os.path.basename(own) == _LEAF:  # where an earlier launcher has put us: groups belong next to it, not below
        own = os.path.dirname(own)
    root = tree.make_root(own)
    offered = set(read(f"{own}/cgroup.controllers").split())
    wanted = [name for name in ("memory", "pids", "cpu") if name in offered]
    switch = " ".join(f"+{name}" for name in wanted)
    _divide(own, switch)
    _divide(root, switch)
    if "cpu" in wanted:
        write(f"{root}/cpu.weight", _CPU_WEIGHT)
    os.mkdir(f"{root}/launcher")
    for index in range(slots):
        folder = f"{root}/slot-{index}"
        os.mkdir(folder)
        group = SlotGroup(folder=open_folder(folder))
        tree.slots.append(group)
        if "memory" in wanted:
            write(f"{folder}/memory.max", limits.memory_bytes)
            with contextlib.suppress(FileNotFoundError):  # a kernel without swap
                write(f"{folder}/memory.swap.max", 0)
            write(f"{folder}/memory.oom.group", 1)
            group.limits_memory = True
            group.events = os.open(f"{folder}/memory.events", os.O_RDONLY | os.O_CLOEXEC)
            group.peak = open_peak(f"{folder}/memory.peak")
        if "pids" in wanted:
            write(f"{folder}/pids.max", limits.processes)
    tree.version, tree.controllers = "v2", tuple(wanted)


def hand_over(tree: CgroupTree, uid: int) -> None:
    """Let the launcher, which runs as `uid`, put its children into the slots' groups.

    clone3 asks for write permission on the group and on the nearest common ancestor: the tree's root,
    so the launcher itself must live in the tree as well.
    """
    for _, _, own in tree.roots:
        for name in (".", "cgroup.procs", "launcher", "launcher/cgroup.procs"):
            os.chown(name, uid, -1, dir_fd=own)
    for slot in tree.slots:
        for name in (".", "cgroup.procs"):
            os.chown(name, uid, -1, dir_fd=slot.folder)


def enter_launcher_group(tree: CgroupTree, pid: int) -> None:
    """Put the launcher into its own group of the tree; call it in the parent, which still may."""
    for _, _, own in tree.roots:
        write_at(own, "launcher/cgroup.procs", pid)


def _divide(folder: str, switch: str) -> None:
    """Let the groups below a folder have controllers."""
    for moves_left in reversed(range(_MOST_MOVES)):
        try:
            write(f"{folder}/cgroup.subtree_control", switch)
            return
        except OSError as error:
            if error.errno != errno.EBUSY or not moves_left:
                raise
        # A group with processes of its own can have none below it; again, for those that were forked meanwhile.
        _move_to_leaf(folder)


def _move_to_leaf(own: str) -> None:
    leaf = f"{own}/{_LEAF}"
    os.makedirs(leaf, exist_ok=True)
    for pid in read(f"{own}/cgroup.procs").split():
        with contextlib.suppress(ProcessLookupError):
            write(f"{leaf}/cgroup.procs", pid)
