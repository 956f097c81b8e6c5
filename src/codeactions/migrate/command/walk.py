"""`up`, `down` and `goto`: from one version to another."""

import re
from collections.abc import Callable, Sequence

from codeactions.domain.errors import ErrorCode, invalid
from codeactions.migrate import apply, plan, state
from codeactions.migrate.alone import why_alone
from codeactions.migrate.command.call import Call
from codeactions.migrate.command.progress import Report
from codeactions.migrate.database.history import never_applied
from codeactions.migrate.database.version import Recorded
from codeactions.migrate.failure import MigrationError
from codeactions.migrate.source.files import MAX_VERSION, Migrations

Planner = Callable[[int, Sequence[int]], list[plan.Step]]
PREFETCH = 10
MOST_NAMED = 10


def up(call: Call) -> int:
    """Apply all, or the next N; more arguments are ignored."""
    limit = _limit(call.words)
    return _go(call, lambda version, late: plan.up(call.migrations, version, late), limit, needs_files=True)


def down(call: Call) -> int:
    """Undo the last N, or all after asking."""
    everything = bool(call.flags.get("all"))
    if everything and call.words:
        raise invalid("-all cannot be used with other arguments")
    if len(call.words) > 1:
        raise invalid("too many arguments")
    limit = _limit(call.words)
    if (
        limit is None
        and not everything
        and not call.flags.get("dry-run")
        and not call.confirmed(
            "Are you sure you want to apply all down migrations?",
            "Applying all down migrations",
            "Not applying all down migrations",
        )
    ):
        return 1
    return _go(call, lambda version, late: plan.down(call.migrations, version, late), limit)


def goto(call: Call) -> int:
    """Apply or undo whatever it takes to be at version V."""
    if not call.words:
        raise invalid("please specify version argument V")
    # The Go tool takes numbers from 2^63 on for negative ones, and then undoes everything.
    goal = _number(call.words[0])
    if goal is None:
        raise invalid("can't read version argument V")

    def way(version: int, late: Sequence[int]) -> list[plan.Step]:
        state.require_found(call.migrations, goal)
        return plan.goto(call.migrations, version, goal, late)

    return _go(call, way, None)


def _go(call: Call, planner: Planner, limit: int | None, *, needs_files: bool = False) -> int:
    """Run, or preview, what `planner` makes of the recorded version and the late files that may be used."""
    if limit == 0:
        call.output.line("no change", "no_change")
        return 0
    if call.flags.get("dry-run"):
        recorded = call.session.table.read()
        if _may_be_ahead(call, recorded):
            return 0
        steps = _steps(call, planner, limit, recorded, needs_files)
        for step in steps[:limit]:
            _preview(call, step)
        return _finished(steps, limit)
    with call.locked() as is_held:
        if not is_held:
            return call.stopped()
        recorded = call.session.table.read()
        if _may_be_ahead(call, recorded):
            return 0
        steps = _steps(call, planner, limit, recorded, needs_files)
        report = Report(call.output, int(call.flags.get("prefetch", PREFETCH)))
        try:
            apply.run(call.session, steps[:limit], recorded, report, lambda: call.interrupt.requested)
        finally:
            report.stop()
    # Only where something was done: golang-migrate has no such line.
    if report.done and call.session.history.problem:
        call.output.warning(call.session.history.problem)
    left = len(steps[:limit]) - report.done
    return call.stopped(left, _rest(call, steps, limit, left)) if left else _finished(steps, limit)


def _rest(call: Call, steps: Sequence[plan.Step], limit: int | None, left: int) -> str:
    """The command that does what is left."""
    is_up = steps[0].direction == "u"
    if limit is not None:
        return f"{'up' if is_up else 'down'} {left}"
    if call.words:
        return f"goto {call.words[0]}"
    return "up" if is_up else "down -all"


def _steps(call: Call, planner: Planner, limit: int | None, recorded: Recorded, needs_files: bool) -> list[plan.Step]:
    """All steps, of which the limit may use only the first ones. Says so if there are none."""
    migrations, session = call.migrations, call.session
    state.require_clean(migrations, recorded, state.unfinished(session, recorded))
    state.require_found(migrations, recorded.version)
    if needs_files and not migrations.items:
        raise invalid("first .: file does not exist")
    if not call.flags.get("dry-run"):
        session.history.catch_up(migrations, recorded.version)
    late = never_applied(session.history, migrations, recorded.version)
    policy = str(call.flags.get("late", "warn"))
    steps = planner(recorded.version, late if policy == "apply" else ())
    if policy != "apply":
        undoing = bool(steps) and steps[0].direction == "d"
        concerned = [step.version for step in steps[:limit] if step.version in late] if undoing else late
        if concerned:
            _object(call, concerned, recorded.version, undoing=undoing, refuse=policy == "refuse")
    if not steps and limit is not None:
        raise invalid("file does not exist")
    if not steps:
        call.output.line("no change", "no_change")
    return steps


def _object(call: Call, late: Sequence[int], version: int, *, undoing: bool, refuse: bool) -> None:
    """Warn of files that never ran though higher ones did, or refuse to go on."""
    listed = ", ".join(f"{number} ({_title(call.migrations, number)})" for number in late[:MOST_NAMED])
    listed += f" and {len(late) - MOST_NAMED} more" if len(late) > MOST_NAMED else ""
    what = f"never applied, though the database is at version {version}: {listed}"
    advice = (
        "-late apply passes over what was never applied" if undoing else "`migrate up -late apply` applies what is late"
    )
    if refuse:
        raise MigrationError(ErrorCode.CONFLICT, f"{what}; {advice}", hint=f"{advice[0].upper()}{advice[1:]}.")
    call.output.warning(f"{what}; {advice}")


def _title(migrations: Migrations, version: int) -> str:
    item = migrations.find(version)
    return item.title if item else ""


def _may_be_ahead(call: Call, recorded: Recorded) -> bool:
    """Whether the database is clean and newer than the files, and that is all right, which is said then."""
    version, latest = recorded.version, call.migrations.latest
    if call.flags.get("ahead") != "accept" or recorded.dirty or version <= latest:
        return False
    text = f"the database is at version {version}, newer than the latest file here ({latest}); nothing to do"
    call.output.line(text, "ahead", version=version, latest=latest)
    return True


def _preview(call: Call, step: plan.Step) -> None:
    """One line of `-dry-run`."""
    why = why_alone(call.session, step.script.read()) if step.script else None
    how = f"outside of a transaction: {why}" if why else "in one transaction"
    direction = "up" if step.direction == "u" else "down"
    document = {"event": "would_run", "version": step.version, "title": step.title, "direction": direction}
    call.output.result(f"{step} ({how})", {**document, "transaction": why is None, "late": step.late})


def _finished(steps: Sequence[plan.Step], limit: int | None) -> int:
    if limit is not None and len(steps) < limit:
        raise invalid(f"limit {limit - len(steps)} short")
    return 0


def _limit(words: Sequence[str]) -> int | None:
    if not words:
        return None
    # The Go tool takes numbers from 2^63 on for "all"; that is nobody's wish.
    limit = _number(words[0])
    if limit is None:
        raise invalid("can't read limit argument N")
    return limit


def _number(word: str) -> int | None:
    """An unsigned decimal of at most 63 bits, however many zeros are before it; None for any other word."""
    digits = re.fullmatch("0*([0-9]{1,19})", word)
    number = int(digits[1]) if digits else MAX_VERSION + 1
    return number if number <= MAX_VERSION else None
