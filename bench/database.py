"""The bench's own access to the PostgreSQL of the measured server."""

import time
from pathlib import Path
from uuid import UUID, uuid4

import psycopg

from bench.stats import percentile
from codeactions.node.migrations import upgrade
from codeactions.postgres.embedded.runtime_folder import DATABASE, RuntimeFolder
from codeactions.postgres.embedded.user import find_or_create


def embedded_url(data_dir: Path) -> str:
    """Return the address of the embedded PostgreSQL of the server that runs in `data_dir`."""
    return RuntimeFolder(data_dir.resolve(), find_or_create()).url


def create_database(url: str, name: str) -> str:
    """Create a database with the same schema on the same PostgreSQL. Returns its address."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    other = url.replace(f"/{DATABASE}?", f"/{name}?")
    upgrade(other)
    return other


def insert_code(url: str, source: str, language: str = "python") -> UUID:
    """Store an endpoint that runs can refer to. Returns its id."""
    code_id = uuid4()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO codes (id, name, type, source, language, project_uuid) "
            "VALUES (%s, 'hello', 'endpoint', %s, %s, 'bench')",
            (code_id, source, language),
        )
    return code_id


def count_runs(url: str, code_id: UUID | str) -> dict[str, int]:
    """Return the number of recorded runs of a code by status."""
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute("SELECT status, count(*) FROM coderuns WHERE code_id = %s GROUP BY 1", (code_id,))
        return dict(cursor.fetchall())


class Commits:
    """Commits of one row, durable: the least that any record of a run costs."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True)
        self._connection.execute("CREATE TABLE IF NOT EXISTS bench_floor (id UUID PRIMARY KEY, at TIMESTAMPTZ)")

    def p50_ms(self, count: int) -> float:
        """Return the median of `count` commits, in milliseconds."""
        return percentile([self._commit() for _ in range(count)], 50)

    def _commit(self) -> float:
        began = time.perf_counter()
        self._connection.execute("INSERT INTO bench_floor VALUES (%s, now())", (uuid4(),))
        return (time.perf_counter() - began) * 1000

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
