"""`status`: show the state of each file. golang-migrate has no such command."""

from dataclasses import replace

from codeactions.migrate.commands.context import CommandContext
from codeactions.migrate.commands.status_table import status_table
from codeactions.migrate.file_state import examine


def run(context: CommandContext) -> int:
    """Print the state of each file and return the exit code. It only reads."""
    report = examine(context.session, context.migrations)
    if context.owner is not None:
        from codeactions.migrate import foreign  # `migrate` by itself does not need it

        recorded = context.session.table.read()
        found = foreign.inspect(context.session, context.migrations, recorded, context.owner)
        report = replace(report, database=found)
    context.output.result(status_table(report), report.as_json())
    return 1 if context.flags.get("check") and not report.is_clean else 0
