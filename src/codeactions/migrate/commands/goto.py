"""`goto`: apply or undo migrations up to a version."""

from collections.abc import Sequence

from codeactions.migrate import plan
from codeactions.migrate.commands.arguments import unsigned
from codeactions.migrate.commands.context import CommandContext
from codeactions.migrate.commands.steps import run_steps
from codeactions.migrate.database_state import require_found
from codeactions.migrate.errors import invalid


def run(context: CommandContext) -> int:
    """Apply or undo migrations until the database is at version V. Returns the exit code."""
    if not context.words:
        raise invalid("please specify version argument V")
    # The Go tool takes numbers from 2^63 on for negative ones, and then undoes everything.
    goal = unsigned(context.words[0])
    if goal is None:
        raise invalid("can't read version argument V")

    def way(version: int, late: Sequence[int]) -> list[plan.Step]:
        require_found(context.migrations, goal)
        return plan.goto(context.migrations, version, goal, late)

    return run_steps(context, way, None)
