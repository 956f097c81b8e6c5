"""What is read off our migrations is what they make: the check of a database at its start goes by it."""

from pathlib import Path

import pytest
from migrations import Connection, run

from codeactions.migrate.contents import Contents
from codeactions.migrate.database.session import opened
from codeactions.migrate.database.things import differences
from codeactions.migrate.files.directory import read_directory

DIRECTORY = Path(__file__).parents[2] / "migrations"
MIGRATIONS = read_directory(DIRECTORY)
BOOKKEEPING = ("schema_migrations", "schema_migrations_history")
EVERYTHING = """
SELECT 'table', relname, '' FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
UNION ALL
SELECT 'column', relname, attname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND attnum > 0 AND NOT attisdropped
UNION ALL
SELECT 'trigger', tgrelid::regclass::text, tgname FROM pg_trigger WHERE NOT tgisinternal
UNION ALL
SELECT 'function', '', proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
"""


@pytest.mark.parametrize("version", [item.version for item in MIGRATIONS.items])
def test_it_is_all_that_a_migration_makes(url: str, database: Connection, version: int) -> None:
    assert run("-path", str(DIRECTORY), "-database", url, "goto", str(version)).code == 0
    there = {row for row in database.execute(EVERYTHING).fetchall() if row[1] not in BOOKKEEPING}
    things = Contents(MIGRATIONS).at(version)
    assert {thing[:3] for thing in things} == there
    with opened(url) as session:
        assert differences(session.connection, things) == [], "the types, too"


def test_every_kind_of_difference_is_told(url: str, database: Connection) -> None:
    assert run("-path", str(DIRECTORY), "-database", url, "up").code == 0
    database.execute("""
        DROP TABLE codelogs;
        ALTER TABLE codes DROP COLUMN url;
        ALTER TABLE codes ALTER COLUMN name TYPE text, ALTER COLUMN created_at TYPE timestamp;
        ALTER TABLE codelibs ALTER COLUMN id DROP DEFAULT, ALTER COLUMN id TYPE text;
        ALTER TABLE projects ADD COLUMN mongo_object_id text, ADD COLUMN owner text NOT NULL;
        ALTER TABLE identity_events ALTER COLUMN pending DROP DEFAULT, ALTER COLUMN pending TYPE json;
        DROP TRIGGER coderuns_protect_states ON coderuns;
        DROP FUNCTION project_permissions;
    """)
    with opened(url) as session:
        found = differences(session.connection, Contents(MIGRATIONS).latest)
    assert list(map(str, found)) == [
        "table codelogs is missing",
        "column id of table codelibs is text, not uuid",
        "table codes has no column url",
        "column pending of table identity_events is json, not jsonb",
        "table projects has a column owner that must be given and is not known here",
        "trigger coderuns_protect_states of table coderuns is missing",
        "function project_permissions is missing",
    ]
