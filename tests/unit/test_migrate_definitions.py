"""The reading of what migration files define."""

import pytest

from codeactions.migrate.statements.definitions import Definitions, Thing


def defined(*files: str) -> Definitions:
    """The state after these files."""
    found = Definitions()
    for text in files:
        found.run(text.encode())
    return found


TABLE = "CREATE TABLE t (id UUID PRIMARY KEY, name VARCHAR(255) NOT NULL);"


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("ALTER TABLE t ADD COLUMN a TEXT;", {"a": "TEXT"}),
        ("ALTER TABLE t ADD a TEXT DEFAULT 'x, y'", {"a": "TEXT"}),
        ("alter table if exists only public.t add column if not exists a double precision not null", None),
        (
            "ALTER TABLE t ADD a INTEGER, ADD CONSTRAINT c CHECK (a > 0), ADD b TEXT[];",
            {"a": "INTEGER", "b": "TEXT [ ]"},
        ),
        ("ALTER TABLE t DROP COLUMN IF EXISTS name", {"name": ""}),
        ("ALTER TABLE t DROP name CASCADE", {"name": ""}),
        ("ALTER TABLE t DROP CONSTRAINT name", {}),
        ("ALTER TABLE t RENAME COLUMN name TO title", {"name": "", "title": "VARCHAR ( 255 )"}),
        ("ALTER TABLE t RENAME name TO title", {"name": "", "title": "VARCHAR ( 255 )"}),
        ("ALTER TABLE t RENAME CONSTRAINT name TO title", {}),
        ("ALTER TABLE t ALTER COLUMN name TYPE TEXT USING name::text", {"name": "TEXT"}),
        ("ALTER TABLE t ALTER name SET DATA TYPE TEXT", {"name": "TEXT"}),
        ("ALTER TABLE t ALTER name SET NOT NULL, ALTER name DROP DEFAULT", {}),
        ('ALTER TABLE "t" ADD COLUMN "A" TEXT', {"a": "TEXT"}),
        ("-- ALTER TABLE t DROP name;\n/* ; */ SELECT 'ALTER TABLE t DROP name;', $$;DROP TABLE t;$$;", {}),
    ],
)
def test_columns(text: str, columns: dict[str, str] | None) -> None:
    expected = {"id": "UUID", "name": "VARCHAR ( 255 )"} | ({"a": "double precision"} if columns is None else columns)
    assert defined(TABLE, text).columns == {"t": {name: kind for name, kind in expected.items() if kind}}


def test_constraints_of_a_table_are_no_columns() -> None:
    text = """
    CREATE TABLE IF NOT EXISTS public.t (
        -- Only a comment, with a comma.
        id   BIGINT GENERATED ALWAYS AS IDENTITY,
        kind NUMERIC(10, 2) CHECK (kind IN (1, 2)),
        at   TIMESTAMP WITH TIME ZONE DEFAULT now(),
        other UUID REFERENCES u (id) ON DELETE CASCADE,
        PRIMARY KEY (id, kind), UNIQUE (kind), FOREIGN KEY (id) REFERENCES u (id), CHECK (id > 0),
        CONSTRAINT c EXCLUDE USING gist (id WITH =)
    );"""
    assert defined(text).columns == {
        "t": {
            "id": "BIGINT",
            "kind": "NUMERIC ( 10 , 2 )",
            "at": "TIMESTAMP WITH TIME ZONE",
            "other": "UUID",
        }
    }


def test_triggers_and_functions_come_and_go() -> None:
    made = """
    CREATE OR REPLACE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DROP TABLE t; END $$;
    CREATE TRIGGER g AFTER UPDATE OF id, name OR DELETE ON t FOR EACH ROW EXECUTE FUNCTION f();
    CREATE CONSTRAINT TRIGGER h AFTER INSERT ON public.t FOR EACH ROW EXECUTE FUNCTION f();
    """
    found = defined(TABLE, made)
    assert (found.triggers, found.functions) == ({("t", "g"), ("t", "h")}, {"f"})
    found.run(b"DROP TRIGGER IF EXISTS g ON t; ALTER TABLE t RENAME TO u")
    assert (found.triggers, set(found.columns)) == ({("u", "h")}, {"u"})
    found.run(b"DROP TABLE IF EXISTS u; DROP FUNCTION f();")
    assert found == Definitions()


def test_the_tables_that_a_file_alters_are_told() -> None:
    assert defined(TABLE).run(b"ALTER TABLE t DROP CONSTRAINT c, ADD CONSTRAINT c CHECK (true); CREATE TABLE u ()") == {
        "t"
    }


def test_everything_is_a_thing() -> None:
    found = defined(TABLE, "CREATE TRIGGER g AFTER DELETE ON t EXECUTE FUNCTION f(); CREATE FUNCTION f() RETURNS int")
    assert found.things() == {
        Thing("table", "t", "", ""),
        Thing("column", "t", "id", "UUID"),
        Thing("column", "t", "name", "VARCHAR ( 255 )"),
        Thing("trigger", "t", "g", ""),
        Thing("function", "", "f", ""),
    }
