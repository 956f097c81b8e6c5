"""Ctrl-C and similar signals: the first asks for a stop between two files, the second cancels the statement."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType

# A pod is evicted by SIGTERM, and a closed terminal sends SIGHUP. Neither may leave a file half done.
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupt:
    """Whether a stop was requested. `cancel` cancels the current statement; `say` gets a line for people.

    Both are called in a signal handler, `cancel` possibly while `say` is at work.
    """

    def __init__(self, cancel: Callable[[], None], say: Callable[[str], None]) -> None:
        self.requested = False
        self._cancel, self._say = cancel, say
        self._asking = False

    def listening(self) -> AbstractContextManager[None]:
        """Handle the signals for a block. Ignored ones stay ignored (nohup).

        SIGINT is handled even if it is ignored, as in golang-migrate: a shell script ignores it in every command that
        it starts with `&`.
        """
        return _handling(_SIGNALS, self._handle, though_ignored=(signal.SIGINT,))

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Take a signal for an answer in a block that waits for one: it raises KeyboardInterrupt."""
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
            # Before printing, which may block.
            self._cancel()
            self._say("Cancelling the running statement ...")


def dying_at_once() -> AbstractContextManager[None]:
    """Let SIGINT end the process without a word, as SIGTERM does, for a block that has nothing to finish."""
    return _handling((signal.SIGINT,), signal.SIG_DFL)


@contextmanager
def _handling(
    numbers: tuple[signal.Signals, ...],
    handler: Callable[[int, FrameType | None], None] | signal.Handlers,
    though_ignored: tuple[signal.Signals, ...] = (),
) -> Iterator[None]:
    """Set `handler` for the block, except for ignored signals and handlers that Python cannot put back."""
    # Other threads may not do this, and receive no signals.
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
