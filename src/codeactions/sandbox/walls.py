"""How one run is walled in: what its process does between its birth and the first byte it reads.

Order matters. What needs power over the zygote's namespaces (cgroup, mounts, identity) comes first, then the
run's own user namespace, which owns nothing, then the loss of every capability, then the filter. Nothing that
a user supplied is looked at before all of it is done.
"""

import fcntl
import os
import resource
import signal

from codeactions.sandbox import seccomp, syscalls
from codeactions.sandbox.cgroups import SlotGroup
from codeactions.sandbox.config import Limits
from codeactions.sandbox.rootfs import RUN_UID

# The pipe a run reads its job from, and the one it answers on; 0, 1, 2 are /dev/null and the two output pipes.
JOB_FD = 3
FRAMES_FD = 4
_NAMESPACES = syscalls.CLONE_NEWPID | syscalls.CLONE_NEWNS | syscalls.CLONE_NEWIPC | syscalls.CLONE_NEWUTS
_MEGABYTE = 1024 * 1024


class Slot:
    """What one run at a time owns.

    uid: the slot's user id as the launcher sees it; its own on the host as well when started as root.
    network: file descriptor of the slot's network namespace, in which only loopback exists; -1 for none.
    """

    __slots__ = ("group", "index", "network", "uid")

    def __init__(self, index: int, uid: int, group: SlotGroup) -> None:
        self.index = index
        self.uid = uid
        self.network = -1
        self.group = group


def fork(slot: Slot, walls: bool) -> int:
    """Fork a run: 0 in the run, which then has to `enter`; its pid in the caller, the zygote.

    The new process is the launcher's child, not the zygote's, so that one process reaps every run.
    """
    if not walls:
        return syscalls.clone(syscalls.CLONE_PARENT)
    syscalls.setns(slot.network, syscalls.CLONE_NEWNET)
    return syscalls.clone(syscalls.CLONE_PARENT | _NAMESPACES, slot.group.folder)


def enter(slot: Slot, limits: Limits, walls: bool) -> None:
    """Wall the calling process, newly forked, in. Raises `OSError`: then it has to end."""
    if walls:
        _enter(slot, limits)
    else:
        _enter_unwalled(slot, limits)


def wire(stdout: int, stderr: int, job: int, frames: int, open_files: int) -> None:
    """Put a run's descriptors where it expects them, close every other one, and bound how many it may open."""
    null = os.open("/dev/null", os.O_RDONLY)
    # Above the places first: a descriptor that is to be moved may sit where another has to go.
    sources = [fcntl.fcntl(fd, fcntl.F_DUPFD, FRAMES_FD + 1) for fd in (null, stdout, stderr, job, frames)]
    for place, fd in enumerate(sources):
        os.dup2(fd, place)
    syscalls.close_from(FRAMES_FD + 1)
    _lower(resource.RLIMIT_NOFILE, open_files)


def _enter(slot: Slot, limits: Limits) -> None:
    slot.group.enter()
    options = f"size={limits.tmp_bytes},nr_inodes={max(1024, limits.tmp_bytes // 4096)},mode=1777"
    syscalls.mount("tmpfs", "/tmp", "tmpfs", syscalls.MS_NOSUID | syscalls.MS_NODEV, options)
    # The launcher's /proc, where the maps of the namespace to come can be written.
    self_folder = os.open("/proc/self", os.O_PATH | os.O_DIRECTORY)
    # Only processes: what /proc tells of the host (its load, interrupts, modules) is nobody's business here.
    # Read-only: a run could otherwise take back that it is the first to go when the host is out of memory.
    flags = syscalls.MS_RDONLY | syscalls.MS_NOSUID | syscalls.MS_NODEV | syscalls.MS_NOEXEC
    syscalls.mount("proc", "/proc", "proc", flags, "subset=pid")
    syscalls.set_hostname("sandbox")
    _become(slot.uid, self_folder)
    _set_rlimits(limits, by_rlimit_alone=not slot.group.join and slot.group.folder < 0)
    syscalls.drop_capabilities()
    syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)
    syscalls.install_filter(seccomp.program())
    os.chdir("/tmp")


def _become(uid: int, self_folder: int) -> None:
    """Take the slot's identity, then a user namespace in which it is `RUN_UID` and which owns nothing."""
    if uid:  # 0: the launcher itself has but one id, the server's
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
        # A change of identity makes /proc/self root's; the maps below could not be written.
        syscalls.prctl(syscalls.PR_SET_DUMPABLE, 1)
    syscalls.unshare(syscalls.CLONE_NEWUSER)
    for name, text in (("setgroups", "deny"), ("uid_map", f"{RUN_UID} {uid} 1"), ("gid_map", f"{RUN_UID} {uid} 1")):
        fd = os.open(name, os.O_WRONLY, dir_fd=self_folder)
        os.write(fd, text.encode())
        os.close(fd)


def _set_rlimits(limits: Limits, *, by_rlimit_alone: bool) -> None:
    values = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: limits.tmp_bytes,
        resource.RLIMIT_MEMLOCK: _MEGABYTE,
        resource.RLIMIT_MSGQUEUE: _MEGABYTE,
        resource.RLIMIT_SIGPENDING: 1024,
        # Counted in the run's own user namespace (Linux 5.14), so it is the run's alone.
        resource.RLIMIT_NPROC: limits.processes,
    }
    if by_rlimit_alone:
        values[resource.RLIMIT_DATA] = limits.memory_bytes
    for kind, value in values.items():
        _lower(kind, value)


def _lower(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (value, value))


def _enter_unwalled(slot: Slot, limits: Limits) -> None:
    """`--insecure-no-sandbox`: a process group of its own and rlimits, no wall at all."""
    os.setsid()
    slot.group.enter()
    _set_rlimits(limits, by_rlimit_alone=not slot.group.join)
    syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
