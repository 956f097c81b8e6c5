"""The launcher's birth: out of the supervisor, into namespaces, identity and root of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import socket

from codeactions.sandbox import channel
from codeactions.sandbox.config import LauncherConfig, Level
from codeactions.sandbox.inside import cgroups, rootfs, syscalls
from codeactions.sandbox.inside.isolation import Slot
from codeactions.sandbox.inside.launcher import Launcher
from codeactions.sandbox.inside.lock_answers import LockAnswers

TYPE_CHECKING = False  # as in typing, which is too large to import here
if TYPE_CHECKING:
    from typing import NoReturn

_UID_BASE = 2_000_000_000  # above what hosts give to people, services and containers
# Not its own cgroups: the launcher's group and the slots' lie side by side, and where the host mounts cgroup v2 with
# `nsdelegate`, as systemd does, nothing is put into a group outside one's namespace. Runs get one each (isolation.py).
# Its mount namespace comes from the supervisor, as those of zygotes do.
_NAMESPACES = (
    syscalls.CLONE_NEWUSER
    | syscalls.CLONE_NEWPID
    | syscalls.CLONE_NEWIPC
    | syscalls.CLONE_NEWUTS
    | syscalls.CLONE_NEWNET
)


class Sockets:
    """The sockets of a supervisor and its launcher, before each keeps its own.

    The supervisor's: `control`, from the server, and `to_launcher`. The launcher's: `server` and `from_supervisor`.
    """

    __slots__ = ("control", "from_supervisor", "server", "to_launcher")

    def __init__(self, control: socket.socket, server: socket.socket) -> None:
        self.control = control
        self.server = server
        self.to_launcher, self.from_supervisor = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def keep_supervisors(self) -> None:
        """Close the launcher's, in the supervisor."""
        self.server.close()
        self.from_supervisor.close()

    def keep_launchers(self) -> None:
        """Close the supervisor's, in the launcher."""
        self.control.close()
        self.to_launcher.close()


def fork_insecure(sockets: Sockets, config: LauncherConfig, tree: cgroups.CgroupTree) -> int:
    """Fork a launcher that isolates nothing; returns its process id."""
    pid = os.fork()
    if pid == 0:
        _launch(sockets, config, tree, own_uid=True)
    return pid


def fork_isolated(
    sockets: Sockets, config: LauncherConfig, tree: cgroups.CgroupTree, owner: int | None
) -> tuple[int, int]:
    """Fork the launcher into its namespaces; returns its process id and a descriptor of its user namespace.

    `owner` is the first of `free_uids`, or None without root. The launcher waits for its root, which the caller has to
    send as the first message. Raises `OSError`.
    """
    mapping = "0 0 1" if owner is None else f"0 {owner} {config.slots + 1}"
    told, tell = os.pipe()
    pid = syscalls.clone(_NAMESPACES)
    if pid == 0:
        os.close(tell)
        os.read(told, 1)  # until the maps are written
        os.close(told)
        _launch(sockets, config, tree, own_uid=owner is None)
    os.close(told)
    try:
        cgroups.enter_launcher_group(tree, pid)
        if owner is None:
            _write(f"/proc/{pid}/setgroups", "deny")
        for name in ("uid_map", "gid_map"):
            _write(f"/proc/{pid}/{name}", mapping)
        # Before it changes its identity: an ordinary user could not look at it any more.
        user_namespace = os.open(f"/proc/{pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise
    os.write(tell, b"1")
    os.close(tell)
    return pid, user_namespace


def become_namespace_root() -> None:
    """Enter, without root, a user namespace in which this process may mount, mapped to its own id."""
    uid, gid = os.geteuid(), os.getegid()
    syscalls.unshare(syscalls.CLONE_NEWUSER)
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"0 {uid} 1")
    _write("/proc/self/gid_map", f"0 {gid} 1")


def free_uids(count: int) -> int:
    """Return the first of `count` user ids that this process may map and that no user of the host has."""
    ranges = []
    with open("/proc/self/uid_map") as file:
        for line in file:
            inside, _, length = map(int, line.split())
            if inside <= _UID_BASE and _UID_BASE + count <= inside + length:
                return _UID_BASE
            ranges.append((length, inside))
    # In a container with few ids: the top of its largest range.
    length, inside = max(ranges)
    return inside + max(1, length - count)


def _launch(sockets: Sockets, config: LauncherConfig, tree: cgroups.CgroupTree, *, own_uid: bool) -> NoReturn:
    """Be the launcher, and never return."""
    server, from_supervisor = sockets.server, sockets.from_supervisor
    try:
        sockets.keep_launchers()
        groups = tree.slots or [cgroups.SlotGroup() for _ in range(config.slots)]
        slots = [Slot(index, 0 if own_uid else index + 1, group) for index, group in enumerate(groups)]
        locks = None
        if not config.insecure:
            _isolate(from_supervisor, slots, own_uid=own_uid)
            with contextlib.suppress(OSError):  # a container's own filter may have no room for ours
                locks = LockAnswers()
        syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
        level = Level(
            namespaces=not config.insecure,
            seccomp=not config.insecure,
            cgroup=tree.version,
            controllers=tree.controllers,
            host_uids="own" if own_uid else "per slot",
        )
        channel.send(server, {"ready": level.to_object(), "cgroup_reason": tree.reason})
        Launcher(server, from_supervisor, config, slots, locks).serve()
    except channel.Closed:
        pass
    except OSError as error:
        with contextlib.suppress(channel.Closed):
            channel.send(server, {"fatal": str(error)})
    finally:
        os._exit(0)


def _isolate(from_supervisor: socket.socket, slots: list[Slot], *, own_uid: bool) -> None:
    """Take the root that the supervisor sends, the identity of the user namespace's root, and the slots' networks."""
    message, descriptors = channel.receive(from_supervisor)
    if "failed" in message:
        raise OSError(message["failed"])
    if not own_uid:
        os.setgroups([])
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    if not descriptors:
        raise channel.no_room()
    (root,) = descriptors
    rootfs.enter(root)
    os.close(root)
    syscalls.set_hostname("sandbox")  # which every run's uts namespace begins with
    for slot in slots:
        slot.network = _new_network()
    syscalls.unshare(syscalls.CLONE_NEWNET)  # the launcher itself is in no slot's


def _new_network() -> int:
    """Return a descriptor of a network namespace in which only loopback exists and is up."""
    syscalls.unshare(syscalls.CLONE_NEWNET)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        syscalls.bring_up(sock.fileno(), "lo")
    return os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)
