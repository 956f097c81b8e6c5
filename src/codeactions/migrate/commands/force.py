"""`force`: record a version without running anything."""

import re

from codeactions.migrate.commands.context import CommandContext
from codeactions.migrate.database.history import FORCED
from codeactions.migrate.database.version_table import RecordedVersion
from codeactions.migrate.errors import invalid
from codeactions.migrate.versions import MAX_VERSION, NIL_VERSION


def run(context: CommandContext) -> int:
    """Record version V as clean, whatever is recorded now and whether or not it has a file. Returns the exit code."""
    version = _version(context)
    with context.lock_with_tables() as is_held:
        if not is_held:
            return context.stopped()
        table, history = context.session.table, context.session.history
        note = history.adding_sql(version, "force", None, history.recorded(), duration_ms=0)
        table.begin()
        context.session.finish(table.replacing_sql(RecordedVersion(version, False)), note)
        history.catch_up(context.migrations, version, FORCED)
    return 0


def _version(context: CommandContext) -> int:
    if not context.words:
        raise invalid("please specify version argument V")
    found = re.fullmatch("([+-]?)0*([0-9]{1,19})", context.words[0])
    version = int("".join(found.groups())) if found else MAX_VERSION + 1
    if not -MAX_VERSION - 1 <= version <= MAX_VERSION:
        raise invalid("can't read version argument V")
    if version < NIL_VERSION:
        raise invalid("argument V must be >= -1")
    return version
