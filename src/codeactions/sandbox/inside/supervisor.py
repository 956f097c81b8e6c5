"""The supervisor of one launcher: does what needs the host's view and privileges, and cleans up.

The server starts it as a fresh interpreter with a scrubbed environment and two sockets. It makes the cgroups, starts
the launcher in namespaces of its own, and has a root built for each zygote that the server opens. When the launcher is
gone, however it ended, the supervisor removes the cgroups.

From the server, on the first socket: the configuration, then `{"open": number, "module", "mounts"}` and `{"close":
number}`. A number stands for one zygote and is never used again. The second socket is the launcher's; it takes from
the supervisor the same two messages, the first with the zygote's root. See launcher.py.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import resource
import selectors
import signal
import socket
import sys

from codeactions.sandbox import channel
from codeactions.sandbox.config import LauncherConfig
from codeactions.sandbox.inside import cgroups, launcher_start
from codeactions.sandbox.inside.launcher_start import Sockets
from codeactions.sandbox.inside.root_builder import RootBuilder
from codeactions.sandbox.inside.zygote import describe

TYPE_CHECKING = False  # as in typing, which is too large to import here
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


def main(control: int, launchers: int) -> None:
    """Be the supervisor. `control` and `launchers` are descriptors of the two sockets."""
    sockets = Sockets(socket.socket(fileno=control), socket.socket(fileno=launchers))
    for sock in (sockets.control, sockets.server):
        sock.set_inheritable(False)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the server alone says when to end
    try:
        _serve(sockets, LauncherConfig.from_json(sockets.control.recv(65536)))
    except OSError as error:
        with contextlib.suppress(OSError, channel.Closed):
            channel.send(sockets.server, {"fatal": str(error)})


def _serve(sockets: Sockets, config: LauncherConfig) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    sys.path.extend(config.modules_in)
    broken = _import_modules(config)
    as_root = os.geteuid() == 0
    tree = cgroups.create(config.limits, config.slots)
    try:
        builder = None
        if config.insecure:
            launcher = launcher_start.fork_insecure(sockets, config, tree)
        else:
            owner = None
            if as_root:
                owner = launcher_start.free_uids(config.slots + 1)
                cgroups.hand_over(tree, owner)
            else:
                launcher_start.become_namespace_root()
            launcher, user_namespace = launcher_start.fork_isolated(sockets, config, tree, owner)
            builder = RootBuilder(config, sockets.to_launcher, user_namespace, owner)
        sockets.keep_supervisors()
        Supervisor(sockets, config, builder, broken).serve(launcher)
    finally:
        tree.remove()


def _import_modules(config: LauncherConfig) -> dict[str, str]:
    """Import the zygotes' modules now, while their files can be seen. Returns by module why no zygote can have it."""
    broken: dict[str, str] = {}
    for module in config.modules:
        try:
            importlib.import_module(module)
        except (Exception, SystemExit) as error:  # whatever it is, it concerns zygotes of that module alone
            missing = error.name if isinstance(error, ModuleNotFoundError) else None
            if missing is None or not f"{module}.".startswith(f"{missing}."):  # else a zygote's own root may show it
                broken[module] = describe(error)
    return broken


class Supervisor:
    """The loop of the supervisor process."""

    def __init__(
        self, sockets: Sockets, config: LauncherConfig, builder: RootBuilder | None, broken: Mapping[str, str]
    ) -> None:
        """builder: None where nothing is isolated, so that zygotes need no root.

        broken: by module why no zygote can have it.
        """
        self._server = sockets.control
        self._to_launcher = sockets.to_launcher
        self._config = config
        self._builder = builder
        self._broken = broken
        self._building: dict[int, tuple[int, int]] = {}  # zygote's number → the building process's id, its pidfd
        self._selector = selectors.DefaultSelector()

    def serve(self, launcher: int) -> None:
        """Serve the launcher, a child of this process, until it has ended."""
        ended = os.pidfd_open(launcher)
        self._selector.register(ended, selectors.EVENT_READ)
        self._selector.register(self._server, selectors.EVENT_READ, self._on_server)
        try:
            if self._builder is not None:
                self._start_building({"open": 0}, {}, slots=0)
            alive = True
            while alive:
                for key, _ in self._selector.select():
                    if key.fd == ended:
                        alive = False
                    elif key.fd in self._selector.get_map():  # what was done for an earlier one may have closed it
                        key.data()
        finally:
            for number in [*self._building]:
                self._stop_building(number)
            # Still alive only after an error here. Its end closes its socket, and the server replaces both.
            os.kill(launcher, signal.SIGKILL)
            os.waitpid(launcher, 0)

    def _on_server(self) -> None:
        try:
            message, _ = channel.receive(self._server)
        except channel.Closed:
            self._selector.unregister(self._server)  # the launcher sees it too, and ends
            return
        if "open" in message:
            self._open(message["open"], message["module"], message["mounts"])
        elif "close" in message:
            self._stop_building(message["close"])
            self._send({"close": message["close"]})

    def _open(self, number: int, module: str, mounts: dict[str, str]) -> None:
        opening: dict[str, Any] = {"open": number, "module": module}
        if module in self._broken:
            self._send({"open": number, "failed": self._broken[module]})
        elif self._builder is None:
            # Nothing is mounted anywhere: programs are where the host has them.
            self._send({**opening, "places": mounts})
        else:
            self._start_building({**opening, "places": {}}, mounts, slots=self._config.slots)

    def _start_building(self, message: dict[str, Any], mounts: dict[str, str], *, slots: int) -> None:
        """Have a root built for what the message opens: a zygote, or the launcher itself with the number 0."""
        assert self._builder is not None
        number = message["open"]
        try:
            pid, pidfd = self._builder.start(message, mounts, slots=slots)
        except OSError as error:
            self._send({"open": number, "failed": channel.reason(str(error))})
            return
        self._building[number] = (pid, pidfd)
        self._selector.register(pidfd, selectors.EVENT_READ, lambda: self._on_built(number))

    def _on_built(self, number: int) -> None:
        if status := self._stop_building(number):  # it could not even say why
            self._send({"open": number, "failed": f"its root was not built: status {status}"})

    def _stop_building(self, number: int) -> int:
        """End and reap the process that builds a zygote's root; returns how it ended, 0 if there is none."""
        if number not in self._building:
            return 0
        pid, pidfd = self._building.pop(number)
        self._selector.unregister(pidfd)
        os.close(pidfd)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def _send(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(channel.Closed):  # the launcher has just died, which ends the loop
            channel.send(self._to_launcher, message)
