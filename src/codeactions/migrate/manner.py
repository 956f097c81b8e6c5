"""How a file runs: in one transaction with its version, or without one. Told before anything of it is tried."""

import re
from typing import NamedTuple

from codeactions.migrate.database.session import Session
from codeactions.migrate.sending import parts
from codeactions.migrate.statements.copy_data import with_blank_data, with_data_of, without_data
from codeactions.migrate.statements.kind import is_plain, outside_transaction
from codeactions.migrate.statements.own_transaction import OwnTransaction, located, own_transaction
from codeactions.migrate.statements.split import is_blank

_READ_ONLY = re.compile(rb"READ\s+ONLY|TRANSACTION_READ_ONLY", re.IGNORECASE)


class Manner(NamedTuple):
    """How a file runs."""

    why: str | None = None
    """What keeps it out of a transaction with its version, for people. None: it runs in one."""
    own: OwnTransaction | None = None
    """What the file asks of that transaction, if it asks for anything."""

    @property
    def brings_its_own(self) -> bool:
        """Whether the file has a BEGIN or a COMMIT, and its version becomes a part of that transaction."""
        return self.own is not None and (self.own.begins or self.own.commits)


def manner(session: Session, text: bytes) -> Manner:
    """Return how a file runs.

    It is kept out of a transaction by a statement or by a property of the session. What cannot be seen beforehand
    fails in its transaction, and is not tried again: see `in_transaction`.
    """
    if is_blank(text):
        return Manner()
    found = Manner() if is_plain(text) else _examined(session, text, with_blank_data(text))
    why = found.why
    if why is None and session.read_only:
        # The version is written in spite of that, and the file must not be allowed more than it would be alone.
        why = "transactions are read-only here"
    if why is None and not found.brings_its_own and len(parts(session, text)) > 1:
        why = "x-multi-statement is set"
    return Manner(why) if why else found


def is_alone(text: bytes) -> bool:
    """Return whether the file has one statement only. PostgreSQL runs several as one transaction."""
    return len(list(located(without_data(text)))) == 1


def needs_savepoint(text: bytes) -> bool:
    """Return whether the file may forbid its transaction to write, and so to write the version."""
    return _READ_ONLY.search(without_data(text)) is not None


def _examined(session: Session, text: bytes, sql: bytes) -> Manner:
    """Examine the `sql` of the file. It is the text with blanks in place of the rows for COPY."""
    own = own_transaction(sql) if session.reads_as_written(sql) else None
    # In pieces, what stands before the BEGIN is not a part of the transaction.
    if own and (own.begins_first or not session.address.multi_statement) and (own.begins or own.commits):
        return Manner(own=own._replace(text=with_data_of(text, own.text)))
    why = outside_transaction(sql)
    statements = [] if why else [statement for _, statement in located(sql)]
    if len(statements) == 1:
        # Imported here, because few files come to it.
        from codeactions.migrate.database.refusals import refusal

        why = refusal(session.connection, statements[0])
    return Manner(why, own._replace(text=with_data_of(text, own.text)) if own and not why else None)
