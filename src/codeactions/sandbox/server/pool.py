"""The slots of a node: who gets one, who waits, and which are kept warm.

A warm sandbox is a run whose walls are already up and which waits for its job; it serves one run like any
other. Keeping a few takes the fork out of a call's way; the number of slots bounds them and the runs together.
Each zygote has its own, as many as its calls make worth while (warm_target.py).
"""

import asyncio
import collections
import contextlib
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from codeactions.domain.errors import Error, ErrorCode
from codeactions.sandbox.config import LauncherConfig, Level
from codeactions.sandbox.server.launcher_process import LauncherProcess
from codeactions.sandbox.server.warm_target import WarmTarget

_RESTART_DELAYS = (0.0, 0.1, 0.5, 1.0, 2.0, 5.0)  # seconds before each further attempt to replace a launcher
_WARM_AFTER_FAILURE = 1.0  # seconds
_WARM_AFTER_TAKING = 0.02  # seconds: longer than most runs, so that forking is not in their way


@dataclass(frozen=True, slots=True)
class Ended:
    """How the process of a run ended, as the kernel told the launcher.

    status: exit code, or minus the signal's number; None when it never started or its launcher died (`why`).
    memory_kills: processes of the run that the kernel killed for memory. peak: bytes, where the host tells.
    """

    status: int | None
    memory_kills: int = 0
    peak: int | None = None
    why: str = ""


class Sandbox:
    """One sandbox for one run: its four pipes, and the news of its end.

    job and frames: where the job is written, and what the run answers with is read. Pipes and not a socket: over
    a unix socket a run could hand the server descriptors whose closing blocks, and see the host's network devices.
    stdout, stderr: raw output.
    """

    def __init__(self, slot: int, run: int, zygote: str, kill: Callable[[], None]) -> None:
        """Raises `OSError` when the server has too few descriptors left; then it keeps none."""
        self.slot, self.run, self.zygote = slot, run, zygote
        self._kill = kill
        self.ended: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        made: list[int] = []
        try:
            for _ in range(4):
                made += os.pipe()
        except OSError:
            for fd in made:
                os.close(fd)
            raise
        self._job_end, self.job, self.frames, self._frames_end = made[:4]
        self.stdout, self._stdout_end, self.stderr, self._stderr_end = made[4:]
        for fd in self._own_ends:
            os.set_blocking(fd, False)

    def __repr__(self) -> str:
        return f"<Sandbox slot={self.slot} run={self.run} {'ended' if self.ended.done() else 'alive'}>"

    @property
    def _own_ends(self) -> tuple[int, int, int, int]:
        return (self.job, self.frames, self.stdout, self.stderr)

    @property
    def run_ends(self) -> tuple[int, int, int, int]:
        """The descriptors that belong to the run's process, in the order that `walls.wire` takes them."""
        return (self._stdout_end, self._stderr_end, self._job_end, self._frames_end)

    def close_run_ends(self) -> None:
        """Let go of the run's ends, once they are on their way to it."""
        for fd in self.run_ends:
            os.close(fd)

    def kill(self) -> None:
        """Ask for the end of the run and of everything it started. `ended` tells when nothing is left."""
        if not self.ended.done():
            self._kill()

    def discard(self) -> None:
        """End a sandbox that got no job and never will."""
        self.kill()
        self.close()

    def close(self) -> None:
        """Let go of the server's ends. The run may still be alive; the slot is free once `ended` is done."""
        for fd in self._own_ends:
            os.close(fd)


class SandboxPool:
    """Hands out sandboxes, at most `config.slots` at a time; replaces its launcher whenever that dies."""

    def __init__(self, config: LauncherConfig, *, warm: Mapping[str, int] | None = None, most_warm: int = 0) -> None:
        """warm: zygote → the least number to keep ready; none of those that it does not name.

        most_warm: what that may grow to for one zygote when its calls come fast.
        """
        self.config = config
        least = {name: min(number, config.slots) for name, number in (warm or {}).items() if number > 0}
        self._warmth = {
            name: WarmTarget(number, min(most_warm, config.slots), time.monotonic) for name, number in least.items()
        }
        self._launcher: LauncherProcess | None = None
        self._gone: LauncherProcess | None = None  # the last one that died, until it is waited for
        self._free: set[int] = set()
        self._alive: dict[int, Sandbox] = {}  # slot → sandbox, warm ones included
        self._warm: dict[str, collections.deque[Sandbox]] = {name: collections.deque() for name in self._warmth}
        self._waiting: collections.deque[asyncio.Future[None]] = collections.deque()
        self._not_warm_before = 0.0
        self._runs = 0
        self._attempts = 0  # to have a launcher whose zygotes all become ready, since the last one that had
        self._restarting: asyncio.Task[None] | None = None
        self._stopping = False
        self.restarts = 0
        self.ready_zygotes: set[str] = set()
        self._zygote_ready = asyncio.Event()
        self.level: Level | None = None
        self.cgroup_reason = ""

    def __repr__(self) -> str:
        return f"<SandboxPool {self.busy} busy, {self.warm} warm, {len(self._free)} free, {len(self._waiting)} waiting>"

    @property
    def busy(self) -> int:
        """Sandboxes with a run in them."""
        return len(self._alive) - self.warm

    @property
    def warm(self) -> int:
        """Sandboxes that wait for a job."""
        return sum(map(len, self._warm.values()))

    @property
    def waiting(self) -> int:
        """Callers that wait for a slot."""
        return len(self._waiting)

    @property
    def launcher_pid(self) -> int | None:
        """Process id of the launcher's outer half; None while there is none."""
        return self._launcher.pid if self._launcher else None

    async def start(self, timeout: float = 30.0) -> Level:
        """Start the launcher and wait for its zygotes. Raises `Error` (internal): what the host is missing."""
        await self._start_launcher(timeout)
        try:
            async with asyncio.timeout(timeout):
                while len(self.ready_zygotes) < len(self.config.zygotes):
                    self._zygote_ready.clear()
                    await self._zygote_ready.wait()
                    if self._launcher is None:
                        raise Error(ErrorCode.INTERNAL, "the sandbox launcher died while its zygotes were starting")
        except TimeoutError:
            raise Error(ErrorCode.INTERNAL, f"the zygotes were not ready within {timeout:g} s") from None
        assert self.level is not None
        self._keep_warm()
        return self.level

    async def stop(self) -> None:
        """End every run, warm sandbox, zygote and the launcher; wait until they are gone."""
        self._stopping = True
        if self._restarting:
            self._restarting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._restarting
        if self._gone:
            await self._gone.stop()
        if self._launcher:
            launcher, self._launcher = self._launcher, None
            await launcher.stop()
        self._lose_all("the server is stopping")

    async def acquire(self, zygote: str, timeout: float, most_waiting: int, program: int | None = None) -> Sandbox:
        """Get a sandbox of `zygote`'s kind, waiting up to `timeout` seconds for a slot.

        `program` is the descriptor of what the run is to become; it stays the caller's. Such a sandbox is never a
        warm one. First come, first served. Raises `Error` (busy) when nothing became free in time, when
        `most_waiting` callers wait already, or when the server has no descriptors left for it. The slot frees itself
        when the sandbox has ended.
        """
        deadline = asyncio.get_running_loop().time() + timeout
        if self._waiting:
            await self._wait_for_slot(deadline, timeout, most_waiting)
        while not self._can_serve(zygote):
            # Its slot is needed here; to wait for that is not to wait for somebody's run, so it is always allowed.
            given_up = not self._free and self._give_up_warm()
            await self._wait_for_slot(deadline, timeout, sys.maxsize if given_up else most_waiting)
        try:
            return self._take(zygote, program)
        except OSError as error:
            raise Error(ErrorCode.BUSY, f"no sandbox can be started: {error.strerror}; try again shortly") from None
        finally:
            # Two places may have become free for one that waited, and another have come before it took its own.
            self._next_turn()

    def _take(self, zygote: str, program: int | None) -> Sandbox:
        warm = self._warm.get(zygote)
        while warm:
            sandbox = warm.popleft()
            if not sandbox.ended.done():
                # Runs that end make room for new warm ones; should this one last, its place is taken a little later.
                self._keep_warm_in(_WARM_AFTER_TAKING)
                return sandbox
        if warm is not None:
            self._warmth[zygote].missed()
            self._keep_warm_in(_WARM_AFTER_TAKING)
        return self._start_sandbox(zygote, program)

    def _can_serve(self, zygote: str) -> bool:
        return self._launcher is not None and bool(self._free or self._warm.get(zygote))

    def _give_up_warm(self) -> bool:
        """End a warm sandbox, of the zygote that has the most of them; False if there is none."""
        fullest = max(self._warm.values(), key=len, default=None)
        if fullest:
            fullest.popleft().discard()
        return bool(fullest)

    def _keep_warm_in(self, seconds: float) -> None:
        asyncio.get_running_loop().call_later(seconds, self._keep_warm)

    def _keep_warm_later(self) -> None:
        self._not_warm_before = asyncio.get_running_loop().time() + _WARM_AFTER_FAILURE
        self._keep_warm_in(_WARM_AFTER_FAILURE)

    async def _wait_for_slot(self, deadline: float, timeout: float, most_waiting: int) -> None:
        if len(self._waiting) >= most_waiting:
            raise Error(ErrorCode.BUSY, f"all {self.config.slots} slots are busy and {most_waiting} callers wait")
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        came = False
        try:
            async with asyncio.timeout_at(deadline):
                await turn
            came = True
        except TimeoutError:
            raise Error(ErrorCode.BUSY, f"no slot became free within {timeout:g} s") from None
        finally:
            self._waiting.remove(turn)
            if not came:
                self._next_turn()  # who gives up in the very moment of its turn passes it on

    def _start_sandbox(self, zygote: str, program: int | None = None) -> Sandbox:
        """Raises `OSError` when the server has too few descriptors left; then the slot is as free as before."""
        assert self._launcher is not None
        slot = self._free.pop()
        self._runs += 1
        run, launcher = self._runs, self._launcher
        try:
            sandbox = Sandbox(slot, run, zygote, lambda: launcher.send({"kill": slot, "run": run}))
            descriptors = sandbox.run_ends if program is None else (*sandbox.run_ends, program)
            try:
                launcher.send({"start": slot, "run": run, "zygote": zygote}, descriptors)
            except OSError:
                sandbox.close()
                raise
            finally:
                sandbox.close_run_ends()
        except OSError:
            self._free.add(slot)
            raise
        self._alive[slot] = sandbox
        return sandbox

    def _keep_warm(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._stopping or self._launcher is None or self._waiting or now < self._not_warm_before:
            return
        for name, warmth in self._warmth.items():
            warm, target = self._warm[name], warmth.target
            while len(warm) < target and self._free and name in self.ready_zygotes:
                try:
                    warm.append(self._start_sandbox(name))
                except OSError:  # too few descriptors, which calls need more than this
                    self._keep_warm_later()
                    return
            while len(warm) > target:
                warm.popleft().discard()

    def _next_turn(self) -> None:
        """Wake as many waiters as there are slots for them."""
        places = len(self._free) + self.warm
        for turn in self._waiting:
            if places <= 0 or self._launcher is None:
                return
            if not turn.done():
                turn.set_result(None)
            places -= 1

    def _on_message(self, message: dict[str, Any]) -> None:
        if "ended" in message:
            sandbox = self._alive.get(message["ended"])
            if sandbox is not None and sandbox.run == message["run"]:
                ended = Ended(
                    message["status"], message.get("memory_kills", 0), message.get("peak"), message.get("why", "")
                )
                self._finish(sandbox, ended)
                self._next_turn()
                self._keep_warm()
        elif message.get("state") == "ready":
            self.ready_zygotes.add(message["zygote"])
            if len(self.ready_zygotes) == len(self.config.zygotes):
                self._attempts = 0
            self._zygote_ready.set()
            self._keep_warm()
        elif message.get("state") == "died":
            self.ready_zygotes.discard(message["zygote"])

    def _finish(self, sandbox: Sandbox, ended: Ended) -> None:
        del self._alive[sandbox.slot]
        self._free.add(sandbox.slot)
        with contextlib.suppress(ValueError):
            self._warm.get(sandbox.zygote, collections.deque()).remove(sandbox)
            sandbox.close()  # nobody took it, so nobody else will
            # It should have waited for a job. Whatever ended it would end the next one as soon.
            self._keep_warm_later()
        if not sandbox.ended.done():
            sandbox.ended.set_result(ended)

    def _lose_all(self, why: str) -> None:
        for sandbox in list(self._alive.values()):
            self._finish(sandbox, Ended(None, why=why))

    async def _start_launcher(self, timeout: float) -> None:
        self.ready_zygotes.clear()
        launcher = LauncherProcess(self._on_message, lambda: self._on_gone(launcher))
        try:
            self.level = await launcher.start(self.config, timeout)
        except asyncio.CancelledError:  # the pool stops while it replaces a launcher
            await launcher.stop()
            raise
        self.cgroup_reason = launcher.cgroup_reason
        self._free = set(range(self.config.slots))
        self._launcher = launcher

    def _on_gone(self, launcher: LauncherProcess) -> None:
        if self._launcher is not launcher:
            return
        self._launcher, self._gone = None, launcher
        self.ready_zygotes.clear()
        self._zygote_ready.set()
        self._lose_all("the sandbox launcher died")
        if not self._stopping:
            self._restarting = asyncio.get_running_loop().create_task(self._replace(launcher))

    async def _replace(self, gone: LauncherProcess) -> None:
        await gone.stop()
        while True:
            await asyncio.sleep(_RESTART_DELAYS[min(self._attempts, len(_RESTART_DELAYS) - 1)])
            self._attempts += 1
            try:
                await self._start_launcher(30.0)
            except (Error, OSError):
                continue  # what stopped it may pass (memory, processes); /health shows that there is none
            self.restarts += 1
            self._next_turn()
            self._keep_warm()
            return
