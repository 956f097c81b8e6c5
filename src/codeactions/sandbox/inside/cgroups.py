"""Control groups of the slots: memory, process and CPU limits that hold whatever a run does.

Both versions are spoken, because hosts differ (cgroups(7)). A group tree belongs to one launcher and is held
by a lock on its folder; whoever starts next removes trees that nobody holds, so a `kill -9` leaves none behind.
"""

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Iterator

from codeactions.sandbox.config import Limits

_PREFIX = "codeactions-"
# All runs of a node together weigh as a quarter of one ordinary process against the server and the database: these
# have little to do, and a call waits for it. Measured: docs/performance.md.
_CPU_SHARES_V1 = 256
_CPU_WEIGHT_V2 = 25
# Where a group's own processes go (v2). Nothing else is called that: the group above it is then surely one that a
# launcher before this one divided, and not an administrator's that we have no business in.
_LEAF = "codeactions.server"
_MOST_MOVES = 10
_PATIENCE = 5.0  # seconds for another launcher to make its groups, which takes milliseconds


class SlotGroup:
    """The groups of one slot, as file descriptors that work from inside the walls.

    join: files to which a process writes "0" to move itself in (v1).
    folder: the group's folder, for clone3 (v2), else -1.
    limits_memory: whether memory is among what the group limits; if not, an rlimit has to do.
    """

    __slots__ = ("_seen_kills", "events", "folder", "join", "limits_memory", "peak")

    def __init__(self, folder: int = -1) -> None:
        self.join: tuple[int, ...] = ()
        self.folder = folder
        self.limits_memory = False
        self.events = -1
        self.peak = -1
        self._seen_kills = 0

    def enter(self) -> None:
        """Move the calling process in. It must have one thread.

        `tasks` and not `cgroup.procs`: moving oneself as a thread skips the kernel's global lock.
        """
        for fd in self.join:
            os.write(fd, b"0")

    def new_memory_kills(self) -> int:
        """How many processes the kernel killed for memory since this was last asked."""
        if self.events < 0:
            return 0
        for line in os.pread(self.events, 4096, 0).split(b"\n"):
            if line.startswith(b"oom_kill "):
                total = int(line[9:])
                new, self._seen_kills = total - self._seen_kills, total
                return new
        return 0

    def take_peak(self) -> int | None:
        """The most memory in use since this was last asked, in bytes; None where the host does not tell."""
        if self.peak < 0:
            return None
        peak = int(os.pread(self.peak, 32, 0))
        with contextlib.suppress(OSError):
            os.pwrite(self.peak, b"0", 0)
        return peak


class CgroupTree:
    """All groups of one launcher; without any, `reason` says why."""

    def __init__(self, reason: str = "") -> None:
        self.version = "none"
        self.controllers: tuple[str, ...] = ()
        self.slots: list[SlotGroup] = []
        self.reason = reason
        self._roots: list[tuple[int, str, int]] = []  # parent folder fd, name, own locked fd

    def remove(self) -> None:
        """Delete every group. Works after pivot_root, since it goes by folder descriptors. Never raises."""
        for parent, name, own in self._roots:
            _remove_children(own)
            with contextlib.suppress(OSError):
                os.rmdir(name, dir_fd=parent)
            os.close(own)
            os.close(parent)
        self._roots.clear()


def create(limits: Limits, slots: int) -> CgroupTree:
    """Make the groups, or an empty tree whose `reason` says why this host gives none."""
    tree = CgroupTree()
    try:
        folders = controller_folders()
        if "unified" in folders and not {"memory", "pids"} & set(folders):
            _create_v2(tree, folders["unified"], limits, slots)
        elif {"memory", "pids"} & set(folders):
            _create_v1(tree, folders, limits, slots)
        else:
            tree.reason = "no cgroup file system is mounted"
    except OSError as error:
        tree.remove()
        return CgroupTree(reason=f"{error.strerror}: {error.filename}" if error.filename else str(error))
    return tree


def controller_folders() -> dict[str, str]:
    """Where this process is in each hierarchy: controller name (or `unified`) → its folder."""
    own: dict[str, str] = {}
    for line in _read("/proc/self/cgroup").splitlines():
        _, names, path = line.split(":", 2)
        for name in names.split(",") if names else ["unified"]:
            own[name] = path
    found: dict[str, str] = {}
    for line in _read("/proc/self/mountinfo").splitlines():
        before, _, after = line.partition(" - ")
        _, _, _, root, point = before.split()[:5]
        kind, _, options = after.split()[:3]
        for name in ["unified"] if kind == "cgroup2" else options.split(",") if kind == "cgroup" else []:
            if name in own and name not in found:
                # Inside a container the mount may show only a part of the hierarchy (its root field).
                inside = os.path.relpath(own[name], root) if own[name].startswith(root) else "."
                found[name] = os.path.normpath(os.path.join(point, inside))
    return found


def _create_v1(tree: CgroupTree, folders: dict[str, str], limits: Limits, slots: int) -> None:
    wanted = [name for name in ("memory", "pids", "cpu") if name in folders]
    groups = [SlotGroup() for _ in range(slots)]
    name = _PREFIX + os.urandom(6).hex()
    for controller in wanted:
        root = _make_root(tree, folders[controller], name)
        if controller == "cpu":  # one group for all runs: it bounds what they take together
            _write(f"{root}/cpu.shares", _CPU_SHARES_V1)
            shared = _open_to_write(f"{root}/tasks")
            for group in groups:
                group.join += (shared,)
            continue
        for index, group in enumerate(groups):
            folder = f"{root}/slot-{index}"
            os.mkdir(folder)
            if controller == "memory":
                _write(f"{folder}/memory.limit_in_bytes", limits.memory_bytes)
                with contextlib.suppress(FileNotFoundError):  # a kernel that does not account swap
                    _write(f"{folder}/memory.memsw.limit_in_bytes", limits.memory_bytes)
                group.limits_memory = True
                group.events = os.open(f"{folder}/memory.oom_control", os.O_RDONLY | os.O_CLOEXEC)
                group.peak = _open_peak(f"{folder}/memory.max_usage_in_bytes")
            else:
                _write(f"{folder}/pids.max", limits.processes)
            group.join += (_open_to_write(f"{folder}/tasks"),)
    tree.version, tree.controllers, tree.slots = "v1", tuple(wanted), groups


def _create_v2(tree: CgroupTree, own: str, limits: Limits, slots: int) -> None:
    if os.path.basename(own) == _LEAF:  # where an earlier launcher has put us: groups belong next to it, not below
        own = os.path.dirname(own)
    root = _make_root(tree, own, _PREFIX + os.urandom(6).hex())
    offered = set(_read(f"{own}/cgroup.controllers").split())
    wanted = [name for name in ("memory", "pids", "cpu") if name in offered]
    switch = " ".join(f"+{name}" for name in wanted)
    _divide(own, switch)
    _divide(root, switch)
    if "cpu" in wanted:
        _write(f"{root}/cpu.weight", _CPU_WEIGHT_V2)
    os.mkdir(f"{root}/launcher")
    groups = []
    for index in range(slots):
        folder = f"{root}/slot-{index}"
        os.mkdir(folder)
        group = SlotGroup(folder=_open_folder(folder))
        if "memory" in wanted:
            _write(f"{folder}/memory.max", limits.memory_bytes)
            with contextlib.suppress(FileNotFoundError):  # a kernel without swap
                _write(f"{folder}/memory.swap.max", 0)
            _write(f"{folder}/memory.oom.group", 1)
            group.limits_memory = True
            group.events = os.open(f"{folder}/memory.events", os.O_RDONLY | os.O_CLOEXEC)
            group.peak = _open_peak(f"{folder}/memory.peak")
        if "pids" in wanted:
            _write(f"{folder}/pids.max", limits.processes)
        groups.append(group)
    tree.version, tree.controllers, tree.slots = "v2", tuple(wanted), groups


def hand_over(tree: CgroupTree, uid: int) -> None:
    """Let the launcher, which runs as `uid`, put its children into the slots' groups (v2).

    clone3 asks for write permission on the group and on the nearest common ancestor: the tree's root,
    so the launcher itself must live in the tree as well.
    """
    if tree.version != "v2":
        return  # v1 goes by the descriptors' opener
    for _, _, own in tree._roots:
        for name in (".", "cgroup.procs", "launcher", "launcher/cgroup.procs"):
            os.chown(name, uid, -1, dir_fd=own)
    for slot in tree.slots:
        for name in (".", "cgroup.procs"):
            os.chown(name, uid, -1, dir_fd=slot.folder)


def enter_launcher_group(tree: CgroupTree, pid: int) -> None:
    """Put the launcher into its own group of the tree (v2); call it in the parent, which still may."""
    if tree.version == "v2":
        for _, _, own in tree._roots:
            _write_at(own, "launcher/cgroup.procs", pid)


def _make_root(tree: CgroupTree, parent: str, name: str) -> str:
    root = f"{parent}/{name}"
    with _alone_in(parent):  # between mkdir and its own lock another launcher would think it stale
        _remove_stale(parent)
        os.mkdir(root)
        own = _open_folder(root)
        fcntl.flock(own, fcntl.LOCK_EX)
    tree._roots.append((_open_folder(parent), name, own))
    return root


@contextlib.contextmanager
def _alone_in(parent: str) -> Iterator[None]:
    """Keep other launchers from making groups in a folder at the same time.

    Whoever can read it can lock it, so it is not waited for without end: two at the same time are the smaller evil.
    """
    folder = _open_folder(parent)
    try:
        deadline = time.monotonic() + _PATIENCE
        while not _locked(folder) and time.monotonic() < deadline:
            time.sleep(0.01)
        yield
    finally:
        os.close(folder)


def _locked(folder: int) -> bool:
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _open_folder(path: str) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def _remove_stale(parent: str) -> None:
    for name in os.listdir(parent):
        if not name.startswith(_PREFIX):
            continue
        folder = f"{parent}/{name}"
        with contextlib.suppress(OSError):  # held by a living launcher, or removed by another one meanwhile
            own = _open_folder(folder)
            try:
                fcntl.flock(own, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove_children(own)
                os.rmdir(folder)
            finally:
                os.close(own)


def _remove_children(folder: int) -> None:
    for name in os.listdir(folder):
        if name.startswith("slot-") or name == "launcher":
            with contextlib.suppress(OSError):
                os.rmdir(name, dir_fd=folder)


def _divide(folder: str, switch: str) -> None:
    """Let the groups below a folder have controllers (v2)."""
    for moves_left in reversed(range(_MOST_MOVES)):
        try:
            _write(f"{folder}/cgroup.subtree_control", switch)
            return
        except OSError as error:
            if error.errno != errno.EBUSY or not moves_left:
                raise
        # A group with processes of its own can have none below it; again, for those that were forked meanwhile.
        _move_to_leaf(folder)


def _open_peak(path: str) -> int:
    """The file of a group's peak; -1 unless it can be set back, or a run would be given an earlier run's peak."""
    try:
        peak = os.open(path, os.O_RDWR | os.O_CLOEXEC)  # since Linux 5.19; writable since 6.12
    except OSError:
        return -1
    try:
        os.pwrite(peak, b"0", 0)
    except OSError:
        os.close(peak)
        return -1
    return peak


def _move_to_leaf(own: str) -> None:
    leaf = f"{own}/{_LEAF}"
    os.makedirs(leaf, exist_ok=True)
    for pid in _read(f"{own}/cgroup.procs").split():
        with contextlib.suppress(ProcessLookupError):
            _write(f"{leaf}/cgroup.procs", pid)


def _read(path: str) -> str:
    with open(path) as file:
        return file.read()


def _open_to_write(path: str) -> int:
    return os.open(path, os.O_WRONLY | os.O_CLOEXEC)


def _write(path: str, value: int | str) -> None:
    with open(path, "w") as file:
        file.write(str(value))


def _write_at(folder: int, name: str, value: int) -> None:
    fd = os.open(name, os.O_WRONLY | os.O_CLOEXEC, dir_fd=folder)
    try:
        os.write(fd, str(value).encode())
    finally:
        os.close(fd)
