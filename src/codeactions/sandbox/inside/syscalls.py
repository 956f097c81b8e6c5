"""System calls that Python's `os` does not offer (3.11), through libc.

Every function raises `OSError` with the call's errno. Constants are from the kernel's uapi headers.
"""

import ctypes
import errno
import fcntl
import os
import signal
import struct

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
CLONE_NEWCGROUP = 0x02000000
CLONE_PARENT = 0x00008000
CLONE_CHILD_CLEARTID = 0x00200000
CLONE_CHILD_SETTID = 0x01000000
CLONE_INTO_CGROUP = 0x200000000

MS_RDONLY = 0x1
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_NOEXEC = 0x8
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 0x40000
MNT_DETACH = 2

MOUNT_ATTR_RDONLY = 0x1
MOUNT_ATTR_NOSUID = 0x2
MOUNT_ATTR_NODEV = 0x4
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 0x1
_AT_RECURSIVE = 0x8000
_AT_FDCWD = -100

PR_SET_PDEATHSIG = 1
PR_GET_DUMPABLE = 3
PR_SET_DUMPABLE = 4
PR_SET_SECCOMP = 22
PR_SET_NO_NEW_PRIVS = 38
PR_GET_TID_ADDRESS = 40
SECCOMP_MODE_FILTER = 2
_SECCOMP_SET_MODE_FILTER = 1
_SECCOMP_FILTER_FLAG_NEW_LISTENER = 0x8
_SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV = 0x20

ARCHITECTURE = os.uname().machine
_NUMBERS = {
    "x86_64": {"capset": 126, "clone": 56, "pivot_root": 155, "seccomp": 317},
    "aarch64": {"capset": 91, "clone": 220, "pivot_root": 41, "seccomp": 277},
}.get(ARCHITECTURE, {})
_COMMON_NUMBERS = {"clone3": 435, "close_range": 436, "pidfd_getfd": 438, "mount_setattr": 442}

_libc = ctypes.CDLL(None, use_errno=True)
# The GIL must not be given away between clone() returning in the child and PyOS_AfterFork_Child.
_libc_holding_gil = ctypes.PyDLL(None, use_errno=True)
_before_fork = ctypes.pythonapi.PyOS_BeforeFork
_after_fork_parent = ctypes.pythonapi.PyOS_AfterFork_Parent
_after_fork_child = ctypes.pythonapi.PyOS_AfterFork_Child
for _function in (_before_fork, _after_fork_parent, _after_fork_child):
    _function.restype = None
_libc.syscall.restype = ctypes.c_long
_libc_holding_gil.syscall.restype = ctypes.c_long


def _number(name: str) -> int:
    if name in _COMMON_NUMBERS:
        return _COMMON_NUMBERS[name]
    try:
        return _NUMBERS[name]
    except KeyError:
        raise OSError(38, f"the sandbox does not know the system calls of {ARCHITECTURE}") from None


def _checked(result: int, call: str, path: str | None = None) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}", path)
    return result


def _long(value: int) -> ctypes.c_long:
    return ctypes.c_long(value)


def _tid_address() -> int:
    """Return where glibc keeps this thread's id.

    A raw clone() leaves the parent's id there, which breaks raise() and the owner of recursive
    mutexes in the child; told the address, the kernel writes the right one, as it does for fork().
    """
    address = ctypes.c_void_p()
    if _libc.prctl(PR_GET_TID_ADDRESS, ctypes.byref(address), 0, 0, 0) < 0:
        return 0  # a kernel without CONFIG_CHECKPOINT_RESTORE: only raise() and abort() suffer
    return address.value or 0


_TID_ADDRESS = _tid_address()


class _CloneArgs(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_uint64)
        for name in (
            "flags",
            "pidfd",
            "child_tid",
            "parent_tid",
            "exit_signal",
            "stack",
            "stack_size",
            "tls",
            "set_tid",
            "set_tid_size",
            "cgroup",
        )
    ]


def clone(flags: int, cgroup_fd: int = -1) -> int:
    """Fork into new namespaces, as `os.fork()` does: 0 in the child, its pid (as the caller sees it) in the parent.

    With `cgroup_fd` (a cgroup v2 folder) the child is born in that cgroup: moving it there afterwards
    would wait for a grace period of the kernel's thread-group lock. The caller must have one thread.
    """
    if _TID_ADDRESS:
        flags |= CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID
    _before_fork()
    if cgroup_fd >= 0:
        arguments = _CloneArgs(
            flags=flags | CLONE_INTO_CGROUP,
            child_tid=_TID_ADDRESS,
            # clone3 insists on none with CLONE_PARENT: the child then has its parent's
            exit_signal=0 if flags & CLONE_PARENT else signal.SIGCHLD,
            cgroup=cgroup_fd,
        )
        pid = _libc_holding_gil.syscall(
            _long(_number("clone3")), ctypes.byref(arguments), _long(ctypes.sizeof(arguments))
        )
    else:
        # The last two arguments change places between the architectures; tls is never set.
        tail = (_TID_ADDRESS, 0) if ARCHITECTURE == "x86_64" else (0, _TID_ADDRESS)
        pid = _libc_holding_gil.syscall(
            _long(_number("clone")), _long(flags | signal.SIGCHLD), *map(_long, (0, 0, *tail))
        )
    if pid == 0:
        _after_fork_child()
        return 0
    failure = ctypes.get_errno()
    _after_fork_parent()
    if pid < 0:
        raise OSError(failure, f"clone: {os.strerror(failure)}")
    return int(pid)


def unshare(flags: int) -> None:
    """Move this process into new namespaces."""
    _checked(_libc.unshare(flags), "unshare")


def setns(fd: int, kind: int) -> None:
    """Enter the namespace that `fd` (a file of /proc/PID/ns) stands for; `kind` is its CLONE_NEW flag."""
    _checked(_libc.setns(fd, kind), "setns")


def mount(
    source: bytes, target: bytes, kind: bytes | None = None, flags: int = 0, options: bytes | None = None
) -> None:
    """Mount a file system: mount(2)."""
    _checked(_libc.mount(source, target, kind, ctypes.c_ulong(flags), options), "mount", os.fsdecode(target))


def unmount(target: str) -> None:
    """Detach what is mounted at `target`; it goes when it is in use no more."""
    _checked(_libc.umount2(os.fsencode(target), MNT_DETACH), "umount2", target)


def set_mount_attributes(target: str, attributes: int, *, recursive: bool = True) -> None:
    """Add MOUNT_ATTR flags to a mount and, unlike a remount, to every mount below it. Linux 5.12 or later."""
    values = (ctypes.c_uint64 * 4)(attributes, 0, 0, 0)
    result = _libc.syscall(
        _long(_number("mount_setattr")),
        _long(_AT_FDCWD),
        os.fsencode(target),
        _long(_AT_RECURSIVE if recursive else 0),
        ctypes.byref(values),
        _long(ctypes.sizeof(values)),
    )
    _checked(result, "mount_setattr", target)


def pivot_root(new_root: str) -> None:
    """Make `new_root` (a mount point) the root of this mount namespace and let go of the old one."""
    os.chdir(new_root)
    # "." twice stacks the old root on the new one, so no folder has to be made for it: pivot_root(2), NOTES.
    _checked(_libc.syscall(_long(_number("pivot_root")), b".", b"."), "pivot_root", new_root)
    unmount(".")
    os.chdir("/")


def prctl(option: int, value: int = 0) -> int:
    """Call prctl(2) with one argument, and return its result."""
    return _checked(_libc.prctl(option, _long(value), _long(0), _long(0), _long(0)), "prctl")


def set_hostname(name: str) -> None:
    """Set the host name of this uts namespace: sethostname(2)."""
    _checked(_libc.sethostname(name.encode(), ctypes.c_size_t(len(name))), "sethostname")


_CAPABILITY_HEADER = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this thread
_NO_CAPABILITIES = (ctypes.c_uint32 * 6)()


def drop_capabilities() -> None:
    """Give up every capability of this thread, in all three sets."""
    result = _libc.syscall(_long(_number("capset")), ctypes.byref(_CAPABILITY_HEADER), ctypes.byref(_NO_CAPABILITIES))
    _checked(result, "capset")


class Filter:
    """A seccomp filter, laid out for the kernel. `program` is a struct sock_filter[]."""

    def __init__(self, program: bytes) -> None:
        self._program = ctypes.create_string_buffer(program, len(program))
        self._header = ctypes.create_string_buffer(16)  # struct sock_fprog
        ctypes.c_uint16.from_buffer(self._header, 0).value = len(program) // 8
        ctypes.c_void_p.from_buffer(self._header, 8).value = ctypes.addressof(self._program)

    def install(self) -> None:
        """Put this process and all its children under the filter, for good."""
        result = _libc.prctl(PR_SET_SECCOMP, _long(SECCOMP_MODE_FILTER), self._header, _long(0), _long(0))
        _checked(result, "prctl(PR_SET_SECCOMP)")

    def listen(self) -> int:
        """Do the same, and return the descriptor by which the filter hands calls over: seccomp_unotify(2).

        A call that is handed over and was received is not interrupted by signals any more, from Linux 5.19 on.
        """
        result = -1
        for more in (_SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, 0):
            how = _SECCOMP_SET_MODE_FILTER, _SECCOMP_FILTER_FLAG_NEW_LISTENER | more
            result = _libc.syscall(_long(_number("seccomp")), *map(_long, how), self._header)
            if result >= 0 or ctypes.get_errno() != errno.EINVAL:
                break
        return _checked(result, "seccomp(SECCOMP_SET_MODE_FILTER)")


def get_descriptor(pidfd: int, descriptor: int) -> int:
    """Return a descriptor of our own of what another process has open: pidfd_getfd(2)."""
    result = _libc.syscall(_long(_number("pidfd_getfd")), _long(pidfd), _long(descriptor), _long(0))
    return _checked(result, "pidfd_getfd")


def bring_up(sock: int, interface: str) -> None:
    """Set a network interface up, through any socket of its network namespace."""
    request = struct.pack("16sh22x", interface.encode(), _IFF_UP)
    fcntl.ioctl(sock, _SIOCSIFFLAGS, request)


def close_from(first: int) -> None:
    """Close every file descriptor from `first` on, in one call."""
    result = _libc.syscall(_long(_number("close_range")), _long(first), _long(0xFFFFFFFF), _long(0))
    _checked(result, "close_range")
