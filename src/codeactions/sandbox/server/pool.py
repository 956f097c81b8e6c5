"""The slots of a node: which callers get one, which wait, and which slots are kept warm."""

import asyncio
import contextlib
import sys
from collections.abc import Mapping
from typing import Any

from codeactions.domain.errors import Error, ErrorCode
from codeactions.sandbox.config import LauncherConfig, Level, ZygoteSpec
from codeactions.sandbox.server.launcher_process import LauncherProcess
from codeactions.sandbox.server.sandbox import Ended, Sandbox
from codeactions.sandbox.server.turns import Turns
from codeactions.sandbox.server.warm_sandboxes import WarmSandboxes
from codeactions.sandbox.server.zygotes import Zygotes

_RESTART_DELAYS = (0.0, 0.1, 0.5, 1.0, 2.0, 5.0)  # seconds before each further attempt to replace a launcher


class SandboxPool:
    """Hands out sandboxes, at most `config.slots` at a time; replaces its launcher whenever that dies."""

    def __init__(self, config: LauncherConfig, *, warm: Mapping[str, int] | None = None, most_warm: int = 0) -> None:
        """warm: of the zygotes in `config`, name → the least number to keep ready; none of those it does not name.

        most_warm: what that may grow to for one zygote when its calls come fast.
        """
        self.config = config
        self._least_warm = dict(warm or {})
        self._most_warm = min(most_warm, config.slots)
        self._launcher: LauncherProcess | None = None
        self._gone: LauncherProcess | None = None  # the last one that died, until it is waited for
        self._zygotes = Zygotes(self._on_zygote_ready, self._on_zygote_lost)
        self._free: set[int] = set()
        self._alive: dict[int, Sandbox] = {}  # slot → sandbox, warm ones included
        self._warm = WarmSandboxes(self._keep_warm)
        self._turns = Turns(self._is_ready)
        self._runs = 0
        self._attempts = 0  # to have a launcher in which a zygote becomes ready, since the last that had
        self._restarting: asyncio.Task[None] | None = None
        self._stopping = False
        self.restarts = 0
        self.level: Level | None = None
        self.cgroup_reason = ""

    def __repr__(self) -> str:
        return f"<SandboxPool {self.busy} busy, {self.warm} warm, {len(self._free)} free, {len(self._turns)} waiting>"

    @property
    def busy(self) -> int:
        """Sandboxes with a run in them."""
        return len(self._alive) - self.warm

    @property
    def warm(self) -> int:
        """Sandboxes that wait for a job."""
        return len(self._warm)

    @property
    def waiting(self) -> int:
        """Callers that wait for a slot."""
        return len(self._turns)

    @property
    def ready_zygotes(self) -> set[str]:
        """Names of the zygotes that take runs."""
        return self._zygotes.ready

    @property
    def failed_zygotes(self) -> dict[str, str]:
        """By name, why zygotes that were ready once do not start again."""
        return self._zygotes.failed

    @property
    def launcher_pid(self) -> int | None:
        """Process id of the launcher's supervisor; None while there is none."""
        return self._launcher.pid if self._launcher else None

    async def start(self, timeout: float = 30.0) -> Level:
        """Start the launcher, in so many seconds, and open the configured zygotes.

        Raises `Error` (internal): what the host is missing, or why a zygote does not become ready. Call `stop` then.
        """
        level = await self._start_launcher(timeout)
        for spec in self.config.zygotes:
            await self.open_zygote(spec, warm=self._least_warm.get(spec.name, 0))
        return level

    async def stop(self) -> None:
        """End every run, warm sandbox, zygote and the launcher; wait until they are gone."""
        self._stopping = True
        if self._restarting:
            self._restarting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._restarting
        self._zygotes.lose("the server is stopping")
        if self._gone:
            await self._gone.stop()
        if self._launcher:
            launcher, self._launcher = self._launcher, None
            await launcher.stop()
        self._lose_all("the server is stopping")

    async def open_zygote(self, spec: ZygoteSpec, *, warm: int = 0) -> None:
        """Open a zygote and wait until it is ready. `warm`: the least number of its sandboxes to keep ready.

        From then on it is replaced whenever it dies, in a new launcher too. Raises `Error`: internal, which names the
        zygote and the reason, when it does not become ready or is open already; busy while there is no launcher.
        """
        await self._zygotes.open(spec)
        if spec in self._zygotes.specs:  # not closed again meanwhile
            self._warm.keep(spec.name, min(warm, self.config.slots), self._most_warm)
            self._keep_warm()

    async def close_zygote(self, name: str) -> None:
        """Close a zygote; waits for no run. Its runs go on to their end, and its warm sandboxes are discarded.

        Callers that wait for a sandbox of it get an `Error`. Raises `Error` (internal) when it is not open.
        """
        self._zygotes.close(name)
        self._warm.drop(name)

    async def acquire(self, zygote: str, timeout: float, most_waiting: int, program: int | None = None) -> Sandbox:
        """Get a sandbox of `zygote`'s kind, waiting up to `timeout` seconds for a slot.

        `program` is the descriptor of what the run is to become; it stays the caller's. Such a sandbox is never a
        warm one. First come, first served. The slot frees itself when the sandbox has ended.

        Raises `Error`: busy when nothing became free in time, when `most_waiting` callers wait already, when the
        server has no descriptors left for it, or while a zygote that died cannot be replaced; internal when the zygote
        is not open, or is closed meanwhile.
        """
        deadline = asyncio.get_running_loop().time() + timeout
        if self._turns.lack_a_slot:
            await self._wait_for_turn(zygote, deadline, timeout, most_waiting)
        while not self._can_serve(zygote, program):
            if not self._is_ready(zygote):
                self._next_turn()  # the turn, if this caller has just had it, is of no use to it
                # Its sandboxes cost no wait for a slot; so many callers could have been served at once.
                await self._wait_for_turn(zygote, deadline, timeout, max(most_waiting, self.config.slots))
                continue
            # Its slot is needed here; to wait for that is not to wait for another run, so it is always allowed.
            given_up = not self._free and self._warm.give_up()
            await self._wait_for_turn(zygote, deadline, timeout, sys.maxsize if given_up else most_waiting)
        try:
            warm = None if program is not None else self._warm.take(zygote)
            return warm or self._start_sandbox(zygote, program)
        except OSError as error:
            message = f"no sandbox can be started: {error.strerror}; try again shortly"
            raise Error(ErrorCode.BUSY, message, public="no sandbox can be started; try again shortly") from None
        finally:
            # Two places may have become free for one that waited, and another have come before it took its own.
            self._next_turn()

    def _is_ready(self, zygote: str) -> bool:
        return self._zygotes.number(zygote) is not None

    def _can_serve(self, zygote: str, program: int | None) -> bool:
        if self._launcher is None:
            return False
        return (program is None and self._warm.has(zygote)) or bool(self._free and self._is_ready(zygote))

    async def _wait_for_turn(self, zygote: str, deadline: float, timeout: float, most_waiting: int) -> None:
        if refusal := self._zygotes.refusal(zygote):
            raise refusal
        if len(self._turns) >= most_waiting:
            raise Error(ErrorCode.BUSY, f"all {self.config.slots} slots are busy and {most_waiting} callers wait")
        try:
            await self._turns.wait(zygote, deadline)
        except BaseException as error:
            self._next_turn()  # a caller that gives up in the very moment of its turn passes it on
            if not isinstance(error, TimeoutError):
                raise
            lacking = "no slot became free" if self._is_ready(zygote) else f"the {zygote} zygote was not ready"
            raise Error(ErrorCode.BUSY, f"{lacking} within {timeout:g} s") from None

    def _start_sandbox(self, zygote: str, program: int | None = None) -> Sandbox:
        """Raises `OSError` when the server has too few descriptors left; then the slot is as free as before."""
        assert self._launcher is not None
        slot = self._free.pop()
        self._runs += 1
        run, launcher, number = self._runs, self._launcher, self._zygotes.number(zygote)
        try:
            sandbox = Sandbox(slot, run, zygote, lambda: launcher.send({"kill": slot, "run": run}))
            descriptors = sandbox.run_ends if program is None else (*sandbox.run_ends, program)
            try:
                launcher.send({"start": slot, "run": run, "zygote": number}, descriptors)
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
        if not self._stopping and self._launcher is not None and not self._turns.lack_a_slot:
            self._warm.fill(
                lambda zygote: self._start_sandbox(zygote) if self._free and self._is_ready(zygote) else None
            )

    def _next_turn(self) -> None:
        """Wake as many callers as there are slots for them."""
        if self._launcher is not None:
            self._turns.give(len(self._free) + self.warm)

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
        elif "zygote" in message:  # else it says why it ends, and `_on_gone` follows
            self._zygotes.on_message(message["zygote"], message["state"], message.get("why", ""))

    def _on_zygote_ready(self) -> None:
        self._attempts = 0
        self._next_turn()
        self._keep_warm()

    def _on_zygote_lost(self, name: str, error: Error) -> None:
        self._turns.refuse(name, error)

    def _finish(self, sandbox: Sandbox, ended: Ended) -> None:
        del self._alive[sandbox.slot]
        self._free.add(sandbox.slot)
        self._warm.forget(sandbox)
        if not sandbox.ended.done():
            sandbox.ended.set_result(ended)

    def _lose_all(self, why: str) -> None:
        for sandbox in list(self._alive.values()):
            self._finish(sandbox, Ended(None, why=why))

    async def _start_launcher(self, timeout: float) -> Level:
        launcher = LauncherProcess(self._on_message, lambda: self._on_gone(launcher))
        # Those that are open by now, or else those to be opened at the start: it imports their modules.
        config = self.config.with_zygotes(self._zygotes.specs or self.config.zygotes)
        try:
            level = await launcher.start(config, timeout)
        except asyncio.CancelledError:  # the pool stops while it replaces a launcher
            await launcher.stop()
            raise
        self.level, self.cgroup_reason = level, launcher.cgroup_reason
        self._free = set(range(self.config.slots))
        self._launcher = launcher
        self._zygotes.use(launcher)
        return level

    def _on_gone(self, launcher: LauncherProcess) -> None:
        if self._launcher is not launcher:
            return
        self._launcher, self._gone = None, launcher
        self._zygotes.lose("the sandbox launcher died")
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
            return
