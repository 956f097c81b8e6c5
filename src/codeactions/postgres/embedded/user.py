"""The OS user as which the embedded PostgreSQL runs if the server runs as root."""

import os
import pwd
import subprocess
from dataclasses import dataclass

from codeactions.domain.errors import Error, ErrorCode

NAME = "pgserver"
# For hosts on which no user can be made (no useradd, read-only /etc). Second choice: other services may run as these
# users, and then have all rights over the database.
FALLBACKS = ("postgres", "nobody")


@dataclass(frozen=True)
class ClusterUser:
    """An unprivileged OS user."""

    uid: int
    gid: int
    name: str


def find_or_create() -> ClusterUser | None:
    """Return the user for PostgreSQL; None if this process is not root, so that PostgreSQL can run as its user.

    PostgreSQL refuses to run as uid 0. As root this makes the system user `pgserver` if it is missing. Raises `Error`
    (internal) when there is no user for it.
    """
    if os.geteuid() != 0:
        return None
    user = _find(NAME) or _create() or next(filter(None, map(_find, FALLBACKS)), None)
    if user is None:
        raise Error(
            ErrorCode.INTERNAL,
            f"PostgreSQL cannot run as root and no user for it could be made: "
            f"add one with `useradd --system {NAME}`, or run codeactions as an ordinary user",
        )
    return user


def _find(name: str) -> ClusterUser | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return ClusterUser(entry.pw_uid, entry.pw_gid, name) if entry.pw_uid != 0 else None


def _create() -> ClusterUser | None:
    # A system user, because systemd-logind removes the shared memory of other users when they log out.
    command = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
    command += ["--shell", "/usr/sbin/nologin", NAME]
    try:
        subprocess.run(command, capture_output=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return _find(NAME)  # also when another process has made it in the meantime
