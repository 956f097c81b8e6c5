"""`status`: show the state of each file. golang-migrate has no such command."""

from codeactions.migrate.commands.context import CommandContext
from codeactions.migrate.commands.status_table import status_table
from codeactions.migrate.file_state import examine


def run(context: CommandContext) -> int:
    """Print the state of each file and return the exit code. It only reads."""
    report = examine(context.session, context.migrations)
    context.output.result(status_table(report), report.as_json())
    return 1 if context.flags.get("check") and not report.is_clean else 0
