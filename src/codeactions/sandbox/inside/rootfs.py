"""The file system that runs see: a read-only root with a few of the host's folders in it, and nothing else.

The launcher has one, and each zygote has one of its own, with the mounts that are its runs' alone. A root is built with
the host's privileges and then given to the launcher's user namespace. The kernel locks every mount of it thereby
(mount_namespaces(7)), so neither the launcher nor a zygote could make one writable or look beneath.
"""

from __future__ import annotations

import os
import stat

from codeactions.sandbox.inside import syscalls

TYPE_CHECKING = False  # as in typing, which is too large to import here
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from codeactions.sandbox.config import LauncherConfig

RUN_UID = 1000  # what a run sees as its own uid and gid; on the host it is the slot's
_DEVICES = ("null", "zero", "full", "random", "urandom")
# Programs and libraries of the host, public certificates, time zones.
SYSTEM_PATHS = (
    "/bin",
    "/lib",
    "/lib32",
    "/lib64",
    "/usr/bin",
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/usr/share/zoneinfo",
    "/etc/alternatives",
    "/etc/ld.so.cache",
    "/etc/mime.types",
    "/etc/pki/tls/certs",
    "/etc/ssl/certs",
    "/usr/share/ca-certificates",
)
_LINKS = {
    "/dev/fd": "/proc/self/fd",
    "/dev/stdin": "/proc/self/fd/0",
    "/dev/stdout": "/proc/self/fd/1",
    "/dev/stderr": "/proc/self/fd/2",
    "/dev/shm": "/tmp",
    "/var/tmp": "/tmp",
}
_FILES = {
    "/etc/passwd": f"sandbox:x:{RUN_UID}:{RUN_UID}:sandbox:/tmp:/bin/sh\n",
    "/etc/group": f"sandbox:x:{RUN_UID}:\n",
    "/etc/hosts": "127.0.0.1 localhost sandbox\n::1 localhost\n",
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    "/etc/resolv.conf": "",
    "/etc/hostname": "sandbox\n",
}
# Up to this size a file is copied: runs see in /proc/self/mountinfo where on the host a mounted one is.
_COPIED_BYTES = 256 * 1024
SLOT_DEVICES = "/.devices"  # a folder for each slot, by its number
_ROOT_OPTIONS = b"mode=0755,size=1m"
_BUILD_AT = "/tmp"  # exists everywhere, and what it hides stays reachable through the opened sources


def build(config: LauncherConfig, mounts: Mapping[str, str], *, owner: int | None, slots: int) -> None:
    """Build a root in a mount namespace of the caller's own and make it the caller's root.

    `config.exposed` paths that do not exist are left out; those of `mounts` (place → host path) have to exist. `owner`
    is the launcher's user id, and None without root: then no device can be made, and all slots share the host's.
    `slots` is the number of slots that get devices of their own. Raises `OSError`.
    """
    syscalls.unshare(syscalls.CLONE_NEWNS)
    syscalls.mount(b"none", b"/", flags=syscalls.MS_REC | syscalls.MS_PRIVATE)
    links, sources = _open_sources(config.exposed)
    files: dict[str, str | bytes] = dict(_FILES)
    for place, path in mounts.items():
        if os.path.isfile(path) and os.path.getsize(path) <= _COPIED_BYTES:
            files[place] = _read(path)
        else:
            sources[place] = os.open(path, os.O_PATH | os.O_CLOEXEC)
    syscalls.mount(b"sandbox", _BUILD_AT.encode(), b"tmpfs", syscalls.MS_NOSUID, _ROOT_OPTIONS)
    for folder in ("dev", "etc", "proc", "tmp", "var", "run", ".empty"):
        os.mkdir(f"{_BUILD_AT}/{folder}", 0o755)
    for path, target in {**_LINKS, **links}.items():
        os.makedirs(os.path.dirname(_BUILD_AT + path), exist_ok=True)
        os.symlink(target, _BUILD_AT + path)
    for path, content in files.items():
        os.makedirs(os.path.dirname(_BUILD_AT + path), exist_ok=True)
        _write(_BUILD_AT + path, content)
    for path, fd in sources.items():
        _bind(fd, _BUILD_AT + path, syscalls.MOUNT_ATTR_RDONLY | syscalls.MOUNT_ATTR_NODEV)
    for path in config.hidden:
        if os.path.isdir(_BUILD_AT + path):
            _bind_empty(_BUILD_AT + path)
    for device in _DEVICES:
        # Read-only: what is written to a device still gets there, but its node cannot be touched or changed.
        fd = os.open(f"/dev/{device}", os.O_PATH | os.O_CLOEXEC)
        _bind(fd, f"{_BUILD_AT}/dev/{device}", syscalls.MOUNT_ATTR_RDONLY)
    # A process in a user namespace may mount a new /proc only where it can see a whole one already.
    syscalls.mount(b"/proc", f"{_BUILD_AT}/proc".encode(), flags=syscalls.MS_BIND | syscalls.MS_REC)
    os.mkdir(_BUILD_AT + SLOT_DEVICES, 0o700)
    if owner is not None:
        _make_devices(owner, slots)
    syscalls.set_mount_attributes(_BUILD_AT, syscalls.MOUNT_ATTR_RDONLY | syscalls.MOUNT_ATTR_NODEV, recursive=False)
    syscalls.pivot_root(_BUILD_AT)


def lock_for(user_namespace: int) -> int:
    """Give the caller's mount namespace, with every mount in it locked, to a user namespace below the caller's.

    The caller enters the user namespace (a descriptor). Returns a descriptor of the mount namespace. Raises `OSError`.
    """
    syscalls.setns(user_namespace, syscalls.CLONE_NEWUSER)
    syscalls.unshare(syscalls.CLONE_NEWNS)  # the copy for another user namespace is what locks them
    return os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)


def enter(root: int) -> None:
    """Enter the mount namespace of a root, and see there the processes of the caller's pid namespace.

    `root` is a descriptor that `lock_for` returned. Raises `OSError`.
    """
    syscalls.setns(root, syscalls.CLONE_NEWNS)
    syscalls.mount(b"proc", b"/proc", b"proc", syscalls.MS_NOSUID | syscalls.MS_NODEV | syscalls.MS_NOEXEC)


def _make_devices(owner: int, slots: int) -> None:
    """Make a /dev for each slot. Locks belong to a node: on shared ones two runs could signal each other with them.

    Runs cannot enter the folder, which is the launcher's; they get their own by a mount (isolation.py).
    """
    root = _BUILD_AT + SLOT_DEVICES
    syscalls.mount(b"devices", root.encode(), b"tmpfs", syscalls.MS_NOSUID, b"mode=0700,size=1m")
    os.chown(root, owner, owner)
    for slot in range(slots):
        folder = f"{root}/{slot}"
        os.mkdir(folder, 0o755)
        for device in _DEVICES:
            os.mknod(f"{folder}/{device}", stat.S_IFCHR, os.stat(f"/dev/{device}").st_rdev)
            os.chmod(f"{folder}/{device}", 0o666)  # noqa: S103 - as these devices are everywhere
        for path, target in _LINKS.items():
            if path.startswith("/dev/"):
                os.symlink(target, folder + path.removeprefix("/dev"))
    syscalls.set_mount_attributes(root, syscalls.MOUNT_ATTR_RDONLY)


def _open_sources(exposed: Iterable[str]) -> tuple[dict[str, str], dict[str, int]]:
    """Sort paths into symbolic links to be copied (as `/bin` often is) and opened places to be mounted."""
    links: dict[str, str] = {}
    sources: dict[str, int] = {}
    for path in sorted({*SYSTEM_PATHS, *exposed}):
        if any(path.startswith(above + "/") for above in (*sources, *links)):
            continue  # comes along with the folder it is in
        if os.path.islink(path):
            links[path] = os.readlink(path)
        elif os.path.exists(path):
            sources[path] = os.open(path, os.O_PATH | os.O_CLOEXEC)
    return links, sources


def _bind(fd: int, target: str, attributes: int) -> None:
    """Mount what `fd` stands for, with what is mounted below it, at `target`, and close it."""
    if os.path.isdir(f"/proc/self/fd/{fd}"):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        _write(target, "")
    syscalls.mount(f"/proc/self/fd/{fd}".encode(), os.fsencode(target), flags=syscalls.MS_BIND | syscalls.MS_REC)
    syscalls.set_mount_attributes(target, attributes | syscalls.MOUNT_ATTR_NOSUID)
    os.close(fd)


def _bind_empty(target: str) -> None:
    syscalls.mount(f"{_BUILD_AT}/.empty".encode(), os.fsencode(target), flags=syscalls.MS_BIND)
    syscalls.set_mount_attributes(target, syscalls.MOUNT_ATTR_RDONLY | syscalls.MOUNT_ATTR_NOSUID)


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _write(path: str, content: str | bytes) -> None:
    with open(path, "wb") as file:
        file.write(content if isinstance(content, bytes) else content.encode())
