"""Runs a command as `nobody`, who may otherwise be unable to reach the interpreter or this checkout.

`python tests/ordinary_user.py HOME COMMAND…`, as root. What is below a private folder is shown to it in a mount
namespace of its own; nothing on the host changes its mode.
"""

import ctypes
import os
import pwd
import sys
from pathlib import Path

USER = "nobody"


def show_to_others(*paths: Path) -> None:
    """In a mount namespace of our own, make folders reachable that are below a private one. Raises `OSError`."""
    libc = ctypes.CDLL(None, use_errno=True)

    def mount(source: str, target: Path, kind: str, flags: int, data: str = "") -> None:
        flag = ctypes.c_ulong(flags)
        if libc.mount(source.encode(), os.fsencode(target), kind.encode(), flag, data.encode()):
            raise OSError(ctypes.get_errno(), f"mount {target}")

    if libc.unshare(0x20000):
        raise OSError(ctypes.get_errno(), "unshare")
    mount("none", Path("/"), "", 0x84000)
    opened = [(path, os.open(path, os.O_PATH)) for path in paths]
    for path, file in opened:
        closed = [folder for folder in reversed(path.parents) if not folder.stat().st_mode & 0o001]
        if closed:
            mount("tmpfs", closed[0], "tmpfs", 0, "mode=755")
        if not path.exists():
            path.mkdir(parents=True, mode=0o755)
            mount(f"/proc/self/fd/{file}", path, "", 0x5000)


def main(home: str, *command: str) -> None:
    """Become that user, in the checkout's folder, and execute the command."""
    user = pwd.getpwnam(USER)
    repository = Path(__file__).parents[1]
    show_to_others(Path(sys.base_prefix), Path(sys.prefix), repository)
    os.setgroups([])
    os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
    os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
    os.chdir(repository)
    os.environ.update(HOME=home, PYTHONDONTWRITEBYTECODE="1", TMPDIR=home)
    os.execvp(command[0], list(command))


if __name__ == "__main__":
    main(*sys.argv[1:])
