"""The preparation of a runtime: what has to be made once on a node before a language can be used there."""

from collections.abc import Callable
from enum import StrEnum
from typing import Protocol


class State(StrEnum):
    """The state of a language on a node."""

    READY = "ready"
    PREPARING = "preparing"
    BROKEN = "broken"


class Preparation(Protocol):
    """Something that a runtime needs and that takes long to make; it is made in the background."""

    @property
    def state(self) -> State:
        """The state of the preparation."""

    def as_json(self) -> dict[str, object]:
        """Return `state`, and with it the progress (0 to 1) and the seconds left, or the reason."""

    def start(self, say: Callable[[str], None]) -> None:
        """Begin, unless it is ready; returns at once. `say` gets a line now and then. Needs a running event loop.

        It must not be in the way of calls.
        """

    def hurry(self) -> None:
        """Let it take the whole machine once it begins: a person waits for it, and no calls are served meanwhile."""

    async def settled(self) -> None:
        """Wait until it is ready or broken."""

    async def wait(self, seconds: float) -> None:
        """Wait for it, at most `seconds`, in order to use it; begins it if that is needed.

        Raises `Error` (busy) that says how long it will still take, or what went wrong.
        """

    async def stop(self) -> None:
        """Give up. What is done stays, for the next start."""


class NothingToPrepare:
    """The preparation of a runtime that is ready as it is found."""

    state = State.READY

    def as_json(self) -> dict[str, object]:
        """Return the state."""
        return {"state": self.state}

    def start(self, say: Callable[[str], None]) -> None:
        """Do nothing."""

    def hurry(self) -> None:
        """Do nothing."""

    async def settled(self) -> None:
        """Return at once."""

    async def wait(self, seconds: float) -> None:
        """Return at once."""

    async def stop(self) -> None:
        """Do nothing."""
