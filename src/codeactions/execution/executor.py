"""The seam between asking for an execution and where it takes place.

execution/local.py has the executor of this node. tests/conformance/executors/ holds what every executor has to do.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from codeactions.domain.job import Job
from codeactions.domain.log import LogLine
from codeactions.domain.run import AnswerHead, ErrorType, Outcome, RunError

CANCELLED = RunError(ErrorType.CANCELLED, "the run was cancelled")
# A log line, the head of the answer, or a piece of its body. The head comes once, before the first piece.
Output = LogLine | AnswerHead | bytes


@dataclass(frozen=True, slots=True)
class Usage:
    """The resources that an execution used. memory_peak: bytes; None where the host does not tell."""

    memory_peak: int | None = None


class Execution(Protocol):
    """One job under way. It ends by itself, by a limit, by `cancel`, or when nothing refers to it any more."""

    def events(self) -> AsyncIterator[Output]:
        """Tell what the execution puts out, from its beginning, until it ends. May be called more than once.

        Nothing in the server reads it yet. It is there for answers that are sent while the run goes on.
        """

    async def outcome(self) -> Outcome:
        """Wait for the end. Never raises for what the code does.

        The sandbox is gone or going when this returns. Cancelling the wait cancels the execution.
        """

    async def usage(self) -> Usage:
        """Wait until nothing of the execution is left, its slot included, and tell what it used."""

    def cancel(self, error: RunError = CANCELLED) -> None:
        """End the execution with this error. Nothing happens when it has ended already."""


class Executor(Protocol):
    """Starts jobs."""

    async def start(self, job: Job) -> Execution:
        """Wait for a slot and start the job in it.

        Raises `Error` (busy) and starts nothing when there is no runtime for the language, no artifact, no slot in
        time, or when the executor is closed. A start that is cancelled leaves no sandbox behind.
        """

    def close(self) -> None:
        """Start nothing more, also none of the jobs that wait for a slot. What runs goes on."""
