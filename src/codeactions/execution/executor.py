"""The seam between asking for an execution and where it takes place.

execution/local.py has the executor of this node. tests/conformance/executors/ holds what every executor has to do.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from codeactions.domain.job import Job
from codeactions.domain.log import LogLine
from codeactions.domain.run import Answer, AnswerHead, ErrorType, Outcome, RunError

CANCELLED = RunError(ErrorType.CANCELLED, "the run was cancelled")


class AnswerCut(Exception):
    """A run ended before its answer was whole."""


@dataclass(frozen=True, slots=True)
class Usage:
    """The resources that an execution used. memory_peak: bytes; None where the host does not tell."""

    memory_peak: int | None = None


class EarlyAnswer(Protocol):
    """An answer that goes out while its execution goes on."""

    @property
    def head(self) -> AnswerHead:
        """The status, content type and headers, which are sent before the body."""

    @property
    def body(self) -> bytes | None:
        """The whole body of an answer that came as one; None of one in pieces."""

    def chunks(self) -> AsyncIterator[bytes]:
        """Give the body as it comes, to one reader. Without a reader the execution waits in its next write.

        Raises `AnswerCut`, after all that came, when the execution ends before the answer is whole.
        """

    async def answered(self) -> Answer | None:
        """Wait for the whole answer of an execution that then goes on. None if it ends with its answer, or before."""


class Execution(Protocol):
    """One job under way. It ends by itself, by a limit, by `cancel`, or when nothing refers to it any more."""

    def events(self) -> AsyncIterator[LogLine]:
        """Tell the execution's log, from its beginning, until it ends. May be called more than once."""

    async def early_answer(self) -> EarlyAnswer | None:
        """Wait until the execution begins an answer that goes out while it goes on. None if it ends without one.

        What came in pieces has to be read: see `EarlyAnswer.chunks`. Cancelling the wait cancels the execution.
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
