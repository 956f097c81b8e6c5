"""The statements of our own around a file: what is looked up before it runs, and what is restored after it."""

# What is deferred is a part of the file, and is done with the file's settings.
FIRE_DEFERRED = "SET CONSTRAINTS ALL IMMEDIATE;"
# In this order: the first also ends what a role was set to, the second returns to the role the session began with, and
# the third to the settings it began with. The rest is what DISCARD ALL does, but for the advisory locks: ours stays.
RESTORE_SETTINGS = "RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL;"
DISCARD = "CLOSE ALL; UNLISTEN *; DISCARD TEMP; DISCARD SEQUENCES;"
DEALLOCATE = "DEALLOCATE ALL;"
# Without the statements that drivers have prepared. Behind a pooler they may be those of other clients.
DEALLOCATE_THOSE_OF_FILES = """
DO $$ DECLARE statement text; BEGIN
    FOR statement IN SELECT name FROM pg_prepared_statements WHERE from_sql LOOP
        EXECUTE format('DEALLOCATE %I', statement);
    END LOOP;
END $$;
"""
# A savepoint is what a transaction comes back from after SET TRANSACTION READ ONLY.
SAVEPOINT = "SAVEPOINT codeactions_file;"
READ_ONLY = "SET TRANSACTION READ ONLY"
RELEASE_SAVEPOINT = "RELEASE SAVEPOINT codeactions_file;"
# Of this session: exclusive or not, key of one number or of two, and the key in both forms.
OWN_ADVISORY_LOCKS = """
SELECT mode = 'ExclusiveLock', objsubid, (classid::bigint << 32) | objid::bigint,
       classid::bigint::bit(32)::int || ', ' || objid::bigint::bit(32)::int
FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND objsubid IN (1, 2);
"""


def restore_encoding(encoding: str) -> str:
    """Change the client's encoding; the argument is its name as a literal."""
    # Not RESET: behind a pooler the session may have begun with another one.
    return f"SET client_encoding = {encoding}"


def release_left_lock(is_exclusive: str | None, numbers: str | None, one: str | None, two: str | None) -> str:
    """Give back a lock that a file has left behind, once; the arguments are a row of the query above."""
    shared = "" if is_exclusive == "t" else "_shared"
    return f"SELECT pg_advisory_unlock{shared}({one if numbers == '1' else two});"


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
