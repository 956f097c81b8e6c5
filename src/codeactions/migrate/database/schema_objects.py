"""The objects of the current schema, and dropping them."""

from collections.abc import Sequence
from pathlib import Path

from codeactions.migrate.database import sql
from codeactions.migrate.database.session import Session

_ALL = Path(__file__).with_suffix(".sql")


def tables(session: Session) -> list[tuple[str, str]]:
    """Return kind and quoted name of what golang-migrate drops: the tables, and so all that depends on them."""
    connection = session.connection
    listed = _listed(session, sql.schema_tables(connection.literal(session.schema)))
    return [(kind, connection.identifier(name)) for kind, name in listed]


def kept(session: Session) -> list[tuple[str, str]]:
    """Return name and extension of the tables that are left, since only DROP EXTENSION can drop them."""
    schema = session.connection.literal(session.schema)
    return [(str(name), str(owner)) for name, owner in session.connection.execute(sql.tables_of_extensions(schema))]


def everything(session: Session) -> list[tuple[str, str]]:
    """Return kind and quoted name of all objects in the schema that belong to no extension."""
    connection = session.connection
    schema = connection.literal(connection.identifier(session.schema))
    return _listed(session, _ALL.read_text(encoding="utf-8").replace("{schema}", schema))


def drop(session: Session, objects: Sequence[tuple[str, str]]) -> None:
    """Drop `tables` in golang-migrate's order and with its statement, which appears in its errors.

    Each object is dropped in a transaction of its own, so that many need no more locks than few. The caller holds
    the lock.
    """
    for kind, name in objects:
        session.connection.execute(sql.drop_object(kind, name))


def drop_everything(session: Session, objects: Sequence[tuple[str, str]]) -> None:
    """Drop `everything`, one by one, the version table last: after a failure the command can be run again."""
    bookkeeping = (session.address.table, session.history.name)
    # With the schema, because PostgreSQL's own objects come before all others of the same name.
    schema = session.connection.identifier(session.schema)
    for kind, name in sorted(objects, key=lambda found: _is_table(found, *bookkeeping)):
        session.connection.execute(sql.drop_object(kind, f"{schema}.{name}"))


def _listed(session: Session, query: str) -> list[tuple[str, str]]:
    """Run the query, and leave out the table that the lock is a row of: that row is still to be given back."""
    objects = [(str(kind), str(name)) for kind, name in session.connection.execute(query)]
    if session.address.lock_strategy == "table":
        objects = [found for found in objects if not _is_table(found, session.address.lock_table)]
    return objects


def _is_table(found: tuple[str, str], *names: str) -> bool:
    kind, name = found
    plain = name[1:-1].replace('""', '"') if name.startswith('"') else name
    return kind == "TABLE" and plain in names
