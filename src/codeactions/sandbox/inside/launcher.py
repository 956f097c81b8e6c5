"""The one process of a node that may create sandboxes: starts runs in slots, kills them, and tells when they are gone.

It is init of its own pid namespace, so when it ends, the kernel ends every zygote and every run. It ends when
the server's side of its socket closes. It knows no database, no code and no secret; supervisor.py starts it. It decides
nothing: a zygote that died is opened again when the server says so.

From the supervisor: `{"open": number, "module", "places"}` with the zygote's root, or the same with `"failed": why`,
and `{"close": number}`. A number stands for one zygote and is never used again.
From the server: `{"start": slot, "run", "zygote": number}` with the run's descriptors, and `{"kill": slot, "run"}`. A
run has a number, too.
To the server: `{"ready": level}` or `{"fatal": why}` first, then `{"ended": slot, "run", …}`, and `{"zygote": number,
"state"}`, with the state "ready" or "ended", the latter with the reason as "why".
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import time

from codeactions.sandbox import channel
from codeactions.sandbox.inside import rootfs, zygote
from codeactions.sandbox.inside.zygote_process import ZygoteProcess

TYPE_CHECKING = False  # as in typing, which is too large to import here
if TYPE_CHECKING:
    from typing import Any

    from codeactions.sandbox.config import LauncherConfig
    from codeactions.sandbox.inside.isolation import Slot
    from codeactions.sandbox.inside.lock_answers import LockAnswers

_NAMING_MS = 1000  # in which a living zygote tells of a run that it was asked for


class Launcher:
    """The loop of the launcher process. Single-threaded; every wait is in the selector."""

    def __init__(
        self,
        server: socket.socket,
        supervisor: socket.socket,
        config: LauncherConfig,
        slots: list[Slot],
        locks: LockAnswers | None = None,
    ) -> None:
        """locks: None where nothing answers what runs ask about locks; then the question is refused."""
        self._locks = locks
        self._server = server
        self._supervisor = supervisor
        self._config = config
        self._slots = slots
        self._zygotes: dict[int, ZygoteProcess] = {}  # by number
        self._pids: dict[int, tuple[int, int]] = {}  # pid → slot, run
        self._running: dict[int, tuple[int, int]] = {}  # slot → run, pid
        self._unclaimed: dict[int, int] = {}  # pid → wait status of runs reaped before their zygote told of them
        self._doomed: set[tuple[int, int]] = set()  # slot, run: to be killed as soon as the pid is known
        self._selector = selectors.DefaultSelector()
        self._wakeup = socket.socketpair()

    def serve(self) -> None:
        """Work until the server is gone."""
        reader, writer = self._wakeup
        for end in self._wakeup:
            end.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        self._selector.register(self._server, selectors.EVENT_READ, self._on_server)
        self._selector.register(self._supervisor, selectors.EVENT_READ, self._on_supervisor)
        self._selector.register(reader, selectors.EVENT_READ, self._on_children)
        if self._locks is not None:
            self._locks.wait(self._selector)
        with contextlib.suppress(channel.Closed):
            while True:
                for key, _ in self._selector.select(self._until_next_kill()):
                    key.data()

    def _until_next_kill(self) -> float | None:
        """Kill closing zygotes whose time is over; return the seconds until the next one's is, None if none closes."""
        closing = [zygote for zygote in self._zygotes.values() if zygote.closing]
        if not closing:  # as for almost every message
            return None
        now = time.monotonic()
        left = [zygote.kill_at - now for zygote in closing if not zygote.kill_if_late(now)]
        return min(left, default=None)

    def _on_supervisor(self) -> None:
        message, descriptors = channel.receive(self._supervisor)
        try:
            if "failed" in message:
                self._tell_ended(message["open"], message["failed"])
            elif "open" in message:
                if not (descriptors or self._config.insecure):
                    raise channel.no_room()
                self._open_zygote(message["open"], message["module"], message["places"], *descriptors)
            elif "close" in message:
                self._close_zygote(message["close"])
        except OSError as error:
            self._tell_ended(message["open"], str(error))
        finally:
            for fd in descriptors:
                os.close(fd)

    def _open_zygote(self, number: int, module: str, places: dict[str, str], root: int | None = None) -> None:
        """Fork a zygote. `root`: descriptor of its mount namespace; None only where nothing is isolated."""
        isolated = not self._config.insecure
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            pid = os.fork()
        except OSError:
            ours.close()
            theirs.close()
            raise
        if pid == 0:
            try:
                ours.close()
                self._close_all()
                if root is not None:
                    rootfs.enter(root)
                    os.close(root)
                how = {"isolated": isolated, "locks_answered": self._locks is not None}
                zygote.serve(theirs, module, self._slots, self._config.limits, places, **how)
            except OSError as error:
                channel.send(theirs, {"failed": zygote.describe(error)})
            finally:
                os._exit(0)
        theirs.close()
        opened = ZygoteProcess(number, pid, ours)
        self._zygotes[number] = opened
        self._selector.register(ours, selectors.EVENT_READ, lambda: self._on_zygote(opened))

    def _close_all(self) -> None:
        """Close, in a new zygote, what belongs to the launcher."""
        signal.set_wakeup_fd(-1)
        self._selector.close()
        if self._locks is not None:
            os.close(self._locks.listener)
        for sock in (self._server, self._supervisor, *self._wakeup, *(other.sock for other in self._zygotes.values())):
            sock.close()

    def _close_zygote(self, number: int) -> None:
        """Let a zygote fork what it was asked for, and end. Its runs are the launcher's children, and go on."""
        if (chosen := self._zygotes.get(number)) is not None:  # it may just have died
            chosen.close(self._config.closing_seconds)

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

    def _start_run(self, slot: int, run: int, number: int, descriptors: list[int]) -> None:
        chosen = self._zygotes.get(number)
        if chosen is None or chosen.closing:
            self._tell_never_started(slot, run, "its zygote is closed")
            return
        if not descriptors:
            self._tell_never_started(slot, run, "the launcher has too few descriptors")
            return
        try:
            chosen.ask(slot, run, tuple(descriptors))
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

    def _on_zygote(self, source: ZygoteProcess) -> bool:
        """Hear one message of a zygote. False: there is none, as it has been read by `_kill_strays`, or no more."""
        if source.number not in self._zygotes:  # reaped since the selector told of it
            return False
        try:
            message = source.hear()
        except channel.Closed:
            self._stop_listening(source)
            source.kill()  # the rest is done when it is reaped
            return False
        if message is None:
            return False
        if "slot" in message:
            self._on_named(source, message)
        elif "ready" in message:
            source.ready = True
            channel.send(self._server, {"zygote": source.number, "state": "ready"})
        else:
            source.why = message["failed"]
        return True

    def _on_named(self, source: ZygoteProcess, message: dict[str, Any]) -> None:
        """A zygote has forked a run, or tells why it could not."""
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

    def _stop_listening(self, source: ZygoteProcess) -> None:
        with contextlib.suppress(KeyError):
            self._selector.unregister(source.sock)

    def _on_zygote_reaped(self, gone: ZygoteProcess, status: int) -> None:
        """Give back what a zygote had not forked yet. Its runs, which are our children, go on."""
        gone.set_reaped(status)
        while self._on_zygote(gone):  # what it still said
            pass
        self._stop_listening(gone)
        gone.sock.close()
        del self._zygotes[gone.number]
        self._tell_ended(gone.number, gone.why)
        for slot, run in gone.asked.items():
            self._doomed.discard((slot, run))
            self._tell_never_started(slot, run, "its zygote died")
        self._kill_strays()

    def _kill_strays(self) -> None:
        """End what a zygote left without a name: the run it had just forked, which could never be found again."""
        # What the others are forking just now gets its name first; one that says nothing has to take the risk.
        for other in [*self._zygotes.values()]:
            while other.ready and other.asked and other.has_news(_NAMING_MS):
                if not self._on_zygote(other):
                    break
        known = {*self._pids, *(z.pid for z in self._zygotes.values()), self._locks and self._locks.pid}
        for entry in os.listdir("/proc"):
            if not entry.isdigit() or int(entry) in known:
                continue
            with contextlib.suppress(OSError), open(f"/proc/{entry}/stat") as file:
                parent = int(file.read().rpartition(")")[2].split()[1])
                if parent == os.getpid():
                    self._signal(int(entry))

    def _on_children(self) -> None:
        reader, _ = self._wakeup
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
            elif (gone := next((z for z in self._zygotes.values() if z.pid == pid), None)) is not None:
                self._on_zygote_reaped(gone, status)
            elif self._locks is not None and pid == self._locks.pid:
                self._locks.wait(self._selector)
            else:
                self._unclaimed[pid] = status
                self._forget_unclaimable()

    def _forget_unclaimable(self) -> None:
        """Drop statuses that no zygote can claim, since nothing is asked for."""
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

    def _tell_ended(self, number: int, why: str) -> None:
        channel.send(self._server, {"zygote": number, "state": "ended", "why": why})
