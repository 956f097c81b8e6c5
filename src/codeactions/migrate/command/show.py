"""`version` and `status`, which only look."""

from codeactions.domain.errors import Error, ErrorCode
from codeactions.migrate.command.call import Call
from codeactions.migrate.failure import NIL_VERSION


def version(call: Call) -> int:
    """Say the recorded version. Only reads, so it works for a role that may do no more, and at any time."""
    recorded = call.session.table.read()
    if recorded.version == NIL_VERSION:
        raise Error(ErrorCode.NOT_FOUND, "no migration")
    text = f"{recorded.version} (dirty)" if recorded.dirty else str(recorded.version)
    call.output.line(text, "version", version=recorded.version, dirty=recorded.dirty)
    return 0


def status(call: Call) -> int:
    """Show what has become of each file. Only reads. Not in golang-migrate."""
    from codeactions.migrate import status as statuses  # `version` is quicker without
    from codeactions.migrate.command.table import table

    found = statuses.look(call.session, call.migrations)
    call.output.result(table(found), found.as_json())
    return 1 if call.flags.get("check") and not found.is_clean else 0
