"""`up`: apply migrations."""

from codeactions.migrate import plan
from codeactions.migrate.commands.arguments import limit
from codeactions.migrate.commands.context import CommandContext
from codeactions.migrate.commands.steps import run_steps


def run(context: CommandContext) -> int:
    """Apply all migrations, or the next N. Further arguments are ignored. Returns the exit code."""
    return run_steps(
        context,
        lambda version, late: plan.up(context.migrations, version, late),
        limit(context.words),
        needs_files=True,
    )
