"""Roots of the launcher and of zygotes, each built by a short-lived process with the supervisor's privileges."""

from __future__ import annotations

import os
import signal
import socket

from codeactions.sandbox import channel
from codeactions.sandbox.inside import rootfs, syscalls

TYPE_CHECKING = False  # as in typing, which is too large to import here
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from codeactions.sandbox.config import LauncherConfig

_ROOT_UMASK = 0o022  # whatever the server's is: runs are other users, and have to read what is in their root


class RootBuilder:
    """Builds roots for one launcher, and sends them to it."""

    def __init__(
        self, config: LauncherConfig, to_launcher: socket.socket, user_namespace: int, owner: int | None
    ) -> None:
        """user_namespace: descriptor of the launcher's. owner: the launcher's user id on the host; None without root.

        Both descriptors stay the caller's.
        """
        self._config = config
        self._to_launcher = to_launcher
        self._user_namespace = user_namespace
        self._owner = owner

    def start(self, message: dict[str, Any], mounts: Mapping[str, str], *, slots: int) -> tuple[int, int]:
        """Begin to build a root, in a process of its own; return that process's id and its pidfd.

        The process sends `message` with the root's descriptor to the launcher and exits with 0; or it sends `{"open",
        "failed": why}`. Raises `OSError` when there can be no further process or descriptor.
        """
        pid = os.fork()
        if pid:
            return pid, _pidfd(pid)
        status = 1
        try:
            syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
            self._build(message, mounts, slots)
            status = 0
        finally:
            os._exit(status)

    def _build(self, message: dict[str, Any], mounts: Mapping[str, str], slots: int) -> None:
        os.umask(_ROOT_UMASK)
        try:
            rootfs.build(self._config, mounts, owner=self._owner, slots=slots)
            root = rootfs.lock_for(self._user_namespace)
        except OSError as error:
            channel.send(self._to_launcher, {"open": message["open"], "failed": channel.reason(str(error))})
        else:
            channel.send(self._to_launcher, message, (root,))


def _pidfd(child: int) -> int:
    """Return a child's pidfd. Raises `OSError`, and then the child is gone."""
    try:
        return os.pidfd_open(child)
    except OSError:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise
