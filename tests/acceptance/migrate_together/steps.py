"""Six migrations, what is said of each, and looks at what they have left."""

from typing import Any

import psycopg

RAN = "INSERT INTO ran VALUES ({});"
FILES = {
    1: "CREATE TABLE ran (version bigint); CREATE TABLE big (i int);" + RAN.format(1),
    2: RAN.format(2),
    3: "CREATE INDEX CONCURRENTLY i3 ON big (i);",
    4: "BEGIN;" + RAN.format(4) + "COMMIT;",
    5: "CREATE UNIQUE INDEX CONCURRENTLY i5 ON big (i);",
    6: RAN.format(6),
}
DOWN = {
    6: "DELETE FROM ran WHERE version = 6;",
    5: "DROP INDEX CONCURRENTLY i5;",
    4: "DELETE FROM ran WHERE version = 4;",
    3: "DROP INDEX i3;",
    2: "DELETE FROM ran WHERE version = 2;",
    1: "DROP TABLE ran, big;",
}
OURS = [f"{version}/u step (T)" for version in FILES]
GO = [f"{version}/u step" for version in FILES]


def require_done_once(database: psycopg.Connection[Any], *, deadlocks: int = 0) -> None:
    """Each file ran exactly once and the server had to break nothing up."""
    assert database.execute("SELECT version, dirty FROM schema_migrations").fetchall() == [(6, False)]
    assert database.execute("SELECT version FROM ran ORDER BY 1").fetchall() == [(1,), (2,), (4,), (6,)]
    indexes = "SELECT relname, indisvalid FROM pg_index JOIN pg_class ON oid = indexrelid WHERE relname ~ '^i[0-9]$'"
    assert sorted(database.execute(indexes).fetchall()) == [("i3", True), ("i5", True)]
    seen = database.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").fetchone()
    assert seen == (deadlocks,)


def history(database: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    return database.execute(
        "SELECT version, direction, done, split_part(tool, ' ', 1) FROM schema_migrations_history ORDER BY id"
    ).fetchall()
