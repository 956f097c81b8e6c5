"""`down`: undo migrations."""

from codeactions.migrate import plan
from codeactions.migrate.commands.arguments import limit
from codeactions.migrate.commands.context import CommandContext
from codeactions.migrate.commands.steps import run_steps
from codeactions.migrate.errors import invalid


def run(context: CommandContext) -> int:
    """Undo the last N migrations, or all after asking. Returns the exit code."""
    everything = bool(context.flags.get("all"))
    if everything and context.words:
        raise invalid("-all cannot be used with other arguments")
    if len(context.words) > 1:
        raise invalid("too many arguments")
    count = limit(context.words)
    must_ask = count is None and not everything and not context.flags.get("dry-run")
    if must_ask and not context.confirm(
        "Are you sure you want to apply all down migrations?",
        "Applying all down migrations",
        "Not applying all down migrations",
    ):
        return 1
    return run_steps(context, lambda version, late: plan.down(context.migrations, version, late), count)
