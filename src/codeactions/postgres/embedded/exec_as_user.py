"""Becomes PostgreSQL. Run as a script (`python -I -S`) by spawner.py, so only the standard library.

What has to happen between fork and exec (mounts, change of user, parent-death signal) happens here, in a
process of its own, because a fork of a threaded server must not run Python before it execs.
The order is one JSON object in argv[1], see `Order`. Whatever fails before the exec is written as one line to
the status pipe; on success the exec closes the pipe with nothing in it.
"""

import ctypes
import json
import os
import signal
import sys
from typing import TypedDict

CLONE_NEWNS = 0x20000
MS_NOSUID, MS_NODEV, MS_BIND, MS_REC, MS_SLAVE = 0x2, 0x4, 0x1000, 0x4000, 0x80000
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38

libc = ctypes.CDLL(None, use_errno=True)


class Order(TypedDict):
    """What to become, as whom and where."""

    status_fd: int
    parent: int  # the pid whose death ends us
    death_signal: int  # sent to PostgreSQL when the parent dies
    program: str  # initdb or postgres
    arguments: list[str]
    package: str  # the wheel's folder
    libraries: str  # the wheel's shared libraries, found by RPATH as its sibling
    programs: str  # the folder of programs, relative to `package`
    cluster: str
    user: tuple[int, int, str] | None  # uid, gid and name to run as; None: as we are
    stage: str  # an empty folder that the user can reach, mounted over in our own namespace only


def main() -> None:
    """Carry out the order; returns never."""
    order: Order = json.loads(sys.argv[1])
    os.set_inheritable(order["status_fd"], False)
    try:
        become(order)
    except OSError as error:
        os.write(order["status_fd"], str(error).encode(errors="replace"))
    os._exit(127)


def become(order: Order) -> None:
    """Turn this process into the program; raises OSError when something stands in the way."""
    die_with_parent(signal.SIGKILL, order["parent"])
    os.umask(0o077)
    # A server started in the background of a shell has SIGINT ignored, Python ignores SIGPIPE and SIGXFSZ:
    # both would be inherited through the exec.
    for number in (*range(signal.SIGHUP, signal.SIGKILL), signal.SIGPIPE, signal.SIGTERM, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())

    package, cluster, hint = order["package"], order["cluster"], ""
    if order["user"]:
        uid, gid, name = order["user"]
        hint = f": the OS user {name} may not read it, allow that with chmod -R go+rX {package}"
        try:
            package, cluster = stage(order)
        except OSError as error:
            # Without the right to mount, the way to the data is an open folder: /proc/self/fd needs no right
            # to enter the folders above it. All of PostgreSQL's processes inherit the descriptor.
            folder = os.open(order["cluster"], os.O_PATH | os.O_DIRECTORY)
            os.set_inheritable(folder, True)
            cluster = f"/proc/self/fd/{folder}"
            hint = f": install it where the OS user {name} can reach it (a private mount is refused, {error})"
        become_user(uid, gid, name)
    call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    die_with_parent(order["death_signal"], order["parent"])  # again: the change of user forgets it

    program = os.path.join(package, order["programs"], order["program"])
    try:
        os.execv(program, [program, "-D", cluster, *order["arguments"]])  # noqa: S606  # no shell is wanted
    except OSError as error:
        original = os.path.join(order["package"], order["programs"], order["program"])
        raise OSError(f"{original}: {error.strerror}{hint}") from error


def become_user(uid: int, gid: int, name: str) -> None:
    """Change the user for good."""
    try:
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    except OSError as error:
        reason = f"it cannot run as root, nor may we become the OS user {name} ({error.strerror})"
        raise OSError(f"{reason}: start as an ordinary user") from error


def die_with_parent(number: int, parent: int) -> None:
    """Get signal `number` when the thread that spawned us ends; end now if that has happened already."""
    call("prctl", PR_SET_PDEATHSIG, int(number), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def stage(order: Order) -> tuple[str, str]:
    """Show the wheel and the cluster below the stage, to this process and its children only.

    So no private folder above them, such as a home, has to be opened to the database's user.
    """
    call("unshare", CLONE_NEWNS)
    # Slave, not private: nothing of ours gets out, but an unmount outside still reaches in, so that the
    # database does not keep other people's file systems busy.
    mount("none", "/", "", MS_REC | MS_SLAVE)
    base = order["stage"]
    mount("tmpfs", base, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=1m")
    package = os.path.join(base, os.path.basename(order["package"]))
    cluster = os.path.join(base, "cluster")
    bind(order["package"], package)
    bind(order["cluster"], cluster)
    if os.path.isdir(order["libraries"]):
        bind(order["libraries"], os.path.join(base, os.path.basename(order["libraries"])))
    return package, cluster


def bind(source: str, target: str) -> None:
    """Show the folder `source` at the new folder `target` as well."""
    os.mkdir(target)
    mount(source, target, "", MS_BIND | MS_REC)


def mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    """mount(2); raises OSError."""
    paths = os.fsencode(source), os.fsencode(target)
    call("mount", *paths, kind.encode(), ctypes.c_ulong(flags), data.encode())


def call(name: str, *arguments: object) -> None:
    """One call of libc; raises OSError with what it did when it fails."""
    if getattr(libc, name)(*arguments) == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


if __name__ == "__main__":
    main()
