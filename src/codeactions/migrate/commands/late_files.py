"""Files below the recorded version that never ran, and the flag -late that decides about them."""

from collections.abc import Callable, Sequence

from codeactions.migrate.commands.context import CommandContext
from codeactions.migrate.errors import ErrorCode, MigrationError, invalid, sentence
from codeactions.migrate.files.directory import Migrations
from codeactions.migrate.plan import Step

_MOST_NAMED = 10


def steps_with_policy(
    context: CommandContext, planner: Callable[[int, Sequence[int]], list[Step]], limit: int | None, version: int
) -> list[Step]:
    """Return the planned steps, with the late files that -late wants applied (or, going down, passed over).

    With another policy the files concerned are warned of, or refused: `MigrationError` (conflict).
    """
    policy = str(context.flags.get("late", "warn"))
    if policy != "warn" and not context.session.history.is_wanted:
        raise invalid(f"-late {policy} goes by the history, which is off")
    late = context.session.history.never_applied(context.migrations, version)
    if policy == "apply":
        return planner(version, late)
    steps = planner(version, ())
    undoing = bool(steps) and steps[0].word == "down"
    concerned = [step.version for step in steps[:limit] if step.version in late] if undoing else late
    if concerned:
        _object(context, concerned, version, undoing=undoing, refuse=policy == "refuse")
    return steps


def _object(context: CommandContext, late: Sequence[int], version: int, *, undoing: bool, refuse: bool) -> None:
    listed = ", ".join(f"{number} ({_title(context.migrations, number)})" for number in late[:_MOST_NAMED])
    listed += f" and {len(late) - _MOST_NAMED} more" if len(late) > _MOST_NAMED else ""
    what = f"never applied, though the database is at version {version}: {listed}"
    advice = (
        "-late apply passes over what was never applied" if undoing else "`migrate up -late apply` applies what is late"
    )
    if refuse:
        raise MigrationError(ErrorCode.CONFLICT, f"{what}; {advice}", hint=sentence(advice))
    context.output.warning(f"{what}; {advice}")


def _title(migrations: Migrations, version: int) -> str:
    item = migrations.find(version)
    return item.title if item else ""
