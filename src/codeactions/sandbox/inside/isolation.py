"""Isolation of one run: what its process does between its birth and the first byte it reads.

Order matters. What needs power over the zygote's namespaces (cgroup, mounts, identity) comes first, then the
run's own user namespace, which owns nothing, then the loss of every capability, then the filter. Nothing that
a user supplied is looked at before all of it is done.
"""

import fcntl
import os
import resource
import signal

from codeactions.sandbox.config import Limits
from codeactions.sandbox.descriptors import PROGRAM_FD
from codeactions.sandbox.inside import seccomp, syscalls
from codeactions.sandbox.inside.cgroups import SlotGroup
from codeactions.sandbox.inside.rootfs import RUN_UID, SLOT_DEVICES

_RUN_FLAGS = (
    syscalls.CLONE_PARENT | syscalls.CLONE_NEWPID | syscalls.CLONE_NEWNS | syscalls.CLONE_NEWIPC | syscalls.CLONE_NEWUTS
)
_TMP_FLAGS = syscalls.MS_NOSUID | syscalls.MS_NODEV
_PROC_FLAGS = syscalls.MS_RDONLY | syscalls.MS_NOSUID | syscalls.MS_NODEV | syscalls.MS_NOEXEC
_MEGABYTE = 1024 * 1024


class Slot:
    """The resources that one run at a time owns.

    uid: the slot's user id as the launcher sees it; its own on the host as well when started as root.
    network: file descriptor of the slot's network namespace, in which only loopback exists; -1 for none.
    """

    __slots__ = ("devices", "group", "id_map", "index", "network", "uid")

    def __init__(self, index: int, uid: int, group: SlotGroup) -> None:
        self.devices = f"{SLOT_DEVICES}/{index}".encode()
        self.id_map = f"{RUN_UID} {uid} 1".encode()
        self.index = index
        self.uid = uid
        self.network = -1
        self.group = group


class Isolation:
    """The isolation of a zygote's runs: prepared once, completed by each run.

    What can be inherited is set in the zygote, and what a run needs to hand to the kernel is made there too: each
    page of memory that a new process is the first to write costs it about 4 µs, more than most system calls.
    """

    def __init__(self, limits: Limits, *, isolated: bool, locks_answered: bool = False, data_bytes: int = 0) -> None:
        """isolated=False (`--insecure-no-sandbox`): a process group of its own and rlimits, no more.

        locks_answered: whether something answers what runs ask about locks (lock_answers.py).
        data_bytes: what comes on top of the memory limit where only an rlimit, which counts reservations, enforces it.
        """
        self._limits = limits
        self._data_bytes = limits.memory_bytes + data_bytes
        self._isolated = isolated
        inodes = max(1024, limits.tmp_bytes // 4096)
        self._tmp_options = f"size={limits.tmp_bytes},nr_inodes={inodes},mode=1777".encode()
        self._filter = syscalls.Filter(seccomp.program(locks_answered=locks_answered)) if isolated else None

    def prepare(self) -> None:
        """Limit the zygote itself as far as its runs inherit it."""
        values = {
            resource.RLIMIT_CORE: 0,
            resource.RLIMIT_FSIZE: self._limits.tmp_bytes,
            resource.RLIMIT_MEMLOCK: _MEGABYTE,
            resource.RLIMIT_MSGQUEUE: _MEGABYTE,
            resource.RLIMIT_SIGPENDING: 1024,
        }
        for kind, value in values.items():
            _lower(kind, value)

    def fork(self, slot: Slot) -> int:
        """Fork a run: 0 in the run, which then has to `enter` its slot; its pid in the caller, the zygote.

        The new process is the launcher's child, not the zygote's, so that one process reaps every run.
        """
        if not self._isolated:
            return syscalls.clone(syscalls.CLONE_PARENT, slot.group.folder)
        syscalls.setns(slot.network, syscalls.CLONE_NEWNET)
        return syscalls.clone(_RUN_FLAGS, slot.group.folder)

    def enter(self, slot: Slot) -> None:
        """Isolate the calling process, newly forked, in its slot. Raises `OSError`: then it has to end."""
        slot.group.enter()
        if self._isolated:
            self._isolate(slot)
        else:
            os.setsid()
            syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
        # Counted in the run's own user namespace (Linux 5.14), so it is the run's alone.
        _lower(resource.RLIMIT_NPROC, self._limits.processes)
        if not slot.group.limits_memory:
            _lower(resource.RLIMIT_DATA, self._data_bytes)
        if self._filter is not None:
            syscalls.drop_capabilities()
            syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)
            self._filter.install()

    def _isolate(self, slot: Slot) -> None:
        """Take own files, own processes, own groups, the slot's identity, then a user namespace that owns nothing."""
        syscalls.mount(b"tmpfs", b"/tmp", b"tmpfs", _TMP_FLAGS, self._tmp_options)
        # The zygote's /proc, where the maps of the namespace to come can be written.
        own = os.open("/proc/self", os.O_PATH | os.O_DIRECTORY)
        # Only processes: what /proc tells of the host (its load, interrupts, modules) is no business of a run's.
        # Read-only: a run could otherwise take back that it is the first to go when the host is out of memory.
        syscalls.mount(b"proc", b"/proc", b"proc", _PROC_FLAGS, b"subset=pid")
        # Its root is the slot's group, or /proc/self/cgroup would tell where on the host the server is. Not before the
        # run is in that group, and not together with the user namespace below, which would then own it.
        syscalls.unshare(syscalls.CLONE_NEWCGROUP)
        if slot.uid:  # 0: the launcher itself has but one id, the server's
            syscalls.mount(slot.devices, b"/dev", flags=syscalls.MS_BIND)
            os.setgroups(())
            os.setresgid(slot.uid, slot.uid, slot.uid)
            os.setresuid(slot.uid, slot.uid, slot.uid)
            # A change of identity makes /proc/self root's; the maps could not be written.
            syscalls.prctl(syscalls.PR_SET_DUMPABLE, 1)
        syscalls.unshare(syscalls.CLONE_NEWUSER)
        for name, text in (("setgroups", b"deny"), ("uid_map", slot.id_map), ("gid_map", slot.id_map)):
            fd = os.open(name, os.O_WRONLY, dir_fd=own)
            os.write(fd, text)
            os.close(fd)
        os.chdir("/tmp")


def wire(descriptors: list[int], open_files: int) -> None:
    """Put a run's descriptors where it expects them, close every other one, and bound how many it may open.

    descriptors: stdout, stderr, job, frames and, for some, the program; descriptors.py has their numbers.
    """
    null = os.open("/dev/null", os.O_RDONLY)
    # Above the places first: a descriptor that is to be moved may sit where another has to go.
    sources = [fcntl.fcntl(fd, fcntl.F_DUPFD, PROGRAM_FD + 1) for fd in (null, *descriptors)]
    for place, fd in enumerate(sources):
        os.dup2(fd, place)
    syscalls.close_from(len(sources))
    _lower(resource.RLIMIT_NOFILE, open_files)


def _lower(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (value, value))
