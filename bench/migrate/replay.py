"""A replay of golang-migrate: the statements that it sends for a folder, each in its own round trip.

They are sent by the client of `migrate`, which costs less than psycopg, so that only the statements differ. The replay
has one advantage: no program has to start. An empty query stands for the parsing of the INSERT, whose values are
parameters.
"""

from pathlib import Path

from bench.migrate.ground import session
from codeactions.migrate.database.connection import Connection

_TABLE = '"public"."schema_migrations"'
_LOCK = "SELECT pg_advisory_lock(3001)"
_UNLOCK = "SELECT pg_advisory_unlock(3001)"


def replay(url: str, folder: Path) -> None:
    """Apply all `.up.sql` files of a folder, numbered from 1, to an empty database."""
    with session(url) as connection:
        run = connection.execute
        run(_LOCK)
        run(f"CREATE TABLE IF NOT EXISTS {_TABLE} (version bigint not null primary key, dirty boolean not null)")
        run(_UNLOCK)
        run(_LOCK)
        run(f"SELECT version, dirty FROM {_TABLE} LIMIT 1")
        for version, path in enumerate(sorted(folder.glob("*.up.sql")), 1):
            _record(connection, version, dirty=True)
            connection.execute_script(path.read_bytes())
            _record(connection, version, dirty=False)
        run(_UNLOCK)


def _record(connection: Connection, version: int, *, dirty: bool) -> None:
    connection.execute("BEGIN READ WRITE")
    connection.execute(f"TRUNCATE {_TABLE}")
    connection.execute("")  # golang-migrate sends the values as parameters, which takes another round trip for parsing
    connection.execute(f"INSERT INTO {_TABLE} (version, dirty) VALUES ({version}, {dirty})")
    connection.execute("COMMIT")
