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


def describe_session(table: str) -> str:
    """Select what is to be known of a session; `table` is the version table's name, without a schema, as a literal.

    That is: the current schema, the database, whether transactions are read-only, the encoding, the backend's process
    id, and the other schemas of the search path that have a table of that name.
    """
    return f"""
SELECT current_schema(), current_database(), current_setting('default_transaction_read_only'),
       current_setting('server_encoding'), pg_backend_pid(),
       (SELECT string_agg(quote_ident(nspname), ', ' ORDER BY array_position(current_schemas(false), nspname))
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE relname = {table} AND relkind IN ('r', 'p') AND nspname = ANY (current_schemas(false))
          AND nspname <> current_schema())
"""


def set_setting(name: str, value: str, *, is_local: bool) -> str:
    """Change a setting until the end of the session, or only of the transaction; both texts are literals."""
    # SET would take a list of schemas, which is one literal, for the name of one.
    return f"SELECT pg_catalog.set_config({name}, {value}, {str(is_local).lower()});"


def reset(name: str) -> str:
    """Return a setting to the value with which the session began; `name` is quoted."""
    return f"RESET {name};"


# READ WRITE: in a session that is read-only by default, the Go tool too can write its row.
BEGIN = "BEGIN READ WRITE;"
COMMIT = "COMMIT"
ROLLBACK = "ROLLBACK"
# The disk is waited for once, at the end of a run, and not for each file. A crash of the server can take the last
# files away again, but each of them together with its version.
COMMIT_WITHOUT_WAITING = "SET LOCAL synchronous_commit = off;COMMIT"
# A transaction with a number has a commit to wait for, and with it all commits before.
WAIT_FOR_DISK = "BEGIN READ WRITE; SELECT pg_catalog.txid_current(); COMMIT"
# For the answer alone.
NOTHING = "SELECT 1"
# With their schema, because a file may have put anything in the search_path.
TRANSACTION_NUMBER = "SELECT pg_catalog.txid_current()"
# Without those of partitioned tables, which may stay invalid for long, and without those under construction.
INVALID_INDEXES = """
SELECT indexrelid::regclass FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
WHERE NOT indisvalid AND relkind = 'i'
  AND NOT EXISTS (SELECT 1 FROM pg_stat_progress_create_index WHERE index_relid = indexrelid)
ORDER BY 1 LIMIT 20
"""


def transaction_status(number: str | None) -> str:
    """Select whether the transaction of this number was committed or aborted."""
    return f"SELECT pg_catalog.txid_status({number})"


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


def begin_and_read_version(table: str, modes: str = "", making: str = "") -> str:
    """Begin a transaction that keeps other writers away, without waiting for them; select the row.

    `modes` are further ones of the transaction, such as "ISOLATION LEVEL SERIALIZABLE". `making` are the statements
    that make missing tables in it.
    """
    begin = f"BEGIN {modes}, READ WRITE;" if modes else BEGIN
    return f"{begin}{making} LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE NOWAIT; {read_version(table)}"


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
    """Make the table."""
    return f"""CREATE TABLE IF NOT EXISTS {table} (
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
);"""


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


# --- taking over a database ---


def visible_tables() -> str:
    """Select the names of the tables that the session sees without naming a schema, but for the server's own."""
    return """
SELECT relname FROM pg_class JOIN pg_namespace AS n ON n.oid = relnamespace
WHERE relkind IN ('r', 'p') AND pg_table_is_visible(pg_class.oid) AND nspname !~ '^pg_'
  AND nspname <> 'information_schema'
ORDER BY relname
"""


def other_sessions(application: str) -> str:
    """Select pid and application of other sessions of clients in this database; `application`, a literal, is left out.

    Sessions of other roles are shown without their application.
    """
    return (
        "SELECT pid, application_name FROM pg_stat_activity WHERE datname = current_database() "
        f"AND pid <> pg_backend_pid() AND coalesce(application_name, '') <> {application} "
        "AND coalesce(backend_type, 'client backend') = 'client backend' ORDER BY pid"
    )


def set_lock_timeout(seconds: float) -> str:
    """Limit the wait for a lock within the transaction."""
    return f"SET LOCAL lock_timeout = {round(seconds * 1000)}"


# --- drop ---


def schema_tables(schema: str) -> str:
    """Select kind and name of what golang-migrate drops: ordinary and partitioned tables; `schema` is a literal.

    The tables of extensions are left out, at which golang-migrate fails: only DROP EXTENSION can drop them. In no order
    of its own, as with golang-migrate: an attempt that fails half-way has dropped the same ones.
    """
    return f"""
SELECT 'TABLE', table_name FROM information_schema.tables
WHERE table_schema = {schema} AND table_type = 'BASE TABLE'
  AND table_name NOT IN (SELECT name FROM ({tables_of_extensions(schema)}) AS owned)
"""


def tables_of_extensions(schema: str) -> str:
    """Select name and extension of each table that an extension owns; `schema` is a literal."""
    return f"""
SELECT c.relname AS name, e.extname
FROM pg_depend d JOIN pg_class c ON c.oid = d.objid JOIN pg_extension e ON e.oid = d.refobjid
WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
  AND c.relkind IN ('r', 'p') AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = {schema})
ORDER BY c.relname
"""


def drop_object(kind: str, name: str) -> str:
    """Drop one object and everything that depends on it."""
    return f"DROP {kind} IF EXISTS {name} CASCADE"
