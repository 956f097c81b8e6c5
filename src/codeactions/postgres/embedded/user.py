"""The OS user that the embedded PostgreSQL runs as when the server runs as root."""

import os
import pwd
import subprocess
from dataclasses import dataclass

from codeactions.domain.errors import Error, ErrorCode

NAME = "pgserver"
# Where no user can be made (no useradd, read-only /etc). Other services may run as these, and then have the
# same rights over the database as we, so they come second.
FALLBACKS = ("postgres", "nobody")


@dataclass(frozen=True)
class ClusterUser:
    """An unprivileged OS user."""

    uid: int
    gid: int
    name: str


def find_or_create() -> ClusterUser | None:
    """The user to become, or None when we are not root and PostgreSQL can run as we are.

    PostgreSQL refuses to run as uid 0. As root this makes the system user `pgserver` if it is missing.
    Raises Error(internal) when no user fits.
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
    # A system user: systemd-logind removes the shared memory of other users when they log out.
    order = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
    order += ["--shell", "/usr/sbin/nologin", NAME]
    try:
        subprocess.run(order, capture_output=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return _find(NAME)  # also when somebody else made it in the meantime
