"""The SQL of the locks: the advisory lock that golang-migrate takes as well, and the table with a row for a lock."""

from codeactions.migrate.database.sql import BEGIN


def try_advisory_lock(key: int) -> str:
    """Select whether the lock was taken."""
    return f"SELECT pg_try_advisory_lock({key}::bigint)"


def try_advisory_lock_in_transaction(key: int) -> str:
    """Begin a transaction that may last for long, and select whether it has the lock now.

    A pooler's connection may still have the lock for another client. It would be given a second time.
    """
    return f"""BEGIN;
SELECT set_config(name, '0', true) FROM pg_settings
WHERE name IN ('idle_in_transaction_session_timeout', 'transaction_timeout');
SELECT CASE WHEN EXISTS (SELECT FROM pg_locks l WHERE pid = pg_backend_pid() AND {_is_advisory(key)})
THEN false ELSE pg_try_advisory_xact_lock({key}::bigint) END"""


def release_advisory_lock(key: int) -> str:
    """Give the lock back."""
    return f"SELECT pg_advisory_unlock({key}::bigint)"


def advisory_lock_holder(key: int) -> str:
    """Select pid, application, start, query and state of the session that holds the lock.

    Columns of pg_stat_activity are NULL for a reader without the right to see them; the pid is shown to all.
    """
    return f"""
SELECT l.pid, a.application_name, to_char(a.backend_start, 'YYYY-MM-DD HH24:MI:SSOF'),
       left(regexp_replace(a.query, '\\s+', ' ', 'g'), 200), a.state
FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
WHERE {_is_advisory(key)}
"""


def _is_advisory(key: int) -> str:
    return f"""l.locktype = 'advisory' AND l.granted AND l.classid = 0 AND l.objid::bigint = {key} AND l.objsubid = 1
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"""


def find_table(name: str) -> str:
    """Select the table's name, or NULL if it does not exist; `name` is the quoted name as a literal."""
    return f"SELECT to_regclass({name})"


def create_lock_table(table: str) -> str:
    """Make golang-migrate's table of locks."""
    return f"CREATE TABLE IF NOT EXISTS {table} (lock_id BIGINT NOT NULL PRIMARY KEY)"


def insert_lock(table: str, key: int) -> str:
    """Take the lock if its row is not there; a row comes back if it was taken."""
    return f"{BEGIN} INSERT INTO {table} VALUES ({key}) ON CONFLICT DO NOTHING RETURNING lock_id; COMMIT"


def delete_lock(table: str, key: int) -> str:
    """Give the lock back."""
    return f"DELETE FROM {table} WHERE lock_id = {key}"
