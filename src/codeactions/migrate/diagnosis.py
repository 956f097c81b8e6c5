"""What to say about a migration file that failed."""

from dataclasses import dataclass

from codeactions.domain.errors import ErrorCode
from codeactions.migrate.database.address import Driver
from codeactions.migrate.database.libpq import DatabaseError, ServerError, TimedOut
from codeactions.migrate.database.session import in_go_words
from codeactions.migrate.failure import NIL_VERSION, MigrationError
from codeactions.migrate.plan import Step
from codeactions.migrate.script.secrets import masked


@dataclass(frozen=True)
class Outcome:
    """In what state a failed step leaves the database, and what that asks for."""

    message: str
    dirty: bool = False


def kept_nothing(version: int) -> Outcome:
    """The transaction was rolled back."""
    at = "at no version" if version == NIL_VERSION else f"at version {version}"
    return Outcome(f"nothing of it was kept, the database is {at} and clean; mend the cause, then run `migrate up`")


def lost() -> Outcome:
    """The connection broke in a transaction. The server rolls back what was not committed."""
    return Outcome("the connection was lost: look with `migrate status`, then run `migrate up`")


def left_dirty(step: Step, before: int, *, why: str = "", advice: str = "", ended: bool = False) -> Outcome:
    """A file without a transaction around it stopped on its way, or `ended` but could not be recorded."""
    because = f" ({why}, so no transaction holds it together)" if why else ""
    what = "was run, and its end is not recorded" if ended else f"began{because} and did not end"
    message = f"the database is left dirty at version {step.target}: {step} {what}; "
    if step.late:
        message += late_way_out(before)
    else:
        message += way_out(nothing=before, everything=step.target)
    return Outcome(message + (f". {advice}" if advice else ""), dirty=True)


def way_out(*, nothing: int, everything: int) -> str:
    """What to do about a dirty database, by how much of the file there is in it."""
    return (
        f"if nothing of it is in the database, run `migrate force {argument(nothing)}`, if all of it is, "
        f"`migrate force {argument(everything)}`, then `migrate up`"
    )


def late_way_out(version: int) -> str:
    """The same for a late file, which leaves the version as it is: only an undone file can be tried again."""
    return f"undo what is there of it, run `migrate force {argument(version)}`, then `migrate up -late apply`"


def argument(version: int) -> str:
    """A version for `force`: a bare -1 is a flag for golang-migrate, and people will type this into either."""
    return f"-- {version}" if version < 0 else str(version)


def refused(step: Step, text: bytes, error: ServerError, outcome: Outcome, driver: Driver) -> MigrationError:
    """The failure of a file that is not even sent, as the server would have put it."""
    query, message = masked(text.decode(errors="backslashreplace")), error.message
    tool = f"migration failed: {message} in line 0: {query} (details: {in_go_words(error, driver)})"
    return _error(ErrorCode.INVALID, step, message, tool, outcome)


def failed(step: Step, text: bytes, error: DatabaseError, outcome: Outcome, driver: Driver) -> MigrationError:
    """The failure of `step` at `text`, which is the file or the piece of it that was sent."""
    query = text.decode(errors="backslashreplace")
    details = in_go_words(error, driver)
    # pgx gives up the connection when the time is over, and so has no word of the server's.
    if not isinstance(error, ServerError) or (isinstance(error, TimedOut) and driver is not Driver.POSTGRES):
        tool = f"migration failed in line 0: {masked(query)} (details: {details})"
        return _error(ErrorCode.INTERNAL, step, " ".join(str(error).split()), tool, outcome)
    line, column = position(query, error.position)
    at = f" (column {column})" if column else ""
    detail = f", {error.detail}" if error.detail else ""
    tool = masked(f"migration failed: {error.message}{at}{detail} in line {line}: {query} (details: {details})")
    reason = " ".join(f"{error.message}{detail}".split())
    reason += f" in line {line}, column {column}" if column else ""
    reason += f" (SQLSTATE {error.sqlstate})" if error.sqlstate else ""
    reason += f"; hint: {' '.join(error.hint.split())}" if error.hint else ""
    return _error(ErrorCode.INTERNAL, step, masked(reason), tool, outcome)


def open_transaction(step: Step, outcome: Outcome) -> MigrationError:
    """A file that begins a transaction and does not end it; what it did is rolled back."""
    details = "pq: unexpected transaction status idle in transaction"
    tool = f"transaction start failed in line 0:  (details: {details})"
    return _error(ErrorCode.INTERNAL, step, "the file leaves a transaction open", tool, outcome)


def unrecorded(step: Step, error: ServerError, outcome: Outcome, driver: Driver) -> MigrationError:
    """A file that was run, and after which the version could not be written; `error` has the statement."""
    tool = f"{in_go_words(error, driver)} in line 0: {error.query}"
    return _error(ErrorCode.INTERNAL, step, f"its end cannot be recorded: {error.message}", tool, outcome)


def too_long(step: Step, limit: int, outcome: Outcome) -> MigrationError:
    """A piece above x-multi-statement-max-size."""
    reason = f"a statement is longer than x-multi-statement-max-size allows ({limit} bytes)"
    return _error(ErrorCode.INVALID, step, reason, "bufio.Scanner: token too long", outcome)


def _error(code: ErrorCode, step: Step, reason: str, tool: str, outcome: Outcome) -> MigrationError:
    said = outcome.message
    return MigrationError(
        code,
        f"migration {step} failed: {reason}; {said}",
        tool=tool,
        hint=f"{said[0].upper()}{said[1:]}.",
        urgent=outcome.dirty,
    )


def position(query: str, offset: int) -> tuple[int, int]:
    """Line and column, both from 1, of the server's position (from 1, in characters); (0, 0) if unknown.

    An error "at end of input" points behind the text, which is no place in it.
    """
    if not 0 < offset <= len(query):
        return 0, 0
    before = query[: offset - 1]
    return before.count("\n") + 1, offset - 1 - before.rfind("\n")
