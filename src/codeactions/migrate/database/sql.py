"""Every statement of our own. Functions return SQL text and run nothing.

Names in curly brackets and parameters that are called `table` or `name` arrive quoted (`Connection.identifier`), and
values as literals (`Connection.literal`): the simple protocol has no parameters. The query for `drop -all` is in
`schema_objects.sql`.
"""

HISTORY_COLUMNS = "version, title, direction, checksum, recorded, begun_at, duration_ms, done, tool"
_HISTORY_ENTRY = (
    "version, title, direction, checksum, recorded, "
    "to_char(begun_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'), duration_ms, tool"
)

# --- the session ---

DESCRIBE_SESSION = """
SELECT current_schema(), current_database(), current_setting('default_transaction_read_only'),
       current_setting('server_encoding')
"""
# READ WRITE: in a session that is read-only by default, the Go tool too can write its row.
BEGIN = "BEGIN READ WRITE;"
COMMIT = "COMMIT"
ROLLBACK = "ROLLBACK"
# The disk is waited for once, at the end of a run, and not for each file. A crash of the server can take the last
# files away again, but each of them together with its version.
COMMIT_WITHOUT_WAITING = "SET LOCAL synchronous_commit = off;COMMIT"
# A transaction with a number has a commit to wait for, and with it all commits before.
WAIT_FOR_DISK = "BEGIN READ WRITE; SELECT pg_catalog.txid_current(); COMMIT"
# With their schema, because a file may have put anything in the search_path.
TRANSACTION_NUMBER = "SELECT pg_catalog.txid_current()"
# Without those of partitioned tables, which may stay invalid for long, and without those under construction.
INVALID_INDEXES = """
SELECT indexrelid::regclass FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
WHERE NOT indisvalid AND relkind = 'i'
  AND NOT EXISTS (SELECT 1 FROM pg_stat_progress_create_index WHERE index_relid = indexrelid)
ORDER BY 1 LIMIT 20
"""


# What is deferred is a part of the file, and is done with the file's settings.
FIRE_DEFERRED = "SET CONSTRAINTS ALL IMMEDIATE;"
# In this order: the first also ends what a role was set to, the second returns to the role the session began with, and
# the third to the settings it began with. The rest is what DISCARD ALL does, but for the advisory locks: ours stays.
RESTORE_SETTINGS = "RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL;"
DISCARD = "CLOSE ALL; UNLISTEN *; DEALLOCATE ALL; DISCARD TEMP; DISCARD SEQUENCES;"
RESTORE_ENCODING = "RESET client_encoding"
# A savepoint is what a transaction comes back from after SET TRANSACTION READ ONLY.
SAVEPOINT = "SAVEPOINT codeactions_file;"
READ_ONLY = "SET TRANSACTION READ ONLY"
RELEASE_SAVEPOINT = "RELEASE SAVEPOINT codeactions_file;"


def transaction_status(number: str | None) -> str:
    """Select whether the transaction of this number was committed or aborted."""
    return f"SELECT pg_catalog.txid_status({number})"


def procedures(names: str) -> str:
    """Select schema, name, whether it is found without the schema, language and source of procedures.

    `names` is a list of literals. Only those are selected that the server allows to commit.
    """
    return f"""
SELECT n.nspname, p.proname, pg_function_is_visible(p.oid), l.lanname, p.prosrc
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
WHERE p.prokind = 'p' AND NOT p.prosecdef AND p.proconfig IS NULL AND l.lanname <> 'sql' AND p.proname IN ({names})
"""


def find_slot(subscription: str) -> str:
    """Select true if the subscription has a slot; the argument is its name as a literal."""
    return (
        "SELECT true FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid "
        f"WHERE datname = current_database() AND subname = {subscription} AND subslotname IS NOT NULL"
    )


def find_partitioned(name: str) -> str:
    """Select true if a table or an index is partitioned; `name` is its quoted name as a literal."""
    return f"SELECT relkind IN ('p', 'I') FROM pg_class WHERE oid = to_regclass({name})"


def drop_index(name: str) -> str:
    """Drop an index; for people to run."""
    return f"DROP INDEX {name}"


def terminate_backend(pid: str | None) -> str:
    """End a session; for people to run."""
    return f"SELECT pg_terminate_backend({pid})"


# --- the version table ---


def read_version(table: str) -> str:
    """Select the row."""
    return f"SELECT version, dirty FROM {table} LIMIT 1"


def count_tables(schema: str, name: str) -> str:
    """Select 1 if the table exists; both arguments are literals."""
    # CREATE TABLE IF NOT EXISTS alone would ask for the right to create even where the table exists.
    return f"SELECT count(*) FROM information_schema.tables WHERE table_schema = {schema} AND table_name = {name}"


def create_version_table(table: str) -> str:
    """Make golang-migrate's table."""
    return f"CREATE TABLE IF NOT EXISTS {table} (version bigint not null primary key, dirty boolean not null)"


def begin_and_read_version(table: str, modes: str = "") -> str:
    """Begin a transaction that keeps other writers away, without waiting for them; select the row.

    `modes` are further ones of the transaction, such as "ISOLATION LEVEL SERIALIZABLE".
    """
    begin = f"BEGIN {modes}, READ WRITE;" if modes else BEGIN
    return f"{begin} LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE NOWAIT; {read_version(table)}"


def clear_version(table: str) -> str:
    """Empty the table.

    DELETE, not TRUNCATE as the Go tool has it: TRUNCATE would wait for every reader, a running pg_dump for instance.
    """
    return f"DELETE FROM {table};"


def insert_version(table: str, version: int, dirty: bool) -> str:
    """Write the row."""
    return f" INSERT INTO {table} (version, dirty) VALUES ({version}, {dirty});"


def other_sessions_locking(name: str) -> str:
    """Select the pids of other sessions that hold a lock on a table; `name` is the quoted name as a literal."""
    return (
        f"SELECT DISTINCT pid FROM pg_locks WHERE relation = {name}::regclass AND granted AND pid <> pg_backend_pid()"
    )


def go_truncate(table: str) -> str:
    """Return the statement with which golang-migrate begins to write its row. It is shown and never run."""
    return f"TRUNCATE {table}"


# --- the history ---


def check_history(table: str, name: str) -> str:
    """Select whether the history is ours (an error if not) and can be written; `name` is `table` as a literal."""
    return (
        f"SELECT {HISTORY_COLUMNS} FROM {table} LIMIT 0; "
        f"SELECT has_table_privilege({name}, 'INSERT') AND has_table_privilege({name}, 'UPDATE')"
    )


def create_history(table: str) -> str:
    """Make the table, in a transaction of its own."""
    # In a session that is read-only by default, the version can be written too.
    return f"""BEGIN READ WRITE;CREATE TABLE IF NOT EXISTS {table} (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    version bigint NOT NULL,
    title text NOT NULL,
    direction text NOT NULL CHECK (direction IN ('up', 'down', 'force')),
    checksum text,
    recorded bigint NOT NULL,
    begun_at timestamptz,
    duration_ms double precision,
    done boolean NOT NULL,
    tool text NOT NULL
);COMMIT"""


def applied_entries(table: str) -> str:
    """Select the newest finished step of each version, without `force`."""
    return (
        f"SELECT DISTINCT ON (version) {_HISTORY_ENTRY} FROM {table} "
        "WHERE done AND direction <> 'force' ORDER BY version, id DESC"
    )


def newest_entry(table: str) -> str:
    """Select the newest step, and whether it is finished."""
    return f"SELECT {_HISTORY_ENTRY}, done FROM {table} ORDER BY id DESC LIMIT 1"


def newest_recorded(table: str) -> str:
    """Select the version after the newest finished step."""
    return f"SELECT recorded FROM {table} WHERE done ORDER BY id DESC LIMIT 1"


def insert_entry(table: str, *values: str) -> str:
    """Write one step; the values are those of HISTORY_COLUMNS."""
    return f"INSERT INTO {table} ({HISTORY_COLUMNS}) VALUES ({', '.join(values)});"


def time_before_now(milliseconds: float) -> str:
    """Return the expression for the moment that many milliseconds ago."""
    return f"clock_timestamp() - interval '{milliseconds} ms'"


def finish_newest_entry(table: str, duration_ms: float) -> str:
    """Mark the newest step as finished."""
    return f"UPDATE {table} SET done = true, duration_ms = {duration_ms} WHERE id = (SELECT max(id) FROM {table});"


# --- the lock ---


def try_advisory_lock(key: int) -> str:
    """Select whether the lock was taken."""
    return f"SELECT pg_try_advisory_lock({key}::bigint)"


def release_advisory_lock(key: int) -> str:
    """Give the lock back."""
    return f"SELECT pg_advisory_unlock({key}::bigint)"


# Of this session: exclusive or not, key of one number or of two, and the key in both forms.
OWN_ADVISORY_LOCKS = """
SELECT mode = 'ExclusiveLock', objsubid, (classid::bigint << 32) | objid::bigint,
       classid::bigint::bit(32)::int || ', ' || objid::bigint::bit(32)::int
FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND objsubid IN (1, 2);
"""


def release_left_lock(is_exclusive: str | None, numbers: str | None, one: str | None, two: str | None) -> str:
    """Give back a lock that a file has left behind, once; the arguments are a row of the query above."""
    shared = "" if is_exclusive == "t" else "_shared"
    return f"SELECT pg_advisory_unlock{shared}({one if numbers == '1' else two});"


def advisory_lock_holder(key: int) -> str:
    """Select pid, application, start, query and state of the session that holds the lock.

    Columns of pg_stat_activity are NULL for a reader without the right to see them; the pid is shown to all.
    """
    return f"""
SELECT l.pid, a.application_name, to_char(a.backend_start, 'YYYY-MM-DD HH24:MI:SSOF'),
       left(regexp_replace(a.query, '\\s+', ' ', 'g'), 200), a.state
FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.classid = 0 AND l.objid::bigint = {key} AND l.objsubid = 1
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


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


# --- drop ---


def schema_tables(schema: str) -> str:
    """Select kind and name of what golang-migrate drops: ordinary and partitioned tables; `schema` is a literal.

    In no order of its own, as with golang-migrate: an attempt that fails half-way has dropped the same ones.
    """
    return f"""
SELECT 'TABLE', table_name FROM information_schema.tables
WHERE table_schema = {schema} AND table_type = 'BASE TABLE'
"""


def drop_object(kind: str, name: str) -> str:
    """Drop one object and everything that depends on it."""
    return f"DROP {kind} IF EXISTS {name} CASCADE"
