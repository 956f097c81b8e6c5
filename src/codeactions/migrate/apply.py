"""Running migration files, one after the other."""

import time
from collections.abc import Callable, Sequence

from codeactions.migrate import failures, in_transaction, without_transaction
from codeactions.migrate.database.errors import ServerError
from codeactions.migrate.database.session import Session
from codeactions.migrate.database.version_table import RecordedVersion
from codeactions.migrate.manner import manner
from codeactions.migrate.plan import Step
from codeactions.migrate.sending import INVALID_FORMAT, is_too_long, parts, unsendable


class Progress:
    """A listener to a run. This one does nothing; durations are nanoseconds."""

    def planned(self, steps: Sequence[Step]) -> None:
        """Hear of all steps, before the first one."""

    def begins(self, step: Step) -> None:
        """Hear that `step` is read and run now."""

    def ends(self, step: Step, read: int, run: int) -> None:
        """Hear that `step` is recorded, and how long reading and running took."""


def run(
    session: Session,
    steps: Sequence[Step],
    recorded: RecordedVersion,
    progress: Progress,
    stopped: Callable[[], bool] = lambda: False,
) -> RecordedVersion:
    """Run `steps` from the clean version `recorded` and return the new version. Stops at the first failure.

    The caller holds the lock and has made the tables. Steps that were finished before a failure stay. `stopped` is
    called before each step; a True leaves the rest undone. All that was done is on disk when this ends. Raises
    `MigrationError`.
    """
    progress.planned(steps)
    begun = False
    try:
        for step in steps:
            if stopped():
                break
            progress.begins(step)
            begun = True
            begin = time.perf_counter_ns()
            text = step.script.read() if step.script else b""
            read = time.perf_counter_ns()
            recorded = _run_one(session, step, text, recorded)
            progress.ends(step, read - begin, time.perf_counter_ns() - read)
    finally:
        if begun:
            session.wait_for_disk()
    return recorded


def require_sendable(session: Session, step: Step, text: bytes, before: RecordedVersion) -> None:
    """Raise `MigrationError` (invalid) for a file that cannot be sent."""
    reason, outcome = unsendable(text), failures.kept_nothing(before.version)
    if reason == INVALID_FORMAT:
        raise failures.refused(step, text, ServerError("08P01", reason), outcome, session.address.driver)
    if reason:
        raise failures.unsendable(step, reason, outcome)


def _run_one(session: Session, step: Step, text: bytes, before: RecordedVersion) -> RecordedVersion:
    """Run one file in one transaction with its version if it allows that, and without one otherwise."""
    require_sendable(session, step, text, before)
    how = manner(session, text)
    if how.why is None:
        if any(is_too_long(session, part) for part in parts(session, text)):
            outcome = failures.kept_nothing(before.version)
            raise failures.too_long(step, session.address.multi_statement_max_size, outcome)
        why = in_transaction.run(session, step, text, before, how)
    else:
        why = how.why
    if why is None:
        return RecordedVersion(step.target, False)
    return without_transaction.run(session, step, text, before, why)
