"""`version`: print the recorded version."""

from codeactions.migrate.commands.context import CommandContext
from codeactions.migrate.errors import ErrorCode, MigrationError
from codeactions.migrate.versions import NIL_VERSION


def run(context: CommandContext) -> int:
    """Print the recorded version and return the exit code.

    It only reads, so it works at any time and for a role that may do no more.
    """
    recorded = context.session.table.read()
    if recorded.version == NIL_VERSION:
        raise MigrationError(ErrorCode.NOT_FOUND, "no migration")
    text = f"{recorded.version} (dirty)" if recorded.dirty else str(recorded.version)
    context.output.line(text, "version", version=recorded.version, dirty=recorded.dirty)
    return 0
