"""How a run of migrations shows: each file's line, the verbose lines around it, a clock on a terminal."""

import threading
import time
from collections.abc import Sequence

from codeactions.migrate import duration
from codeactions.migrate.apply import Progress
from codeactions.migrate.command.output import Output
from codeactions.migrate.plan import Step

TICK = 1.0
DONE = {"u": "applied", "d": "undone"}


class Report(Progress):
    """Prints a run as golang-migrate does. `prefetch` only shapes the verbose lines, as nothing is read ahead."""

    def __init__(self, output: Output, prefetch: int) -> None:
        self._output = output
        self._prefetch = prefetch
        self._coming: list[Step] = []
        self.done = 0
        """How many steps came to their end."""
        self._total = 0
        self._clock: _Clock | None = None

    def planned(self, steps: Sequence[Step]) -> None:
        """Announce what would be read ahead."""
        self._coming, self._total = list(steps), len(steps)
        # It announces a file, then waits for room among those read ahead, while the first is under way already.
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
            self._output.detail(f"Finished {step} (read {duration.text(read)}, ran {duration.text(run)})")
            if not self._output.as_json:
                return
        self._output.line(
            f"{step} ({duration.text(read + run)})",
            DONE[step.direction],
            version=step.version,
            title=step.script.title if step.script else None,
            recorded=None if step.target < 0 else step.target,
            duration_ms=round((read + run) / 1e6, 3),
        )

    def stop(self) -> None:
        """End the clock, also after a failure."""
        if self._clock:
            self._clock.stop()
            self._clock = None

    def _announce(self, count: int) -> None:
        """golang-migrate's words for its read-ahead, at the moments it says them."""
        for step in self._coming[:count]:
            ahead = step.script and self._prefetch
            self._output.detail(f"{'Start buffering' if ahead else 'Scheduled'} {step}")
        del self._coming[:count]


class _Clock:
    """Shows on a terminal, each second, what is running and since when."""

    def __init__(self, output: Output, what: str) -> None:
        self._output, self._what = output, what
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True) if output.is_terminal else None
        if self._thread:
            self._thread.start()

    def _run(self) -> None:
        begin = time.monotonic()
        while not self._ended.wait(TICK):
            self._output.passing(f"{self._what} ... {time.monotonic() - begin:.0f} s")

    def stop(self) -> None:
        self._ended.set()
        if self._thread:
            self._thread.join()
