"""`force` and `drop`: what a human decides to do to a database."""

import re

from codeactions.domain.errors import invalid
from codeactions.migrate.command.call import Call
from codeactions.migrate.database import drop as dropping
from codeactions.migrate.database import lock
from codeactions.migrate.database.history import FORCED
from codeactions.migrate.database.version import Recorded
from codeactions.migrate.failure import NIL_VERSION
from codeactions.migrate.source.files import MAX_VERSION


def force(call: Call) -> int:
    """Record a version as clean, whatever is recorded now and whether or not it has a file."""
    if not call.words:
        raise invalid("please specify version argument V")
    found = re.fullmatch("([+-]?)0*([0-9]{1,19})", call.words[0])
    version = int("".join(found.groups())) if found else MAX_VERSION + 1
    if not -MAX_VERSION - 1 <= version <= MAX_VERSION:
        raise invalid("can't read version argument V")
    if version < NIL_VERSION:
        raise invalid("argument V must be >= -1")
    with call.locked() as is_held:
        if not is_held:
            return call.stopped()
        table, history = call.session.table, call.session.history
        note = history.writing(version, "force", None, history.recorded(), duration_ms=0)
        table.begin()
        call.session.connection.run(f"{table.writing(Recorded(version, False))}{note}COMMIT")
        history.catch_up(call.migrations, version, FORCED)
    return 0


def drop(call: Call) -> int:
    """Drop the tables of the current schema, or with -all everything in it, after asking."""
    everything = bool(call.flags.get("all"))
    if everything:
        for kind, name in dropping.everything(call.session):
            call.output.line(f"{kind} {name}", "found", kind=kind, name=name)
    if not call.flags.get("f") and not call.confirmed(
        "Are you sure you want to drop the entire database schema?",
        "Dropping the entire database schema",
        "Aborted dropping the entire database schema",
    ):
        return 1
    with lock.held(call.session.lock, call.lock_timeout, stopped=lambda: call.interrupt.requested) as is_held:
        if not is_held:
            return call.stopped()
        if everything:
            dropping.drop_everything(call.session, dropping.everything(call.session))
        else:
            dropping.drop(call.session, dropping.tables(call.session))
    return 0
