"""The launcher's outer half: does what needs the host's privileges, then waits to clean up.

Started by the server as a fresh interpreter with a scrubbed environment and one socket. It makes the cgroups
and the file system, gives birth to the launcher in namespaces of its own, and removes the cgroups when the
launcher is gone, however it ended.
"""

import contextlib
import importlib
import os
import resource
import signal
import socket
import sys

from codeactions.sandbox import channel
from codeactions.sandbox.config import LauncherConfig, Level
from codeactions.sandbox.inside import cgroups, rootfs, syscalls
from codeactions.sandbox.inside.isolation import Slot
from codeactions.sandbox.inside.launcher import Launcher

_UID_BASE = 2_000_000_000  # above what hosts give to people, services and containers
# Not its own cgroups: the launcher's group and the slots' lie side by side, and where the host mounts cgroup v2 with
# `nsdelegate`, as systemd does, nothing is put into a group outside one's namespace. Runs get one each (isolation.py).
_LAUNCHER_NAMESPACES = (
    syscalls.CLONE_NEWUSER
    | syscalls.CLONE_NEWPID
    | syscalls.CLONE_NEWNS
    | syscalls.CLONE_NEWIPC
    | syscalls.CLONE_NEWUTS
    | syscalls.CLONE_NEWNET
)


def main(descriptor: int) -> None:
    """Entry point of the process. Reads a `LauncherConfig` from the socket `descriptor`."""
    server = socket.socket(fileno=descriptor)
    server.set_inheritable(False)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the server alone says when to end
    try:
        _serve(server, LauncherConfig.from_json(server.recv(65536)))
    except channel.Closed:
        pass
    except (OSError, ImportError) as error:
        with contextlib.suppress(channel.Closed):
            channel.send(server, {"fatal": str(error)})


def _serve(server: socket.socket, config: LauncherConfig) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    sys.path.extend(config.modules_in)
    for module in (*config.zygotes.values(), *config.modules):
        importlib.import_module(module)  # now, while its file can still be seen
    as_root = os.geteuid() == 0
    tree = cgroups.create(config.limits, config.slots)
    try:
        if config.insecure:
            pid = os.fork()
            if pid == 0:
                _launch(server, config, tree, own_uid=True)
        else:
            pid = _fork_walled(server, config, tree, as_root)
        server.close()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)
    finally:
        tree.remove()


def _fork_walled(server: socket.socket, config: LauncherConfig, tree: cgroups.CgroupTree, as_root: bool) -> int:
    base = None
    if as_root:
        base = _free_uids(config.slots + 1)
        mapping = f"0 {base} {config.slots + 1}"
        cgroups.hand_over(tree, base)
    else:
        _become_namespace_root()
        mapping = "0 0 1"
    rootfs.enter(config.exposed, config.hidden, config.mounts, owner=base, slots=config.slots)
    told, tell = os.pipe()
    pid = syscalls.clone(_LAUNCHER_NAMESPACES)
    if pid == 0:
        os.close(tell)
        os.read(told, 1)  # until the maps are written
        os.close(told)
        _launch(server, config, tree, own_uid=not as_root)
    os.close(told)
    cgroups.enter_launcher_group(tree, pid)
    try:
        if not as_root:
            _write(f"/proc/{pid}/setgroups", "deny")
        for name in ("uid_map", "gid_map"):
            _write(f"/proc/{pid}/{name}", mapping)
    except OSError:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise
    os.write(tell, b"1")
    os.close(tell)
    return pid


def _launch(server: socket.socket, config: LauncherConfig, tree: cgroups.CgroupTree, *, own_uid: bool) -> None:
    """Be the launcher, and never return."""
    try:
        groups = tree.slots or [cgroups.SlotGroup() for _ in range(config.slots)]
        slots = [Slot(index, 0 if own_uid else index + 1, group) for index, group in enumerate(groups)]
        if not config.insecure:
            if not own_uid:
                os.setgroups([])
            os.setresgid(0, 0, 0)
            os.setresuid(0, 0, 0)
            flags = syscalls.MS_NOSUID | syscalls.MS_NODEV | syscalls.MS_NOEXEC
            syscalls.mount(b"proc", b"/proc", b"proc", flags)
            syscalls.set_hostname("sandbox")  # which every run's uts namespace begins with
            for slot in slots:
                slot.network = _new_network()
            syscalls.unshare(syscalls.CLONE_NEWNET)  # the launcher itself is in no slot's
        syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
        level = Level(
            namespaces=not config.insecure,
            seccomp=not config.insecure,
            cgroup=tree.version,
            controllers=tree.controllers,
            host_uids="own" if own_uid else "per slot",
        )
        channel.send(server, {"ready": level.to_object(), "cgroup_reason": tree.reason})
        Launcher(server, config, slots).serve()
    except channel.Closed:
        pass
    except OSError as error:
        with contextlib.suppress(channel.Closed):
            channel.send(server, {"fatal": str(error)})
    finally:
        os._exit(0)


def _new_network() -> int:
    """A network namespace in which only loopback exists and is up, as a descriptor."""
    syscalls.unshare(syscalls.CLONE_NEWNET)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        syscalls.bring_up(sock.fileno(), "lo")
    return os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def _become_namespace_root() -> None:
    """Without root: a user namespace in which this process may mount, mapped to its own id."""
    uid, gid = os.geteuid(), os.getegid()
    syscalls.unshare(syscalls.CLONE_NEWUSER)
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"0 {uid} 1")
    _write("/proc/self/gid_map", f"0 {gid} 1")


def _free_uids(count: int) -> int:
    """The first of `count` user ids that this process may map and that belong to nobody."""
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


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)
