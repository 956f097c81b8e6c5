"""The progress of a run: a line for each file, the verbose lines around it, a clock on a terminal."""

import threading
import time
from collections.abc import Callable, Sequence

from codeactions.migrate.apply import Progress
from codeactions.migrate.go_compat.duration import duration_text
from codeactions.migrate.plan import Step
from codeactions.migrate.terminal.output import Output

_TICK = 1.0
_DONE = {"u": "applied", "d": "undone"}


class Report(Progress):
    """Prints a run as golang-migrate does. Nothing is read ahead; `prefetch` only shapes the verbose lines."""

    def __init__(self, output: Output, prefetch: int, ended: Callable[[Step], None] = lambda _: None) -> None:
        """`ended` is called with each step behind its line."""
        self._output = output
        self._prefetch = prefetch
        self._ended = ended
        self._coming: list[Step] = []
        self.done = 0
        """How many steps are finished."""
        self._total = 0
        self._clock: _Clock | None = None

    def planned(self, steps: Sequence[Step]) -> None:
        """Announce the files that golang-migrate would read ahead."""
        self._coming, self._total = list(steps), len(steps)
        # golang-migrate announces one file more, which waits for room while the first one runs.
        self._announce(self._prefetch + 1)

    def begins(self, step: Step) -> None:
        """Announce it, and start the clock."""
        self._announce(1)
        if step.script:
            self._output.detail(f"Read and execute {step}")
        self._clock = _Clock(self._output, f"{self.done + 1} of {self._total}: {step}")

    def ends(self, step: Step, read: int, run: int) -> None:
        """Print the line that stays."""
        self.stop()
        self.done += 1
        if self._output.verbose:
            self._output.detail(f"Finished {step} (read {duration_text(read)}, ran {duration_text(run)})")
        if self._output.as_json or not self._output.verbose:
            self._output.line(
                f"{step} ({duration_text(read + run)})",
                _DONE[step.direction],
                version=step.version,
                title=step.script.title if step.script else None,
                recorded=None if step.target < 0 else step.target,
                duration_ms=round((read + run) / 1e6, 3),
            )
        self._ended(step)

    def stop(self) -> None:
        """End the clock, also after a failure."""
        if self._clock:
            self._clock.stop()
            self._clock = None

    def _announce(self, count: int) -> None:
        """Print golang-migrate's words for its read-ahead, at the moments when it prints them."""
        for step in self._coming[:count]:
            ahead = step.script and self._prefetch
            self._output.detail(f"{'Start buffering' if ahead else 'Scheduled'} {step}")
        del self._coming[:count]


class _Clock:
    """A line on a terminal that says each second what is running and for how long."""

    def __init__(self, output: Output, what: str) -> None:
        self._output, self._what = output, what
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True) if output.is_terminal else None
        if self._thread:
            self._thread.start()

    def _run(self) -> None:
        begin = time.monotonic()
        while not self._ended.wait(_TICK):
            self._output.passing(f"{self._what} ... {time.monotonic() - begin:.0f} s")

    def stop(self) -> None:
        self._ended.set()
        if self._thread:
            self._thread.join()
