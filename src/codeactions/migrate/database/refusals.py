"""Statements that the server refuses in a transaction only at times, looked up before they are tried.

A try would come too late: what it has done before it fails may be beyond any rollback, as the numbers of a sequence.
This matters only for the single statement of a file. PostgreSQL runs several as one transaction, with or without one
of ours around them, and refuses such a statement there.
"""

import re
from collections.abc import Iterable

from codeactions.migrate.database import file_sql
from codeactions.migrate.database.connection import Connection
from codeactions.migrate.database.errors import ServerError
from codeactions.migrate.statements.bodies import Body, body_of_do, called_by, calls, ends_transactions
from codeactions.migrate.statements.kind import PARTITIONED, WITH_SLOT
from codeactions.migrate.statements.names import Name, name_at
from codeactions.migrate.statements.split import heading, tokens

_LIMIT = 20
# Languages whose procedures have no source to look at.
_COMPILED = frozenset({"c", "internal", "java", "javau"})


def refusal(connection: Connection, statement: bytes) -> str | None:
    """Return what keeps a file with just this statement out of a transaction, for people; None if nothing does.

    A COMMIT in a DO block or a called procedure counts whether or not it would be reached. So does every procedure of
    the name that is called, whatever its parameters, and a procedure whose source cannot be seen.
    """
    body = body_of_do(statement)
    if body:
        return "DO with a COMMIT" if ends_transactions(body) else _committing(connection, calls(body))
    called = called_by(statement)
    if called:
        return _committing(connection, [called])
    for said, pattern in (WITH_SLOT, *PARTITIONED):
        name = _name_behind(pattern, statement)
        if name and _is_refused(connection, name, is_subscription=said == WITH_SLOT[0]):
            return said
    return None


def _name_behind(pattern: str, statement: bytes) -> Name | None:
    found = re.match(pattern, heading(statement, _LIMIT))
    return name_at(statement, list(tokens(statement))[found[0].count(" ") :]) if found else None


def _is_refused(connection: Connection, name: Name, *, is_subscription: bool) -> bool:
    if is_subscription:
        query = file_sql.find_slot(connection.literal(name.name))
    else:
        query = file_sql.find_partitioned(connection.literal(connection.identifier(*filter(None, name))))
    try:
        return connection.execute(query) == [("t",)]
    except ServerError:
        # Without the right to see it; the server then refuses the statement before it does anything.
        return False


def _committing(connection: Connection, called: Iterable[Name]) -> str | None:
    """Return what is said of the first of these procedures that may commit, by itself or by one that it calls."""
    seen: set[Name] = set()
    waiting = {name: name for name in called}  # by what is looked for: what the file calls
    while waiting:
        literals = {connection.literal(name.name) for name in waiting}
        rows = connection.execute(file_sql.procedures(", ".join(sorted(literals))))
        coming: dict[Name, Name] = {}
        for name, origin in waiting.items():
            for schema, row_name, is_visible, language, source in rows:
                if row_name != name.name or not (schema == name.schema if name.schema else is_visible == "t"):
                    continue
                body = Body(language or "", source or "")
                if body.language in _COMPILED:
                    return f"CALL of {origin}, which may commit"
                if ends_transactions(body):
                    return f"CALL of {origin}, which commits"
                coming |= dict.fromkeys(calls(body), origin)
        seen |= waiting.keys()
        waiting = {name: origin for name, origin in coming.items() if name not in seen}
    return None
