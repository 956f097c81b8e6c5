"""Our own migrations on a real PostgreSQL: the schema that they make, and what a server finds at its start."""

import re
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from gotool import SERVICE_TABLES
from integration.schema import BOOKKEEPING, COLUMNS, CONSTRAINTS, INDEXES
from migrations import Connection, relations, rows, run

from codeactions.domain.errors import Error, ErrorCode
from codeactions.migrate import api
from codeactions.node.migrations import DatabaseState, inspect, upgrade

DIRECTORY = Path(__file__).parents[2] / "migrations"
VERSIONS = sorted(int(path.name.partition("_")[0]) for path in DIRECTORY.glob("*.up.sql"))
BEFORE, LATEST = VERSIONS[-2:]

# A deployment of the Go service, as far as later migrations could notice.
GO_SERVICE = (
    SERVICE_TABLES
    + """
-- Projects whose rows and authorizations differ, without rows, without authorizations, with none that can be a row.
INSERT INTO projects (id, uuid, authorizations) VALUES
    (gen_random_uuid(), 'a', '[{"email": "old@x", "role": 3}]'),
    (gen_random_uuid(), 'b', '[{"email": "b@x", "role": 2}, {"email": "b@x", "role": 1}, {"email": "c@x", "role": 9}]'),
    (gen_random_uuid(), 'c', NULL), (gen_random_uuid(), 'd', '{"email": "d@x"}'),
    (gen_random_uuid(), 'f', jsonb_build_array(jsonb_build_object('email', repeat('f', 256), 'role', 1)));
INSERT INTO user_permissions (id, project_uuid, email, role) VALUES
    (gen_random_uuid(), 'a', 'a@x', 1), (gen_random_uuid(), 'elsewhere', 'e@x', 2);
"""
)


@pytest.fixture
def migrated(url: str, database: Connection) -> Connection:
    upgrade(url)
    return database


def migrate(url: str, *words: str) -> int:
    """Run the command on our own folder; its exit code."""
    return run("-path", str(DIRECTORY), "-database", url, *words).code


class TestSchema:
    def test_up_from_zero_gives_exactly_these_columns(self, migrated: Connection) -> None:
        found: dict[str, dict[str, str]] = {}
        for table, column, text in migrated.execute(
            """SELECT c.relname, a.attname, concat_ws(' ', format_type(a.atttypid, a.atttypmod),
                      CASE WHEN a.attnotnull THEN 'not null' END, pg_get_expr(d.adbin, d.adrelid))
               FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
                    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
               WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
               ORDER BY c.relname, a.attnum"""
        ):
            found.setdefault(table, {})[column] = text
        assert found == COLUMNS
        assert {table: list(columns) for table, columns in found.items()} == {
            table: list(columns) for table, columns in COLUMNS.items()
        }

    def test_up_from_zero_gives_exactly_these_indexes(self, migrated: Connection) -> None:
        found: dict[str, dict[str, str]] = {}
        for table, name, text in migrated.execute(
            "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
        ):
            unique = "unique " if text.startswith("CREATE UNIQUE") else ""
            found.setdefault(table, {})[name] = unique + text.partition(" USING ")[2]
        assert found == INDEXES

    def test_up_from_zero_gives_exactly_these_constraints(self, migrated: Connection) -> None:
        found: dict[str, set[str]] = {}
        # From PostgreSQL 18 on NOT NULL is listed too ('n'), which the columns' test covers.
        for table, name in migrated.execute(
            "SELECT conrelid::regclass::text, conname FROM pg_constraint "
            "WHERE connamespace = 'public'::regnamespace AND contype <> 'n'"
        ):
            found.setdefault(table, set()).add(name)
        assert found == CONSTRAINTS

    def test_nothing_else_is_left_and_no_extension_is_needed(self, migrated: Connection) -> None:
        one = "SELECT array_agg({0} ORDER BY {0}) FROM {1}"
        schema = "WHERE {}namespace = 'public'::regnamespace"
        functions = migrated.execute(one.format("proname", "pg_proc " + schema.format("pro"))).fetchone()
        triggers = migrated.execute(one.format("tgname", "pg_trigger WHERE NOT tgisinternal")).fetchone()
        extensions = migrated.execute(one.format("extname", "pg_extension")).fetchone()
        own = {"coderuns_protect_states", "codes_notify_change", "projects_agree"}
        own |= {"projects_drop_values", "project_values_notify_change"}
        own |= {"projects_drop_tokens", "api_tokens_notify_change", "code_protections_notify_change"}
        own |= {"audit_log_append_only", "codes_keep_version", "codes_notify_new"}
        assert functions is not None
        assert triggers is not None
        helpers = {"project_authorizations", "project_permissions", "permissions_in_turn", "user_permissions_agree"}
        helpers |= {"is_permission", "codes_number_version"}
        assert set(functions[0]) == own | helpers
        events = {f"user_permissions_agree_on_{event}" for event in ("insert", "update", "delete")}
        events |= {"projects_agree_on_update", "projects_agree_on_delete"}
        events |= {"codes_number_new", "codes_number_changed", "codes_keep_first_version"}
        assert set(triggers[0]) == own | events | {"projects_in_turn", "user_permissions_in_turn"}
        assert extensions == (["plpgsql"],)

    def test_down_takes_each_step_back_to_where_it_came_from(self, url: str, database: Connection) -> None:
        seen = [frozenset(BOOKKEEPING)]
        for _ in VERSIONS:
            assert migrate(url, "up", "1") == 0
            seen.append(frozenset(relations(database)))
        for expected in reversed(seen[:-1]):
            assert migrate(url, "down", "1") == 0
            assert relations(database) == expected
        left = "SELECT count(*) FROM {} WHERE {}namespace = 'public'::regnamespace"
        # Each of the two tables that stay has two types: its row and the array of it.
        assert database.execute(left.format("pg_type", "typ")).fetchone() == (4,)
        assert database.execute(left.format("pg_proc", "pro")).fetchone() == (0,)
        assert rows(database) == []
        assert upgrade(url) == LATEST

    def test_the_readme_names_every_table_field_and_index(self, migrated: Connection) -> None:
        text = (DIRECTORY / "README.md").read_text()
        sections = {part.split("\n", 1)[0]: part for part in re.split(r"^### ", text, flags=re.MULTILINE)[1:]}
        assert set(sections) == set(COLUMNS)
        for table, columns in COLUMNS.items():
            listed = re.findall(r"^\| (`[a-z0-9_`, ]+`) \|", sections[table], re.MULTILINE)
            assert set(re.findall("[a-z0-9_]+", " ".join(listed))) == set(columns), table
            indexes = re.findall(r"`(idx_[a-z0-9_]+|[a-z_]+_pkey)`", sections[table])
            assert sorted(indexes) == sorted(INDEXES[table]), table
        for path in DIRECTORY.glob("*.up.sql"):
            version, _, title = path.name.removesuffix(".up.sql").partition("_")
            assert f"| {version} | {title} |" in text


def test_a_database_of_the_go_service_takes_the_later_migrations(url: str, database: Connection) -> None:
    database.execute(GO_SERVICE)
    run_id = uuid4()
    database.execute("INSERT INTO coderuns (id, code_id, status) VALUES (%s, %s, 'started')", (run_id, uuid4()))
    lines: list[str] = []
    assert upgrade(url, progress=lines.append) == LATEST
    assert [line.split()[0] for line in lines] == [f"{version}/u" for version in VERSIONS if version > 5]
    permissions = "SELECT project_uuid, email, role FROM user_permissions ORDER BY project_uuid, email"
    assert database.execute(permissions).fetchall() == [("a", "a@x", 1), ("b", "b@x", 1), ("elsewhere", "e@x", 2)]
    projects = dict(database.execute("SELECT uuid, authorizations FROM projects").fetchall())
    assert projects == {
        "a": [{"email": "a@x", "role": 1}],
        "b": [{"email": "b@x", "role": 1}, {"email": "c@x", "role": 9}],
        "c": [],
        "d": [{"email": "d@x"}],
        "f": [{"email": "f" * 256, "role": 1}],
    }
    database.execute(
        "INSERT INTO codelogs (run_id, code_id, type, content) VALUES (%s, %s, 'warning', 'x')",
        (run_id, uuid4()),
    )
    database.execute("UPDATE coderuns SET status = 'completed' WHERE id = %s", (run_id,))
    with pytest.raises(psycopg.Error, match="never changes"):
        database.execute("UPDATE coderuns SET status = 'failed' WHERE id = %s", (run_id,))
    assert migrate(url, "down", str(len(VERSIONS) - 5)) == 0
    assert rows(database) == [(5, False)]
    assert "codelogs" not in relations(database)


# The Go tool sends a whole file as one query; ours does the same within its own transaction.
@pytest.mark.parametrize("tool", ["ours", "one query"])
def test_no_log_line_is_lost_when_warnings_come_and_go(tool: str, url: str, database: Connection) -> None:
    def step(direction: str) -> None:
        if tool == "ours":
            assert migrate(url, direction, "1") == 0
        else:
            with psycopg.ClientCursor(database) as cursor:
                cursor.execute((DIRECTORY / f"000014_add_log_level_warning.{direction}.sql").read_bytes())

    def line(level: str) -> None:
        database.execute(
            "INSERT INTO codelogs (run_id, code_id, type, content) VALUES (%s, %s, %s, %s)", (*ids, level, level)
        )

    def kept() -> list[tuple[str, str]]:
        return database.execute("SELECT content, type FROM codelogs ORDER BY content").fetchall()

    assert migrate(url, "goto", "13") == 0
    code_id, run_id = uuid4(), uuid4()
    database.execute(
        "INSERT INTO codes (id, name, type, source, language, project_uuid) VALUES (%s, '', 'flow', '', 'go', '')",
        (code_id,),
    )
    database.execute("INSERT INTO coderuns (id, code_id, status) VALUES (%s, %s, 'completed')", (run_id, code_id))
    ids = (run_id, code_id)
    line("error")
    with pytest.raises(psycopg.errors.CheckViolation):
        line("warning")
    step("up")
    line("info")
    line("warning")
    with pytest.raises(psycopg.errors.CheckViolation):
        line("notice")
    assert kept() == [("error", "error"), ("info", "info"), ("warning", "warning")]
    step("down")
    assert kept() == [("error", "error"), ("info", "info"), ("warning", "error")]
    with pytest.raises(psycopg.errors.CheckViolation):
        line("warning")
    step("up")
    line("warning")


def test_the_wider_rule_of_log_levels_reads_no_line(url: str, database: Connection) -> None:
    """A large table would be locked meanwhile. What the narrower rule has let in need not be read again."""
    upgrade(url)
    rule = "SELECT convalidated FROM pg_constraint WHERE conname = 'codelogs_type_check'"
    assert database.execute(rule).fetchone() == (False,)


class TestState:
    def test_looking_changes_nothing(self, url: str, database: Connection) -> None:
        found = inspect(url)
        assert (found.state, found.version, found.latest) == (DatabaseState.BEHIND, -1, LATEST)
        assert found.pending == tuple(VERSIONS)
        assert "`codeactions migrate up`" in found.message
        assert relations(database) == set()

    def test_current(self, url: str, migrated: Connection) -> None:
        assert inspect(url).state is DatabaseState.CURRENT
        assert upgrade(url) == LATEST

    def test_dirty_stops_the_upgrade_until_forced(self, url: str, migrated: Connection) -> None:
        migrated.execute("UPDATE schema_migrations SET dirty = true")
        assert inspect(url).state is DatabaseState.DIRTY
        with pytest.raises(Error, match=f"dirty at version {LATEST}") as caught:
            upgrade(url)
        assert caught.value.code is ErrorCode.CONFLICT
        assert f"`codeactions migrate force {LATEST}`" in caught.value.message
        assert f"`codeactions migrate force {BEFORE}`" in caught.value.message
        assert migrate(url, "force", str(LATEST)) == 0
        assert upgrade(url) == LATEST

    def test_ahead_stops_the_upgrade(self, url: str, migrated: Connection) -> None:
        migrated.execute("UPDATE schema_migrations SET version = %s", (LATEST + 1,))
        assert inspect(url).state is DatabaseState.AHEAD
        with pytest.raises(Error, match=rf"version {LATEST + 1}, newer than the latest here \({LATEST}\)") as caught:
            upgrade(url)
        assert caught.value.code is ErrorCode.CONFLICT
        assert "`codeactions migrate down N`" in caught.value.message

    def test_unreachable(self) -> None:
        with pytest.raises(Error, match=r"cannot connect to the database at 127\.0\.0\.1:1") as caught:
            upgrade("postgres://u:s3cret@127.0.0.1:1/d")
        assert caught.value.code is ErrorCode.INTERNAL
        assert isinstance(caught.value.__cause__, api.MigrationError)
        assert "\n" not in caught.value.message
        assert "s3cret" not in caught.value.message + caught.value.__cause__.go_text
        assert "DATABASE_URL" in caught.value.message

    def test_an_empty_folder_is_refused(self, url: str, tmp_path: Path) -> None:
        with pytest.raises(api.MigrationError, match="there are no migrations"):
            api.upgrade(url, tmp_path)

    def test_search_path_decides_the_schema(self, url: str, database: Connection) -> None:
        database.execute("CREATE SCHEMA app")
        separator = "&" if "?" in url else "?"
        assert upgrade(f"{url}{separator}search_path=app") == LATEST
        assert relations(database) == set()
        assert database.execute("SELECT version FROM app.schema_migrations").fetchone() == (LATEST,)
