"""A script that turns its process into a program of PostgreSQL, as another OS user.

spawner.py runs it with `python -I -S`, so it uses the standard library only. The steps between fork and exec (mounts,
change of user, parent-death signal) are done here, in a process of its own, because a fork of a threaded server must
not run Python before its exec. The request is one JSON object in argv[1], see `ExecRequest`. An error before the exec
is written as one line to the status pipe; a successful exec closes the pipe without a word in it.
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


class ExecRequest(TypedDict):
    """The program to execute, its user and its folders."""

    status_fd: int
    parent: int  # the pid of the process whose death ends this one
    death_signal: int  # sent to PostgreSQL when the parent dies
    program: str  # initdb or postgres
    arguments: list[str]
    package: str  # the wheel's folder
    libraries: str  # the wheel's shared libraries, found by RPATH as its sibling
    programs: str  # the folder of programs, relative to `package`
    cluster: str
    user: tuple[int, int, str] | None  # uid, gid and name to run as; None: the present user
    mount_point: str  # an empty folder that the user can reach; what is mounted there is seen by this program only


def main() -> None:
    """Execute the requested program; never return."""
    request: ExecRequest = json.loads(sys.argv[1])
    os.set_inheritable(request["status_fd"], False)
    try:
        exec_program(request)
    except OSError as error:
        os.write(request["status_fd"], str(error).encode(errors="replace"))
    os._exit(127)


def exec_program(request: ExecRequest) -> None:
    """Turn this process into the program. Raises OSError when that is not possible."""
    die_with_parent(signal.SIGKILL, request["parent"])
    os.umask(0o077)
    # A server in the background of a shell ignores SIGINT, and Python ignores SIGPIPE and SIGXFSZ. The program would
    # inherit that.
    for number in (*range(signal.SIGHUP, signal.SIGKILL), signal.SIGPIPE, signal.SIGTERM, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())

    package, cluster, hint = request["package"], request["cluster"], ""
    if request["user"]:
        uid, gid, name = request["user"]
        hint = f": the OS user {name} may not read it, allow that with chmod -R go+rX {package}"
        try:
            package, cluster = mount_folders(request)
        except OSError as error:
            # Without the right to mount, PostgreSQL gets its data as an open folder: /proc/self/fd needs no right to
            # enter the folders above it. All of PostgreSQL's processes inherit the descriptor.
            folder = os.open(request["cluster"], os.O_PATH | os.O_DIRECTORY)
            os.set_inheritable(folder, True)
            cluster = f"/proc/self/fd/{folder}"
            hint = f": install it where the OS user {name} can reach it (a private mount is refused, {error})"
        become_user(uid, gid, name)
    call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    die_with_parent(request["death_signal"], request["parent"])  # again: the change of user resets it

    program = os.path.join(package, request["programs"], request["program"])
    try:
        os.execv(program, [program, "-D", cluster, *request["arguments"]])  # noqa: S606  # no shell is wanted
    except OSError as error:
        original = os.path.join(request["package"], request["programs"], request["program"])
        raise OSError(f"{original}: {error.strerror}{hint}") from error


def become_user(uid: int, gid: int, name: str) -> None:
    """Change the user of this process for good. Raises OSError that says what to do."""
    try:
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    except OSError as error:
        reason = f"it cannot run as root, and this process may not become the OS user {name} ({error.strerror})"
        raise OSError(f"{reason}: start as an ordinary user") from error


def die_with_parent(number: int, parent: int) -> None:
    """Have the kernel send signal `number` when the thread that spawned this process ends; end now if it has ended."""
    call("prctl", PR_SET_PDEATHSIG, int(number), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def mount_folders(request: ExecRequest) -> tuple[str, str]:
    """Mount the wheel and the cluster below the mount point, for this process and its children only.

    So no private folder above them, such as a home, has to be opened to the database's user. Returns the new paths of
    wheel and cluster. Raises OSError.
    """
    call("unshare", CLONE_NEWNS)
    # Slave, not private: mounts made here are not seen outside, but an unmount outside takes effect here, so that the
    # database does not keep the host's file systems busy.
    mount("none", "/", "", MS_REC | MS_SLAVE)
    base = request["mount_point"]
    mount("tmpfs", base, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=1m")
    package = os.path.join(base, os.path.basename(request["package"]))
    cluster = os.path.join(base, "cluster")
    bind(request["package"], package)
    bind(request["cluster"], cluster)
    if os.path.isdir(request["libraries"]):
        bind(request["libraries"], os.path.join(base, os.path.basename(request["libraries"])))
    return package, cluster


def bind(source: str, target: str) -> None:
    """Make the folder `target` and mount the folder `source` there. Raises OSError."""
    os.mkdir(target)
    mount(source, target, "", MS_BIND | MS_REC)


def mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    """Call mount(2). Raises OSError."""
    paths = os.fsencode(source), os.fsencode(target)
    call("mount", *paths, kind.encode(), ctypes.c_ulong(flags), data.encode())


def call(name: str, *arguments: object) -> None:
    """Call a function of libc. Raises OSError with the function's name when it fails."""
    if getattr(libc, name)(*arguments) == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


if __name__ == "__main__":
    main()
