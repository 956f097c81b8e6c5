"""The errors for a migration file that failed.

The modules that only a failure needs are imported in the functions: most runs do without.
"""

from typing import NamedTuple

from codeactions.migrate.database.errors import DatabaseError, ServerError, TimedOut
from codeactions.migrate.errors import ErrorCode, MigrationError, sentence
from codeactions.migrate.go_compat.drivers import Driver
from codeactions.migrate.plan import Step
from codeactions.migrate.versions import NIL_VERSION


class Outcome(NamedTuple):
    """The state in which a failed step leaves the database, and what that asks for."""

    message: str
    urgent: bool = False
    """Whether people are told even where golang-migrate says nothing of the kind."""


class Kept(NamedTuple):
    """The part of a file, which stopped half-way without a transaction, that is in the database."""

    message: str
    nothing: bool = False
    """Whether it is certain that nothing of it is in the database."""


PUT_ALONE = (
    "PostgreSQL runs several statements as one transaction: put this one in a file of its own, or add "
    "x-multi-statement=true to the database URL"
)


def kept_nothing(version: int, *, told: bool = False, advice: str = "") -> Outcome:
    """Return the outcome of a transaction that was rolled back.

    `told` if people have reason to expect something else; `advice` is always told.
    """
    at = "at no version" if version == NIL_VERSION else f"at version {version}"
    message = f"nothing of it was kept, the database is {at} and clean; mend the cause, then run `migrate up`"
    return Outcome(message + (f". {sentence(advice)[:-1]}" if advice else ""), told or bool(advice))


def lost() -> Outcome:
    """Return the outcome of a connection that broke in a transaction.

    The server rolls back what was not committed.
    """
    return Outcome("the connection was lost: look with `migrate status`, then run `migrate up`")


def left_dirty(
    step: Step, before: int, *, why: str = "", kept: Kept | None = None, advice: str = "", ended: bool = False
) -> Outcome:
    """Return the outcome of a file that stopped half-way without a transaction, or `ended` but was not recorded.

    `before` is the version before the step; `why` names what kept the file out of a transaction; `kept` is None if
    nothing is known; `advice` comes last.
    """
    because = f" ({why}, so no single transaction holds it together)" if why else ""
    what = "was run, and its end is not recorded" if ended else f"began{because} and did not end"
    message = f"the database is left dirty at version {step.target}: {step} {what}"
    ways = late_way_out(before, kept) if step.late else way_out(nothing=before, everything=step.target, kept=kept)
    message += f". {kept.message}. {sentence(ways)[:-1]}" if kept else f"; {ways}"
    return Outcome(message + (f". {advice}" if advice else ""), urgent=True)


def way_out(*, nothing: int, everything: int, kept: Kept | None = None) -> str:
    """Return what to do about a dirty database, by how much of the file is in it.

    The two versions are those to force if nothing or everything of the file is there.
    """
    again, done = (f"`migrate force {force_argument(version)}`" for version in (nothing, everything))
    if kept is None:
        return f"if nothing of it is in the database, run {again}, if all of it is, {done}, then `migrate up`"
    rest = "all of it" if kept.nothing else "the rest"
    return f"{_undone(kept)}run {again}, or do {rest} by hand and run {done}, then `migrate up`"


def late_way_out(version: int, kept: Kept | None = None) -> str:
    """Return the same for a late file. It leaves the version as it is, so only an undone file can be tried again."""
    return f"{_undone(kept)}run `migrate force {force_argument(version)}`, then `migrate up -late apply`"


def _undone(kept: Kept | None) -> str:
    return "" if kept and kept.nothing else "undo what is there of it, "


def force_argument(version: int) -> str:
    """Return a version for `force`. golang-migrate takes a bare -1 for a flag, and people will use either program."""
    return f"-- {version}" if version < 0 else str(version)


def refused(step: Step, text: bytes, error: ServerError, outcome: Outcome, driver: Driver) -> MigrationError:
    """Return the error for a file that is not even sent, as the server would have put it."""
    from codeactions.migrate.go_compat.driver_errors import in_go_words
    from codeactions.migrate.statements.secrets import masked

    query, message = masked(text.decode(errors="backslashreplace")), error.message
    go_text = f"migration failed: {message} in line 0: {query} (details: {in_go_words(error, driver)})"
    return _error(ErrorCode.INVALID, step, message, go_text, outcome)


def unsendable(step: Step, reason: str, outcome: Outcome) -> MigrationError:
    """Return the error for a file that no server is asked about, since it cannot be sent: `reason` is for people."""
    return _error(ErrorCode.INVALID, step, reason, f"migration failed: {step}: {reason}", outcome)


def failed(step: Step, text: bytes, error: DatabaseError, outcome: Outcome, driver: Driver) -> MigrationError:
    """Return the error for `step`, which failed at `text`: the file, or the piece of it that was sent."""
    from codeactions.migrate.go_compat.driver_errors import in_go_words
    from codeactions.migrate.statements import copy_data, psql
    from codeactions.migrate.statements.secrets import masked

    query, shown = text.decode(errors="backslashreplace"), copy_data.shown(text).decode(errors="backslashreplace")
    details = in_go_words(error, driver)
    # pgx gives up the connection when the time is over, and so has no words of the server's.
    if not isinstance(error, ServerError) or (isinstance(error, TimedOut) and driver is not Driver.POSTGRES):
        go_text = f"migration failed in line 0: {masked(shown)} (details: {details})"
        return _error(ErrorCode.INTERNAL, step, " ".join(str(error).split()), go_text, outcome)
    line, column = position(query, error.position)
    at = f" (column {column})" if column else ""
    detail = f", {error.detail}" if error.detail else ""
    go_text = masked(f"migration failed: {error.message}{at}{detail} in line {line}: {shown} (details: {details})")
    reason = " ".join(f"{error.message}{detail}".split())
    reason += f" in line {line}, column {column}" if column else ""
    reason += f" (SQLSTATE {error.sqlstate})" if error.sqlstate else ""
    reason += f"; hint: {' '.join(error.hint.split())}" if error.hint else ""
    return _error(ErrorCode.INTERNAL, step, masked(reason), go_text, outcome, psql.advice(query, error.position))


def open_transaction(step: Step, outcome: Outcome) -> MigrationError:
    """Return the error for a file that begins a transaction and does not end it. What it did is rolled back."""
    details = "pq: unexpected transaction status idle in transaction"
    go_text = f"transaction start failed in line 0:  (details: {details})"
    return _error(ErrorCode.INTERNAL, step, "the file leaves a transaction open", go_text, outcome)


def unrecorded(step: Step, error: ServerError, outcome: Outcome, driver: Driver) -> MigrationError:
    """Return the error for a file that was run, but whose version could not be written; `error` has the statement."""
    from codeactions.migrate.go_compat.driver_errors import in_go_words

    go_text = f"{in_go_words(error, driver)} in line 0: {error.query}"
    return _error(ErrorCode.INTERNAL, step, f"its end cannot be recorded: {error.message}", go_text, outcome)


def too_long(step: Step, limit: int, outcome: Outcome) -> MigrationError:
    """Return the error for a piece above x-multi-statement-max-size."""
    reason = f"a statement is longer than x-multi-statement-max-size allows ({limit} bytes)"
    return _error(ErrorCode.INVALID, step, reason, "bufio.Scanner: token too long", outcome)


def position(query: str, offset: int) -> tuple[int, int]:
    """Return line and column, both from 1, of the server's position (from 1, in characters); (0, 0) if unknown.

    An error "at end of input" points behind the text, which is no place in it.
    """
    if not 0 < offset <= len(query):
        return 0, 0
    before = query[: offset - 1]
    return before.count("\n") + 1, offset - 1 - before.rfind("\n")


def _error(
    code: ErrorCode, step: Step, reason: str, go_text: str, outcome: Outcome, advice: str = ""
) -> MigrationError:
    """Return the error. With `advice`, which the server's own words do not give, the hint is always printed."""
    said = [advice, outcome.message] if advice else [outcome.message]
    return MigrationError(
        code,
        f"migration {step} failed: {'; '.join([reason, *said])}",
        go_text=go_text,
        hint=" ".join(map(sentence, said)),
        urgent=outcome.urgent or bool(advice),
    )
