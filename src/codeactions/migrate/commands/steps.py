"""Running or previewing steps, for `up`, `down` and `goto`."""

from collections.abc import Callable, Sequence

from codeactions.migrate.commands.context import CommandContext
from codeactions.migrate.commands.late_files import steps_with_policy
from codeactions.migrate.database.version_table import RecordedVersion
from codeactions.migrate.database_state import require_clean, require_found, unfinished_step
from codeactions.migrate.errors import invalid
from codeactions.migrate.plan import Step

Planner = Callable[[int, Sequence[int]], list[Step]]
_PREFETCH = 10


def run_steps(context: CommandContext, planner: Planner, limit: int | None, *, needs_files: bool = False) -> int:
    """Run, or with -dry-run preview, at most `limit` of the planned steps. Returns the exit code.

    `planner` gets the recorded version and the late files that may be used. `needs_files` makes an empty folder an
    error. Raises `MigrationError`.
    """
    if limit == 0:
        context.output.line("no change", "no_change")
        return 0
    if context.flags.get("dry-run"):
        return _preview(context, planner, limit, needs_files)
    with context.lock_with_tables() as is_held:
        if not is_held:
            return context.stopped()
        recorded = context.session.table.read()
        if _is_accepted_ahead(context, recorded):
            return 0
        steps = _planned(context, planner, limit, recorded, needs_files)
        done = _run(context, steps[:limit], recorded) if steps else 0
    # Only if something was done, because golang-migrate has no such line.
    if done and context.session.history.problem:
        context.output.warning(context.session.history.problem)
    left = len(steps[:limit]) - done
    return context.stopped(left, _command_for_rest(context, steps, limit, left)) if left else _ended(steps, limit)


def _run(context: CommandContext, steps: Sequence[Step], recorded: RecordedVersion) -> int:
    """Run the steps and return how many were done before a signal."""
    # Imported here: there is mostly nothing to do, and every import costs time.
    from codeactions.migrate import apply
    from codeactions.migrate.terminal.progress import Report

    report = Report(
        context.output,
        int(context.flags.get("prefetch", _PREFETCH)),
        lambda step: _warn_if_nothing_undone(context, step),
    )
    try:
        apply.run(context.session, steps, recorded, report, lambda: context.interrupt.requested)
    finally:
        report.stop()
    return report.done


def _preview(context: CommandContext, planner: Planner, limit: int | None, needs_files: bool) -> int:
    from codeactions.migrate import apply
    from codeactions.migrate.manner import manner

    recorded = context.session.table.read()
    if _is_accepted_ahead(context, recorded):
        return 0
    steps = _planned(context, planner, limit, recorded, needs_files)
    for step in steps[:limit]:
        text = step.script.read() if step.script else b""
        apply.require_sendable(context.session, step, text, recorded)
        why = manner(context.session, text).why
        how = f"outside of a transaction: {why}" if why else "in one transaction"
        document = {"event": "would_run", "version": step.version, "title": step.title, "direction": step.word}
        context.output.result(f"{step} ({how})", {**document, "transaction": why is None, "late": step.late})
        _warn_if_nothing_undone(context, step)
    return _ended(steps, limit)


def _planned(
    context: CommandContext, planner: Planner, limit: int | None, recorded: RecordedVersion, needs_files: bool
) -> list[Step]:
    """Return all steps, of which the limit may use only the first ones. Prints `no change` if there are none."""
    migrations, session = context.migrations, context.session
    if context.owner is not None:
        from codeactions.migrate import foreign  # `migrate` by itself does not need it

        foreign.require_ours(session, migrations, recorded, context.owner)
    require_clean(migrations, recorded, unfinished_step(session, recorded))
    require_found(migrations, recorded.version)
    if needs_files and not migrations.items:
        raise invalid("first .: file does not exist")
    if not context.flags.get("dry-run"):
        session.history.catch_up(migrations, recorded.version)
    steps = steps_with_policy(context, planner, limit, recorded.version)
    if not steps and limit is not None:
        raise invalid("file does not exist")
    if not steps:
        context.output.line("no change", "no_change")
    return steps


def _warn_if_nothing_undone(context: CommandContext, step: Step) -> None:
    """Warn of a version that goes down without a file for that, or with an empty one: only the number changes."""
    item = context.migrations.find(step.version)
    if step.word != "down" or (step.script is None and item and item.down):  # or it is passed over, by -late
        return
    from codeactions.migrate.statements.split import is_blank

    if step.script is None or is_blank(step.script.read()):
        what = "has no down file" if step.script is None else "has an empty down file"
        context.output.warning(f"nothing was undone: {step.version} ({item.title if item else ''}) {what}")


def _is_accepted_ahead(context: CommandContext, recorded: RecordedVersion) -> bool:
    """Return whether a clean database is newer than the files and -ahead accepts that; print so."""
    version, latest = recorded.version, context.migrations.latest
    if context.flags.get("ahead") != "accept" or recorded.dirty or version <= latest:
        return False
    text = f"the database is at version {version}, newer than the latest file here ({latest}); nothing to do"
    context.output.line(text, "ahead", version=version, latest=latest)
    return True


def _command_for_rest(context: CommandContext, steps: Sequence[Step], limit: int | None, left: int) -> str:
    if limit is not None:
        return f"{steps[0].word} {left}"
    if context.words:
        return f"goto {context.words[0]}"
    return "up" if steps[0].word == "up" else "down -all"


def _ended(steps: Sequence[Step], limit: int | None) -> int:
    if limit is not None and len(steps) < limit:
        raise invalid(f"limit {limit - len(steps)} short")
    return 0
