"""Ctrl-C and the like: the first asks for a stop between two files, the second cancels the statement."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType

# A pod is evicted by SIGTERM, a closed terminal sends SIGHUP: neither may leave a file half done.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupt:
    """Whether to stop. `cancel` gives up the statement under way; `say` gets a line for people.

    Both are called in a signal handler, `cancel` possibly while `say` is at work.
    """

    def __init__(self, cancel: Callable[[], None], say: Callable[[str], None]) -> None:
        self.requested = False
        self._cancel, self._say = cancel, say
        self._asking = False

    def listening(self) -> AbstractContextManager[None]:
        """Handle the signals for a block; those that are ignored stay so (nohup).

        But for SIGINT, as with golang-migrate: a script's shell has it ignored in all that it starts with `&`.
        """
        return _handling(SIGNALS, self._handle, though_ignored=(signal.SIGINT,))

    @contextmanager
    def asking(self) -> Iterator[None]:
        """While a question waits for its answer, a signal is one: KeyboardInterrupt."""
        try:
            self._asking = True
            yield
        finally:
            self._asking = False

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        if self._asking:
            raise KeyboardInterrupt
        if not self.requested:
            self.requested = True
            self._say("Stopping after this running migration ...")
        else:
            # First, since there may be nobody who reads what is said.
            self._cancel()
            self._say("Cancelling the running statement ...")


def dying_at_once() -> AbstractContextManager[None]:
    """For a block in which nothing is under way yet: SIGINT ends the process as SIGTERM does, without words."""
    return _handling((signal.SIGINT,), signal.SIG_DFL)


@contextmanager
def _handling(
    numbers: tuple[signal.Signals, ...],
    handler: Callable[[int, FrameType | None], None] | signal.Handlers,
    though_ignored: tuple[signal.Signals, ...] = (),
) -> Iterator[None]:
    """Have `handler` for the block, but not where the signal was ignored, nor where Python could not put it back."""
    # Other threads may not do this, and hear no signals either.
    known = numbers if threading.current_thread() is threading.main_thread() else ()
    before = {number: signal.getsignal(number) for number in known}
    ignored = {number for number, old in before.items() if old is signal.SIG_IGN and number not in though_ignored}
    before = {number: old for number, old in before.items() if old is not None and number not in ignored}
    for number in before:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
