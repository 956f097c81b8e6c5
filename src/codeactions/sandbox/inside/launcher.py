"""The one process of a node that may create sandboxes: starts runs in slots, kills them, and tells when they are gone.

It is init of its own pid namespace, so when it ends, the kernel ends every zygote and every run. It ends when
the server's side of its socket closes. It knows no database, no code and no secret; supervisor.py starts it.

From the server: `{"start", "run", "zygote"}` (slot number, the run's number, a zygote's name) with the
run's descriptors, and `{"kill", "run"}`. To the server: `{"ready": level}`, `{"fatal": why}`, `{"ended", "run", …}`,
and `{"zygote", "state"}` whenever one became ready or died.
"""

import contextlib
import os
import select
import selectors
import signal
import socket

from codeactions.sandbox import channel
from codeactions.sandbox.config import LauncherConfig
from codeactions.sandbox.inside import zygote
from codeactions.sandbox.inside.isolation import Slot

_NAMING_MS = 1000  # in which a living zygote tells of a run that it was asked for


class _Zygote:
    def __init__(self, name: str, pid: int, sock: socket.socket) -> None:
        self.name = name
        self.pid = pid
        self.sock = sock
        self.ready = False
        self.asked: dict[int, int] = {}  # slot → run, asked for but not yet forked


class Launcher:
    """The loop of the launcher process. Single-threaded; every wait is in the selector."""

    def __init__(self, server: socket.socket, config: LauncherConfig, slots: list[Slot]) -> None:
        self._server = server
        self._config = config
        self._slots = slots
        self._zygotes: dict[str, _Zygote] = {}
        self._pids: dict[int, tuple[int, int]] = {}  # pid → slot, run
        self._running: dict[int, tuple[int, int]] = {}  # slot → run, pid
        self._unclaimed: dict[int, int] = {}  # pid → wait status of runs reaped before their zygote told of them
        self._deaths = 0  # of zygotes
        self._doomed: set[tuple[int, int]] = set()  # slot, run: to be killed as soon as the pid is known
        self._selector = selectors.DefaultSelector()

    def serve(self) -> None:
        """Work until the server is gone."""
        reader, writer = socket.socketpair()
        for end in (reader, writer):
            end.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        self._selector.register(self._server, selectors.EVENT_READ, self._on_server)
        self._selector.register(reader, selectors.EVENT_READ, lambda: self._on_children(reader))
        for name in self._config.zygotes:
            self._start_zygote(name)
        with contextlib.suppress(channel.Closed):
            while True:
                deaths = self._deaths
                for key, _ in self._selector.select():
                    key.data()
                    if self._deaths != deaths:  # other zygotes' sockets have been read: what select said is old
                        break

    def _start_zygote(self, name: str) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        pid = os.fork()
        if pid == 0:
            try:
                self._selector.close()
                self._server.close()
                ours.close()
                for other in self._zygotes.values():
                    other.sock.close()
                walled = not self._config.insecure
                # Without walls nothing is mounted anywhere: programs are where the host has them.
                places = {} if walled else self._config.mounts
                module = self._config.zygotes[name]
                zygote.serve(theirs, module, self._slots, self._config.limits, places, walled=walled)
            finally:
                os._exit(0)
        theirs.close()
        started = _Zygote(name, pid, ours)
        self._zygotes[name] = started
        self._selector.register(ours, selectors.EVENT_READ, lambda: self._on_zygote(started))

    def _on_server(self) -> None:
        message, descriptors = channel.receive(self._server)
        try:
            if "start" in message:
                self._start_run(message["start"], message["run"], message["zygote"], descriptors)
            elif "kill" in message:
                self._kill(message["kill"], message["run"])
        finally:
            for fd in descriptors:
                os.close(fd)

    def _start_run(self, slot: int, run: int, name: str, descriptors: list[int]) -> None:
        chosen = self._zygotes[name]
        try:
            channel.send(chosen.sock, {"slot": slot, "run": run}, tuple(descriptors))
            chosen.asked[slot] = run
        except channel.Closed:
            self._tell_never_started(slot, run, "its zygote had just died")

    def _kill(self, slot: int, run: int) -> None:
        current, pid = self._running.get(slot, (None, 0))
        if current == run:
            self._signal(pid)
        elif any(z.asked.get(slot) == run for z in self._zygotes.values()):
            self._doomed.add((slot, run))

    def _signal(self, pid: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            # Without a pid namespace, its process group is all that can be found of a run.
            os.kill(-pid if self._config.insecure else pid, signal.SIGKILL)

    def _on_zygote(self, source: _Zygote) -> None:
        try:
            message, _ = channel.receive(source.sock)
        except channel.Closed:
            self._replace_zygote(source)
            return
        if "ready" in message:
            source.ready = True
            channel.send(self._server, {"zygote": source.name, "state": "ready"})
            return
        slot, run = message["slot"], message["run"]
        source.asked.pop(slot, None)
        if "error" in message:
            self._tell_never_started(slot, run, message["error"])
            return
        pid = message["pid"]
        self._pids[pid] = (slot, run)
        self._running[slot] = (run, pid)
        if (slot, run) in self._doomed:
            self._doomed.discard((slot, run))
            self._signal(pid)
        if pid in self._unclaimed:
            self._finish(pid, self._unclaimed.pop(pid))

    def _replace_zygote(self, gone: _Zygote) -> None:
        """A zygote died: its runs, which are our children, go on; what it had not forked yet is given back."""
        self._selector.unregister(gone.sock)
        gone.sock.close()
        with contextlib.suppress(ProcessLookupError):
            os.kill(gone.pid, signal.SIGKILL)
        if not gone.ready:
            # Dying while it warms up, it would die again: without it the launcher is of no use.
            channel.send(self._server, {"fatal": f"the {gone.name} zygote died while starting"})
            raise channel.Closed
        channel.send(self._server, {"zygote": gone.name, "state": "died"})
        for slot, run in gone.asked.items():
            self._doomed.discard((slot, run))
            self._tell_never_started(slot, run, "its zygote died")
        gone.asked.clear()
        self._deaths += 1
        self._start_zygote(gone.name)
        self._kill_strays()

    def _kill_strays(self) -> None:
        """End the run that a zygote had forked but died before it could name: nobody else could ever find it."""
        # What the others are forking just now gets its name first; one that says nothing has to take the risk.
        for other in [*self._zygotes.values()]:
            while other.ready and other.asked and _has_news(other.sock):
                self._on_zygote(other)
        known = {*self._pids, *(z.pid for z in self._zygotes.values())}
        for entry in os.listdir("/proc"):
            if not entry.isdigit() or int(entry) in known:
                continue
            with contextlib.suppress(OSError), open(f"/proc/{entry}/stat") as file:
                parent = int(file.read().rpartition(")")[2].split()[1])
                if parent == os.getpid():
                    self._signal(int(entry))

    def _on_children(self, reader: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError):
            while reader.recv(4096):
                pass
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid in self._pids:
                self._finish(pid, status)
            elif not any(pid == z.pid for z in self._zygotes.values()):
                self._unclaimed[pid] = status
                self._forget_unclaimable()

    def _forget_unclaimable(self) -> None:
        """With nothing asked for there is nobody left to claim a status (an old zygote's, or its last run's)."""
        if not any(z.asked for z in self._zygotes.values()):
            self._unclaimed.clear()

    def _finish(self, pid: int, status: int) -> None:
        """A run's init is reaped, so its pid namespace is gone and the slot free."""
        slot, run = self._pids.pop(pid)
        self._running.pop(slot, None)
        group = self._slots[slot].group
        ended: dict[str, object] = {"ended": slot, "run": run, "status": os.waitstatus_to_exitcode(status)}
        ended["memory_kills"], ended["peak"] = group.new_memory_kills(), group.take_peak()
        if self._config.insecure:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
        channel.send(self._server, ended)

    def _tell_never_started(self, slot: int, run: int, why: str) -> None:
        channel.send(self._server, {"ended": slot, "run": run, "status": None, "why": why})


def _has_news(sock: socket.socket) -> bool:
    """Wait a moment for a message. By poll: with many slots there are more descriptors than select can name."""
    waiting = select.poll()
    waiting.register(sock, select.POLLIN)
    return bool(waiting.poll(_NAMING_MS))
