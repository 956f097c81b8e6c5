"""The zygotes that are open: which are ready, which are not and why, and when one that died is tried again."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from codeactions.domain.errors import Error, ErrorCode
from codeactions.sandbox.config import ZygoteSpec

_RETRY_DELAYS = (0.0, 0.1, 0.5, 1.0, 2.0, 5.0)  # seconds before each further attempt to replace a zygote
_STEADY_SECONDS = 10.0  # a zygote that lived so long is replaced at once when it dies


class Opener(Protocol):
    """A launcher, as far as zygotes need it."""

    def open_zygote(self, number: int, spec: ZygoteSpec) -> None:
        """Ask for a zygote. Raises `OSError`."""

    def close_zygote(self, number: int) -> None:
        """Ask for a zygote's end."""


class _Zygote:
    """One open zygote, over all the processes that it is in turn."""

    def __init__(self, spec: ZygoteSpec) -> None:
        self.spec = spec
        self.number = 0  # of its present process
        self.ready = False
        self.first_ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.failed = ""  # why its last process did not become ready; "" while one may
        self.attempts = 0  # to have one that lasts, since the last that did
        self.ready_at = 0.0  # when its present process became ready, in the loop's time
        self.timer: asyncio.TimerHandle | None = None  # of its deadline, or of the next attempt

    @property
    def was_ready(self) -> bool:
        return self.first_ready.done()

    def set_timer(self, seconds: float, callback: Callable[["_Zygote"], None]) -> None:
        self.clear_timer()
        self.timer = asyncio.get_running_loop().call_later(seconds, callback, self)

    def clear_timer(self) -> None:
        if self.timer:
            self.timer.cancel()
            self.timer = None


class Zygotes:
    """Opens, closes and replaces zygotes in whatever launcher there is.

    A zygote that does not become ready when it is first opened is not open. One that was ready and died is replaced;
    when its successors do not become ready, more are tried, after growing delays.
    """

    def __init__(self, on_ready: Callable[[], None], on_lost: Callable[[str, Error], None]) -> None:
        """on_ready: called whenever a zygote became ready. on_lost: called with the name of one that did not."""
        self._on_ready = on_ready
        self._on_lost = on_lost
        self._launcher: Opener | None = None
        self._open: dict[str, _Zygote] = {}
        self._by_number: dict[int, _Zygote] = {}
        self._numbers = 0

    def __repr__(self) -> str:
        return f"<Zygotes {len(self._open)} open, {len(self.ready)} ready>"

    @property
    def ready(self) -> set[str]:
        """Names of those that take runs."""
        return {name for name, zygote in self._open.items() if zygote.ready}

    @property
    def failed(self) -> dict[str, str]:
        """By name, why those do not start that were ready once and do not become so again."""
        return {name: zygote.failed for name, zygote in self._open.items() if zygote.failed}

    @property
    def specs(self) -> list[ZygoteSpec]:
        """All that are open, in the order they were opened."""
        return [zygote.spec for zygote in self._open.values()]

    def number(self, name: str) -> int | None:
        """Return the number of a zygote that takes runs; None if it does not."""
        zygote = self._open.get(name)
        return zygote.number if zygote and zygote.ready else None

    def refusal(self, name: str) -> Error | None:
        """Return why no sandbox of this zygote is to be had, and None if it is ready or may soon be."""
        zygote = self._open.get(name)
        if zygote is None:
            return _error(f"no {name} zygote is open")
        if zygote.failed:
            message = f"the {name} zygote does not start: {zygote.failed}; it is tried again"
            return Error(ErrorCode.BUSY, message, public=f"the {name} zygote does not start; it is tried again")
        return None

    async def open(self, spec: ZygoteSpec) -> None:
        """Open a zygote and wait until it is ready.

        Raises `Error`: internal with the reason when it does not become ready or one of that name is open, busy while
        there is no launcher.
        """
        if spec.name in self._open:
            raise _error(f"a {spec.name} zygote is open already")
        if self._launcher is None:
            raise Error(ErrorCode.BUSY, f"the {spec.name} zygote cannot start: the sandbox launcher is being replaced")
        zygote = self._open[spec.name] = _Zygote(spec)
        self._begin(zygote)
        try:
            await zygote.first_ready
        except asyncio.CancelledError:
            if self._open.get(spec.name) is zygote:
                self._end(zygote)
                self._tell_lost(zygote, _closed(spec.name))
            raise

    def close(self, name: str) -> None:
        """Close a zygote. Runs of it go on. Raises `Error` (internal) when none of that name is open."""
        zygote = self._open.get(name)
        if zygote is None:
            raise _error(f"no {name} zygote is open")
        self._end(zygote)
        self._tell_lost(zygote, _closed(name))

    def use(self, launcher: Opener) -> None:
        """Have a new launcher, in which every open zygote is opened again."""
        self._launcher = launcher
        for zygote in [*self._open.values()]:
            self._begin(zygote)

    def lose(self, why: str) -> None:
        """Have no launcher any more. Zygotes that had never been ready are not open from now on."""
        self._launcher = None
        self._by_number.clear()
        for zygote in [*self._open.values()]:
            zygote.clear_timer()
            zygote.ready, zygote.failed = False, ""
            if not zygote.was_ready:
                self._fail(zygote, why)

    def on_message(self, number: int, state: str, why: str = "") -> None:
        """Take a launcher's news of a zygote."""
        zygote = self._by_number.get(number)
        if zygote is None:  # closed since
            return
        if state == "ready":
            zygote.clear_timer()
            zygote.ready, zygote.failed, zygote.ready_at = True, "", asyncio.get_running_loop().time()
            if not zygote.was_ready:
                zygote.first_ready.set_result(None)
            self._on_ready()
            return
        del self._by_number[number]
        if zygote.ready:
            zygote.ready = False
            if asyncio.get_running_loop().time() - zygote.ready_at >= _STEADY_SECONDS:
                zygote.attempts = 0
            self._try_later(zygote)
        else:
            self._fail(zygote, why)

    def _begin(self, zygote: _Zygote) -> None:
        if self._launcher is None:
            return
        self._numbers += 1
        zygote.number = self._numbers
        self._by_number[zygote.number] = zygote
        zygote.set_timer(zygote.spec.ready_seconds, self._give_up)
        try:
            self._launcher.open_zygote(zygote.number, zygote.spec)
        except OSError as error:
            del self._by_number[zygote.number]
            self._fail(zygote, error.strerror or "it cannot be asked for")

    def _try_later(self, zygote: _Zygote) -> None:
        zygote.set_timer(_RETRY_DELAYS[min(zygote.attempts, len(_RETRY_DELAYS) - 1)], self._begin)
        zygote.attempts += 1

    def _give_up(self, zygote: _Zygote) -> None:
        """The present process has had its time."""
        self._end_process(zygote)
        self._fail(zygote, f"it was not ready within {zygote.spec.ready_seconds:g} s")

    def _fail(self, zygote: _Zygote, why: str) -> None:
        """A process did not become ready."""
        if zygote.was_ready:
            zygote.failed = why
            self._try_later(zygote)
        else:
            self._end(zygote)
        self._tell_lost(zygote, _error(f"the {zygote.spec.name} zygote cannot start: {why}"))

    def _tell_lost(self, zygote: _Zygote, error: Error) -> None:
        if not zygote.was_ready:
            zygote.first_ready.set_exception(error)
        name = zygote.spec.name
        self._on_lost(name, (self.refusal(name) if name in self._open else None) or error)

    def _end(self, zygote: _Zygote) -> None:
        del self._open[zygote.spec.name]
        zygote.ready = False
        self._end_process(zygote)

    def _end_process(self, zygote: _Zygote) -> None:
        zygote.clear_timer()
        if self._by_number.pop(zygote.number, None) is not None and self._launcher is not None:
            self._launcher.close_zygote(zygote.number)


def _closed(name: str) -> Error:
    return _error(f"the {name} zygote was closed")


def _error(message: str) -> Error:
    return Error(ErrorCode.INTERNAL, message)
