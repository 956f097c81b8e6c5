"""The migrations and the command `migrate` on a real PostgreSQL."""

import io
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from codeactions.domain.errors import ErrorCode
from codeactions.migrate import address, apply, files, lock, plan, session
from codeactions.migrate.apply import upgrade
from codeactions.migrate.failure import MigrationError
from codeactions.migrate.main import main
from codeactions.migrate.state import Standing, inspect
from codeactions.migrate.version import Recorded

DIRECTORY = Path(__file__).parents[2] / "migrations"
LATEST = 8

# Each column as "name type not-null default", each index as PostgreSQL writes it without its name and
# table. What a migration changes here it also changes in migrations/README.md.
KEY = "uuid not null gen_random_uuid()"
TIMES = {"created_at": "timestamp with time zone not null now()"}
BOTH_TIMES = TIMES | {"updated_at": "timestamp with time zone not null now()"}
NAME = "character varying(255) not null"
WORD = "character varying(50) not null"
COLUMNS = {
    "codes": {
        "id": KEY,
        "name": NAME,
        "type": WORD,
        "source": "text not null",
        "language": WORD,
        "url": "character varying(512)",
        "project_uuid": NAME,
        "timeout": "integer not null 60",
        **BOTH_TIMES,
    },
    "codelibs": {"id": KEY, "name": NAME, "language": WORD, **BOTH_TIMES},
    "coderuns": {
        "id": KEY,
        "code_id": "uuid not null",
        "status": WORD + " 'queued'::character varying",
        "result": "text",
        "extra": "jsonb not null '{}'::jsonb",
        "params": "jsonb not null '{}'::jsonb",
        "body": "text",
        "headers": "jsonb not null '{}'::jsonb",
        **BOTH_TIMES,
    },
    "user_permissions": {
        "id": KEY,
        "project_uuid": NAME,
        "email": NAME,
        "role": "integer not null",
        **BOTH_TIMES,
    },
    "projects": {
        "id": KEY,
        "uuid": NAME,
        "name": NAME,
        "authorizations": "jsonb not null '[]'::jsonb",
        **BOTH_TIMES,
    },
    "codelogs": {
        "id": KEY,
        "run_id": "uuid not null",
        "code_id": "uuid not null",
        "type": WORD,
        "content": "text not null",
        "position": "integer not null 0",
        **TIMES,
    },
    "schema_migrations": {"version": "bigint not null", "dirty": "boolean not null"},
}
INDEXES = {
    "codes": {
        "codes_pkey": "unique btree (id)",
        "idx_codes_project_uuid": "btree (project_uuid)",
        "idx_codes_type": "btree (type)",
        "idx_codes_project_type": "btree (project_uuid, type)",
        "idx_codes_created_at": "btree (created_at)",
    },
    "codelibs": {
        "codelibs_pkey": "unique btree (id)",
        "idx_codelibs_name": "btree (name)",
        "idx_codelibs_language": "btree (language)",
        "idx_codelibs_name_language": "btree (name, language)",
        "idx_codelibs_unique_name_language": "unique btree (name, language)",
    },
    "coderuns": {
        "coderuns_pkey": "unique btree (id)",
        "idx_coderuns_code_id": "btree (code_id)",
        "idx_coderuns_status": "btree (status)",
        "idx_coderuns_created_at": "btree (created_at)",
        "idx_coderuns_code_id_created_at": "btree (code_id, created_at)",
        "idx_coderuns_extra": "gin (extra)",
        "idx_coderuns_params": "gin (params)",
    },
    "user_permissions": {
        "user_permissions_pkey": "unique btree (id)",
        "idx_user_permissions_project_uuid": "btree (project_uuid)",
        "idx_user_permissions_email": "btree (email)",
        "idx_user_permissions_project_email": "btree (project_uuid, email)",
        "idx_user_permissions_unique_project_email": "unique btree (project_uuid, email)",
    },
    "projects": {
        "projects_pkey": "unique btree (id)",
        "idx_projects_uuid": "unique btree (uuid)",
        "idx_projects_name": "btree (name)",
        "idx_projects_created_at": "btree (created_at)",
        "idx_projects_authorizations": "gin (authorizations)",
    },
    "codelogs": {
        "codelogs_pkey": "unique btree (id)",
        "idx_codelogs_run_id_position": 'btree (run_id, "position")',
        "idx_codelogs_code_id_created_at": "btree (code_id, created_at)",
        "idx_codelogs_created_at": "btree (created_at)",
    },
    "schema_migrations": {"schema_migrations_pkey": "unique btree (version)"},
}
CONSTRAINTS = {
    "codes": {"codes_type_check", "codes_language_check", "codes_timeout_check", "codes_pkey"},
    "codelibs": {"codelibs_language_check", "codelibs_pkey"},
    "coderuns": {"coderuns_status_check", "coderuns_code_id_fkey", "coderuns_pkey"},
    "user_permissions": {"user_permissions_role_check", "user_permissions_pkey"},
    "projects": {"projects_authorizations_check", "idx_projects_uuid", "projects_pkey"},
    "codelogs": {"codelogs_type_check", "codelogs_run_id_fkey", "codelogs_pkey"},
    "schema_migrations": {"schema_migrations_pkey"},
}

# The tables as a deployment of the Go service has them, as far as later migrations could notice.
GO_SERVICE = """
CREATE TABLE codes (id uuid PRIMARY KEY, name varchar(255), type varchar(50), source text,
    language varchar(50), url varchar(512), project_uuid varchar(255), timeout integer DEFAULT 60,
    created_at timestamptz, updated_at timestamptz, mongo_object_id varchar(24));
CREATE TABLE codelibs (id uuid PRIMARY KEY, name varchar(255), language varchar(50),
    created_at timestamptz, updated_at timestamptz, mongo_object_id varchar(24));
CREATE TABLE coderuns (id uuid PRIMARY KEY, code_id uuid, status varchar(50), result text, extra jsonb,
    params jsonb, body text, headers jsonb, created_at timestamptz, updated_at timestamptz,
    mongo_object_id varchar(24), code_mongo_id varchar(24));
CREATE TABLE user_permissions (id uuid PRIMARY KEY, project_uuid varchar(255), email varchar(255),
    role integer, created_at timestamptz, updated_at timestamptz, mongo_object_id varchar(24));
CREATE TABLE projects (id uuid PRIMARY KEY, uuid varchar(255) UNIQUE, name varchar(255),
    authorizations jsonb, created_at timestamptz, updated_at timestamptz, mongo_object_id varchar(24));
CREATE TABLE schema_migrations (version bigint not null primary key, dirty boolean not null);
INSERT INTO schema_migrations VALUES (5, false);
"""


@pytest.fixture
def database(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def migrated(database_url: str, database: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    upgrade(database_url)
    return database


def folder(path: Path, **texts: str) -> Path:
    """A folder of migrations by version: `_1="CREATE TABLE ..."`, `_1_down="..."`."""
    path.mkdir(exist_ok=True)
    for key, text in texts.items():
        version, _, half = key[1:].partition("_")
        (path / f"{version}_step.{half or 'up'}.sql").write_text(text)
    return path


def rows(database: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    return database.execute("SELECT version, dirty FROM schema_migrations").fetchall()


def relations(database: psycopg.Connection[Any]) -> set[str]:
    found = database.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace"
    ).fetchall()
    return {row[0] for row in found}


def wait_for(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 20
    while not (value := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return value


def pid_running(database: psycopg.Connection[Any], text: str) -> int:
    """The backend of a migration that is at a statement with `text` in it."""
    query = """SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'
               AND application_name = %s AND position(%s IN query) > 0"""
    return int(wait_for(lambda: database.execute(query, (session.APPLICATION, text)).fetchone())[0])


@contextmanager
def background(call: Callable[[], int]) -> Iterator[Future[int]]:
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(call)


def code(database: psycopg.Connection[Any]) -> Any:
    row = database.execute(
        "INSERT INTO codes (name, type, source, language, project_uuid) "
        "VALUES ('n', 'flow', '', 'python', 'p') RETURNING id"
    ).fetchone()
    return row and row[0]


def run(database: psycopg.Connection[Any], status: str, code_id: object = None) -> Any:
    row = database.execute(
        "INSERT INTO coderuns (id, code_id, status) VALUES (gen_random_uuid(), %s, %s) RETURNING id",
        (code_id or code(database), status),
    ).fetchone()
    return row and row[0]


class TestSchema:
    def test_up_from_zero_gives_exactly_these_columns(self, migrated: psycopg.Connection[Any]) -> None:
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

    def test_up_from_zero_gives_exactly_these_indexes(self, migrated: psycopg.Connection[Any]) -> None:
        found: dict[str, dict[str, str]] = {}
        for table, name, text in migrated.execute(
            "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
        ):
            unique = "unique " if text.startswith("CREATE UNIQUE") else ""
            found.setdefault(table, {})[name] = unique + text.partition(" USING ")[2]
        assert found == INDEXES

    def test_up_from_zero_gives_exactly_these_constraints(self, migrated: psycopg.Connection[Any]) -> None:
        found: dict[str, set[str]] = {}
        # From PostgreSQL 18 on NOT NULL is listed too ('n'), which the columns' test covers.
        for table, name in migrated.execute(
            "SELECT conrelid::regclass::text, conname FROM pg_constraint "
            "WHERE connamespace = 'public'::regnamespace AND contype <> 'n'"
        ):
            found.setdefault(table, set()).add(name)
        assert found == CONSTRAINTS

    def test_nothing_else_is_left_and_no_extension_is_needed(self, migrated: psycopg.Connection[Any]) -> None:
        one = "SELECT array_agg({0} ORDER BY {0}) FROM {1}"
        schema = "WHERE {}namespace = 'public'::regnamespace"
        functions = migrated.execute(one.format("proname", "pg_proc " + schema.format("pro"))).fetchone()
        triggers = migrated.execute(one.format("tgname", "pg_trigger WHERE NOT tgisinternal")).fetchone()
        extensions = migrated.execute(one.format("extname", "pg_extension")).fetchone()
        assert functions == triggers == (["coderuns_protect_states", "codes_notify_change"],)
        assert extensions == (["plpgsql"],)

    def test_down_takes_each_step_back_to_where_it_came_from(
        self, database_url: str, database: psycopg.Connection[Any]
    ) -> None:
        seen = [frozenset({"schema_migrations", "schema_migrations_pkey"})]
        for _ in range(LATEST):
            assert main(["-database", database_url, "up", "1"]) == 0
            seen.append(frozenset(relations(database)))
        for expected in reversed(seen[:-1]):
            assert main(["-database", database_url, "down", "1"]) == 0
            assert relations(database) == expected
        left = "SELECT count(*) FROM {} WHERE {}namespace = 'public'::regnamespace"
        # The one table has two types: its row and the array of it.
        assert database.execute(left.format("pg_type", "typ")).fetchone() == (2,)
        assert database.execute(left.format("pg_proc", "pro")).fetchone() == (0,)
        assert rows(database) == []
        assert upgrade(database_url) == LATEST

    def test_the_readme_names_every_table_field_and_index(self, migrated: psycopg.Connection[Any]) -> None:
        text = (DIRECTORY / "README.md").read_text()
        sections = {part.split("\n", 1)[0]: part for part in re.split(r"^### ", text, flags=re.MULTILINE)[1:]}
        assert set(sections) == set(COLUMNS)
        for table, columns in COLUMNS.items():
            listed = re.findall(r"^\| (`[a-z_`, ]+`) \|", sections[table], re.MULTILINE)
            assert set(re.findall("[a-z_]+", " ".join(listed))) == set(columns), table
            indexes = re.findall(r"`(idx_[a-z_]+|[a-z_]+_pkey)`", sections[table])
            assert sorted(indexes) == sorted(INDEXES[table]), table
        for path in DIRECTORY.glob("*.up.sql"):
            version, _, title = path.name.removesuffix(".up.sql").partition("_")
            assert f"| {version} | {title} |" in text


class TestRules:
    GOOD_CODE = ("flow", "python", 60)

    @pytest.mark.parametrize(
        ("kind", "language", "timeout", "rule"),
        [
            ("job", "python", 60, "codes_type_check"),
            ("", "python", 60, "codes_type_check"),
            ("flow", "ruby", 60, "codes_language_check"),
            ("flow", "Python", 60, "codes_language_check"),
            ("flow", "python", 4, "codes_timeout_check"),
            ("flow", "python", 301, "codes_timeout_check"),
            ("flow", "python", 5, None),
            ("endpoint", "go", 300, None),
            ("endpoint", "javascript", 60, None),
        ],
    )
    def test_codes(
        self, migrated: psycopg.Connection[Any], kind: str, language: str, timeout: int, rule: str | None
    ) -> None:
        self.check(
            migrated,
            rule,
            "INSERT INTO codes (name, type, source, language, project_uuid, timeout) VALUES ('n', %s, '', %s, 'p', %s)",
            (kind, language, timeout),
        )

    def test_codelibs(self, migrated: psycopg.Connection[Any]) -> None:
        insert = "INSERT INTO codelibs (name, language) VALUES (%s, %s)"
        self.check(migrated, "codelibs_language_check", insert, ("x", "javascript"))
        self.check(migrated, None, insert, ("x", "python"))
        self.check(migrated, "idx_codelibs_unique_name_language", insert, ("x", "python"))

    def test_coderuns(self, migrated: psycopg.Connection[Any]) -> None:
        insert = "INSERT INTO coderuns (code_id, status) VALUES (%s, %s)"
        code_id = code(migrated)
        for status in ("queued", "started", "completed", "failed"):
            self.check(migrated, None, insert, (code_id, status))
        self.check(migrated, "coderuns_status_check", insert, (code_id, "cancelled"))
        self.check(migrated, "coderuns_code_id_fkey", insert, (uuid4(), "queued"))

    def test_user_permissions(self, migrated: psycopg.Connection[Any]) -> None:
        insert = "INSERT INTO user_permissions (project_uuid, email, role) VALUES ('p', %s, %s)"
        for role in (1, 2, 3):
            self.check(migrated, None, insert, (f"{role}@x", role))
        self.check(migrated, "user_permissions_role_check", insert, ("0@x", 0))
        self.check(migrated, "user_permissions_role_check", insert, ("4@x", 4))
        self.check(migrated, "idx_user_permissions_unique_project_email", insert, ("1@x", 2))

    @pytest.mark.parametrize(
        ("authorizations", "rule"),
        [
            ("[]", None),
            ('[{"email": "a@x", "role": 1}, {"email": "b@x", "role": 3}]', None),
            ("{}", "projects_authorizations_check"),
            ("null", "projects_authorizations_check"),
            ('["a@x"]', "projects_authorizations_check"),
            ('[{"email": "a@x"}]', "projects_authorizations_check"),
            ('[{"role": 1}]', "projects_authorizations_check"),
            ('[{"email": "a@x", "role": 4}]', "projects_authorizations_check"),
            ('[{"email": "a@x", "role": "1"}]', "projects_authorizations_check"),
            ('[{"email": 1, "role": 1}]', "projects_authorizations_check"),
            ('[[{"email": "a@x", "role": 1}]]', "projects_authorizations_check"),
            ('[{"email": "a@x", "role": 1}, null]', "projects_authorizations_check"),
        ],
    )
    def test_projects(self, migrated: psycopg.Connection[Any], authorizations: str, rule: str | None) -> None:
        insert = "INSERT INTO projects (uuid, name, authorizations) VALUES ('u', 'n', %s)"
        self.check(migrated, rule, insert, (authorizations,))

    def test_a_project_uuid_is_unique(self, migrated: psycopg.Connection[Any]) -> None:
        insert = "INSERT INTO projects (uuid, name) VALUES (%s, 'n')"
        self.check(migrated, None, insert, ("u",))
        self.check(migrated, "idx_projects_uuid", insert, ("u",))

    def test_codelogs(self, migrated: psycopg.Connection[Any]) -> None:
        insert = "INSERT INTO codelogs (run_id, code_id, type, content) VALUES (%s, gen_random_uuid(), %s, '')"
        run_id = run(migrated, "started")
        for kind in ("debug", "info", "error"):
            self.check(migrated, None, insert, (run_id, kind))
        self.check(migrated, "codelogs_type_check", insert, (run_id, "warning"))
        self.check(migrated, "codelogs_run_id_fkey", insert, (uuid4(), "info"))

    def test_deleting_a_code_takes_its_runs_and_their_logs_along(self, migrated: psycopg.Connection[Any]) -> None:
        code_id = code(migrated)
        for status in ("started", "completed"):
            migrated.execute(
                "INSERT INTO codelogs (run_id, code_id, type, content) VALUES (%s, %s, 'info', '')",
                (run(migrated, status, code_id), code_id),
            )
        migrated.execute("DELETE FROM codes WHERE id = %s", (code_id,))
        for table in ("coderuns", "codelogs"):
            assert migrated.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)

    @staticmethod
    def check(database: psycopg.Connection[Any], rule: str | None, statement: str, values: tuple[object, ...]) -> None:
        """The statement is refused by exactly this rule; None: it is taken."""
        if rule is None:
            database.execute(statement, values)
            return
        with pytest.raises(psycopg.IntegrityError) as caught:
            database.execute(statement, values)
        assert caught.value.diag.constraint_name == rule


class TestStates:
    @pytest.mark.parametrize("terminal", ["completed", "failed"])
    @pytest.mark.parametrize(
        "change", ["status = 'started'", "status = 'failed'", "result = 'x'", "updated_at = now()", "id = id"]
    )
    def test_a_finished_run_never_changes(self, migrated: psycopg.Connection[Any], terminal: str, change: str) -> None:
        run_id = run(migrated, terminal)
        with pytest.raises(psycopg.Error, match=f"run {run_id} is {terminal} and a finished run") as caught:
            migrated.execute(f"UPDATE coderuns SET {change} WHERE id = %s", (run_id,))
        assert caught.value.sqlstate == "RS001"
        assert (caught.value.diag.table_name, caught.value.diag.column_name) == ("coderuns", "status")

    def test_a_started_run_does_not_go_back(self, migrated: psycopg.Connection[Any]) -> None:
        run_id = run(migrated, "started")
        with pytest.raises(psycopg.Error, match="is started and cannot go back to queued") as caught:
            migrated.execute("UPDATE coderuns SET status = 'queued' WHERE id = %s", (run_id,))
        assert caught.value.sqlstate == "RS001"

    @pytest.mark.parametrize(
        "path",
        [
            ("queued", "started", "completed"),
            ("queued", "started", "started", "failed"),
            ("queued", "failed"),
        ],
    )
    def test_the_legal_paths(self, migrated: psycopg.Connection[Any], path: tuple[str, ...]) -> None:
        run_id = run(migrated, path[0])
        for status in path[1:]:
            migrated.execute(
                "UPDATE coderuns SET status = %s, result = 'x', updated_at = now() WHERE id = %s",
                (status, run_id),
            )

    def test_a_finished_run_can_be_deleted(self, migrated: psycopg.Connection[Any]) -> None:
        run(migrated, "completed")
        assert migrated.execute("DELETE FROM coderuns").rowcount == 1


def test_a_database_of_the_go_service_takes_the_later_migrations(
    database_url: str, database: psycopg.Connection[Any]
) -> None:
    database.execute(GO_SERVICE)
    run_id = run(database, "started", uuid4())
    lines: list[str] = []
    assert upgrade(database_url, progress=lines.append) == LATEST
    assert [line.split()[0] for line in lines] == ["6/u", "7/u", "8/u"]
    database.execute(
        "INSERT INTO codelogs (run_id, code_id, type, content) VALUES (%s, %s, 'info', 'x')",
        (run_id, uuid4()),
    )
    database.execute("UPDATE coderuns SET status = 'completed' WHERE id = %s", (run_id,))
    with pytest.raises(psycopg.Error, match="never changes"):
        database.execute("UPDATE coderuns SET status = 'failed' WHERE id = %s", (run_id,))
    assert main(["-database", database_url, "down", "3"]) == 0
    assert rows(database) == [(5, False)]
    assert "codelogs" not in relations(database)


class TestState:
    def test_looking_changes_nothing(self, database_url: str, database: psycopg.Connection[Any]) -> None:
        found = inspect(database_url)
        assert (found.standing, found.version, found.latest) == (Standing.BEHIND, -1, LATEST)
        assert found.pending == tuple(range(1, LATEST + 1))
        assert "`migrate up`" in found.message
        assert relations(database) == set()

    def test_current(self, database_url: str, migrated: psycopg.Connection[Any]) -> None:
        assert inspect(database_url).standing is Standing.CURRENT
        assert upgrade(database_url) == LATEST

    def test_dirty_stops_the_upgrade_until_forced(self, database_url: str, migrated: psycopg.Connection[Any]) -> None:
        migrated.execute("UPDATE schema_migrations SET dirty = true")
        assert inspect(database_url).standing is Standing.DIRTY
        with pytest.raises(MigrationError, match="dirty at version 8") as caught:
            upgrade(database_url)
        assert caught.value.code is ErrorCode.CONFLICT
        assert "`migrate force 8`" in caught.value.message
        assert "`migrate force 7`" in caught.value.message
        assert main(["-database", database_url, "force", "8"]) == 0
        assert upgrade(database_url) == LATEST

    def test_ahead_stops_the_upgrade(self, database_url: str, migrated: psycopg.Connection[Any]) -> None:
        migrated.execute("UPDATE schema_migrations SET version = 9")
        assert inspect(database_url).standing is Standing.AHEAD
        with pytest.raises(MigrationError, match=r"version 9, newer than the latest here \(8\)") as caught:
            upgrade(database_url)
        assert caught.value.code is ErrorCode.CONFLICT
        assert "`migrate down N`" in caught.value.message

    def test_unreachable(self) -> None:
        with pytest.raises(MigrationError, match=r"cannot connect to the database at 127\.0\.0\.1:1") as caught:
            upgrade("postgres://u:s3cret@127.0.0.1:1/d")
        assert caught.value.code is ErrorCode.INTERNAL
        assert "\n" not in caught.value.message
        assert "s3cret" not in caught.value.message + caught.value.tool
        assert "DATABASE_URL" in caught.value.message

    def test_an_empty_folder_is_refused(self, database_url: str, tmp_path: Path) -> None:
        with pytest.raises(MigrationError, match="there are no migrations"):
            upgrade(database_url, directory=tmp_path)

    def test_search_path_decides_the_schema(self, database_url: str, database: psycopg.Connection[Any]) -> None:
        database.execute("CREATE SCHEMA app")
        separator = "&" if "?" in database_url else "?"
        assert upgrade(f"{database_url}{separator}search_path=app") == LATEST
        assert relations(database) == set()
        assert database.execute("SELECT version FROM app.schema_migrations").fetchone() == (LATEST,)


class TestFailure:
    def test_a_failing_file_leaves_the_clean_version_before_it(
        self, database_url: str, database: psycopg.Connection[Any], tmp_path: Path
    ) -> None:
        directory = folder(
            tmp_path / "m", _1="CREATE TABLE a (i int);", _2="CREATE TABLE b (i int);\nCREATE TABEL c;\n"
        )
        lines: list[str] = []
        with pytest.raises(MigrationError) as caught:
            upgrade(database_url, directory=directory, progress=lines.append)
        assert [line.split()[0] for line in lines] == ["1/u"]
        assert caught.value.code is ErrorCode.INTERNAL
        assert caught.value.message == (
            'migration 2/u step failed: syntax error at or near "TABEL" in line 2, column 8 '
            "(SQLSTATE 42601); nothing of it was kept, the database is at version 1 and clean; mend the "
            "cause, then run `migrate up`"
        )
        assert caught.value.tool == (
            'migration failed: syntax error at or near "TABEL" (column 8) in line 2: '
            'CREATE TABLE b (i int);\nCREATE TABEL c;\n (details: pq: syntax error at or near "TABEL")'
        )
        assert rows(database) == [(1, False)]
        assert "b" not in relations(database)
        folder(tmp_path / "m", _2="CREATE TABLE b (i int);")
        assert upgrade(database_url, directory=directory) == 2

    def test_so_does_one_that_fails_only_when_it_commits(
        self, database_url: str, database: psycopg.Connection[Any], tmp_path: Path
    ) -> None:
        late = "CREATE TABLE a (i int UNIQUE, j int REFERENCES a (i) DEFERRABLE INITIALLY DEFERRED);"
        directory = folder(tmp_path / "m", _1=late + "INSERT INTO a VALUES (1, 2);")
        with pytest.raises(MigrationError, match="at no version and clean"):
            upgrade(database_url, directory=directory)
        assert rows(database) == []
        assert "a" not in relations(database)

    def test_a_nul_byte_is_refused_and_nothing_before_it_runs(
        self, database_url: str, database: psycopg.Connection[Any], tmp_path: Path
    ) -> None:
        directory = folder(tmp_path / "m", _1="CREATE TABLE a (i int);\0CREATE TABLE b (i int);")
        with pytest.raises(MigrationError, match="invalid message format"):
            upgrade(database_url, directory=directory)
        assert "a" not in relations(database)

    def test_a_file_that_refuses_a_transaction_runs_by_itself(
        self, database_url: str, database: psycopg.Connection[Any], tmp_path: Path
    ) -> None:
        directory = folder(
            tmp_path / "m",
            _1="CREATE TABLE a (i int);",
            _2="-- alone\nCREATE INDEX CONCURRENTLY a_i ON a (i);",
            _3="BEGIN; CREATE TABLE c (i int); COMMIT;",
            _4="  \n",
            _5_down="SELECT 1;",
        )
        assert upgrade(database_url, directory=directory) == 5
        assert {"a_i", "c"} <= relations(database)

    @pytest.mark.parametrize(
        "text",
        [
            "CREATE TABLE kept (i int); COMMIT; SELECT 1/0;",
            "CREATE TABLE kept (i int); END; SELECT 1/0;",
            "BEGIN; CREATE TABLE kept (i int); COMMIT; BEGIN; CREATE TABLE open (i int);",
        ],
    )
    def test_a_file_that_commits_half_of_itself_leaves_its_own_version_dirty(
        self, database_url: str, database: psycopg.Connection[Any], tmp_path: Path, text: str
    ) -> None:
        directory = folder(tmp_path / "m", _1=text)
        with pytest.raises(MigrationError, match="left dirty at version 1"):
            upgrade(database_url, directory=directory)
        assert rows(database) == [(1, True)]
        assert "kept" in relations(database)
        assert "open" not in relations(database)

    def test_a_backend_that_is_killed_leaves_the_clean_version_before(
        self, database_url: str, database: psycopg.Connection[Any], tmp_path: Path
    ) -> None:
        directory = folder(tmp_path / "m", _1="SELECT 1;", _2="CREATE TABLE b (i int); SELECT pg_sleep(60);")
        with background(lambda: upgrade(database_url, directory=directory)) as result:
            pid = pid_running(database, "pg_sleep")
            database.execute("SELECT pg_terminate_backend(%s)", (pid,))
            with pytest.raises(MigrationError, match="migration 2/u step failed") as caught:
                result.result(20)
        assert "`migrate up`" in caught.value.message
        assert rows(database) == [(1, False)]
        assert "b" not in relations(database)
        # Nor is the lock left behind.
        folder(tmp_path / "m", _2="CREATE TABLE b (i int);")
        assert upgrade(database_url, directory=directory, lock_timeout=5) == 2

    def test_killed_outside_of_a_transaction_it_leaves_its_version_dirty(
        self, database_url: str, database: psycopg.Connection[Any], tmp_path: Path
    ) -> None:
        database.execute("CREATE TABLE a (i int)")
        directory = folder(tmp_path / "m", _1="CREATE INDEX CONCURRENTLY a_i ON a (i);")
        with (
            psycopg.connect(database_url) as writer,
            background(lambda: upgrade(database_url, directory=directory)) as result,
        ):
            # The index waits for this transaction to end.
            writer.execute("INSERT INTO a VALUES (1)")
            pid = pid_running(database, "CONCURRENTLY")
            wait_for(lambda: rows(database) == [(1, True)])
            database.execute("SELECT pg_terminate_backend(%s)", (pid,))
            with pytest.raises(MigrationError, match="left dirty at version 1"):
                result.result(20)
        assert inspect(database_url, directory).standing is Standing.DIRTY


class TestTogether:
    def test_several_at_once_all_succeed_and_each_file_runs_once(
        self, database_url: str, database: psycopg.Connection[Any]
    ) -> None:
        count, lines = 4, list[str]()
        barrier = threading.Barrier(count)

        def one() -> int:
            barrier.wait()
            return upgrade(database_url, progress=lines.append)

        with ThreadPoolExecutor(count) as pool:
            results = [pool.submit(one) for _ in range(count)]
            assert [result.result(60) for result in results] == [LATEST] * count
        assert [line.split()[0] for line in lines] == [f"{version}/u" for version in range(1, LATEST + 1)]
        assert rows(database) == [(LATEST, False)]

    def test_the_holder_of_the_lock_is_named_when_the_time_is_over(
        self, database_url: str, database: psycopg.Connection[Any]
    ) -> None:
        where = address.parse(database_url)
        key = lock.number("public", "schema_migrations", where.path or database.info.dbname)
        database.execute("SET application_name = 'another tool'")
        database.execute("SELECT pg_advisory_lock(%s)", (key,))
        begin = time.monotonic()
        with pytest.raises(MigrationError, match=r"application another tool") as caught:
            upgrade(database_url, lock_timeout=0.3)
        assert 0.3 <= time.monotonic() - begin < 10
        assert caught.value.code is ErrorCode.CONFLICT
        assert f"pid {database.info.backend_pid} " in caught.value.message
        assert caught.value.tool.startswith("timeout: can't acquire database lock")
        database.execute("SELECT pg_advisory_unlock(%s)", (key,))
        assert upgrade(database_url) == LATEST

    def test_a_current_database_is_not_waited_for(self, database_url: str, migrated: psycopg.Connection[Any]) -> None:
        with session.opened(database_url) as other, lock.held(other.connection, other.lock_number, 1):
            assert upgrade(database_url, lock_timeout=0) == LATEST

    def test_a_reader_of_the_version_holds_nothing_up(
        self, database_url: str, database: psycopg.Connection[Any]
    ) -> None:
        assert main(["-database", database_url, "up", "6"]) == 0
        with psycopg.connect(database_url) as reader:
            assert reader.execute("SELECT version FROM schema_migrations").fetchone() == (6,)
            assert upgrade(database_url) == LATEST

    def test_a_version_that_moved_meanwhile_stops_the_step(
        self, database_url: str, database: psycopg.Connection[Any], tmp_path: Path
    ) -> None:
        found = files.read_directory(folder(tmp_path / "m", _1="CREATE TABLE a (i int);", _2="SELECT 1;"))
        with session.opened(database_url) as opened:
            opened.table.ensure()
            database.execute("INSERT INTO schema_migrations VALUES (1, false)")
            with pytest.raises(MigrationError, match="went from version -1 to 1 meanwhile"):
                apply.run(opened, plan.up(found, -1), Recorded(-1, False))
            assert opened.table.read() == Recorded(1, False)
        assert "a" not in relations(database)


class TestCommand:
    """What golang-migrate prints and returns, case by case."""

    @pytest.fixture
    def migrate(
        self, database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> Callable[..., tuple[int, str]]:
        directory = folder(
            tmp_path / "m",
            _1="CREATE TABLE a (i int);",
            _1_down="DROP TABLE a;",
            _2="CREATE TABLE b (i int);",
            _2_down="DROP TABLE b;",
        )

        def call(*words: str) -> tuple[int, str]:
            code = main(["-path", str(directory), "-database", database_url, *words])
            printed = capsys.readouterr()
            assert printed.out == ""
            return code, re.sub(r"\([0-9.]+(ns|µs|ms|s)\)", "(T)", printed.err)

        return call

    def test_up_down_and_version(self, migrate: Callable[..., tuple[int, str]]) -> None:
        assert migrate("version") == (1, "error: no migration\n")
        assert migrate("down", "1") == (1, "error: file does not exist\n")
        assert migrate("down", "-all") == (0, "no change\n")
        assert migrate("up", "0") == (0, "no change\n")
        assert migrate("up", "1") == (0, "1/u step (T)\n")
        assert migrate("version") == (0, "1\n")
        assert migrate("up", "5") == (1, "2/u step (T)\nerror: limit 4 short\n")
        assert migrate("up") == (0, "no change\n")
        assert migrate("up", "1") == (1, "error: file does not exist\n")
        assert migrate("up", "+1") == (1, "error: can't read limit argument N\n")
        assert migrate("down", "1", "2") == (1, "error: too many arguments\n")
        assert migrate("down", "-all", "1") == (1, "error: -all cannot be used with other arguments\n")
        assert migrate("down", "5") == (1, "2/d step (T)\n1/d step (T)\nerror: limit 3 short\n")

    def test_down_without_a_number_asks(
        self, migrate: Callable[..., tuple[int, str]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        migrate("up")
        question = "Are you sure you want to apply all down migrations? [y/N]\n"
        for answer in ("", "\n", "yes\n", "n\n"):
            monkeypatch.setattr("sys.stdin", io.StringIO(answer))
            assert migrate("down") == (1, question + "Not applying all down migrations\n")
        monkeypatch.setattr("sys.stdin", io.StringIO("Y please\n"))
        done = "Applying all down migrations\n2/d step (T)\n1/d step (T)\n"
        assert migrate("down") == (0, question + done)

    def test_force(self, migrate: Callable[..., tuple[int, str]], database: psycopg.Connection[Any]) -> None:
        assert migrate("force") == (1, "error: please specify version argument V\n")
        assert migrate("force", "x") == (1, "error: can't read version argument V\n")
        assert migrate("force", "--", "-2") == (1, "error: argument V must be >= -1\n")
        assert migrate("force", "42") == (0, "")
        assert rows(database) == [(42, False)]
        for word in (["up"], ["down", "1"]):
            assert migrate(*word) == (
                1,
                "error: no migration found for version 42: read down for version 42 .: file does not exist\n",
            )
        assert migrate("force", "-1") == migrate("force", "--", "-1") == (0, "")
        assert rows(database) == []

    def test_dirty(self, migrate: Callable[..., tuple[int, str]], database: psycopg.Connection[Any]) -> None:
        migrate("up")
        database.execute("UPDATE schema_migrations SET dirty = true")
        assert migrate("up") == (1, "error: Dirty database version 2. Fix and force version.\n")
        assert migrate("up", "0") == (0, "no change\n")
        assert migrate("version") == (0, "2 (dirty)\n")
        code, printed = migrate("status")
        assert code == 1
        assert printed.startswith("dirty: the database is dirty at version 2: migration 2 (step)")

    def test_status(self, migrate: Callable[..., tuple[int, str]]) -> None:
        code, printed = migrate("status")
        assert (code, printed.splitlines()[1:]) == (1, ["1 step", "2 step"])
        assert printed.startswith("behind: ")
        migrate("up")
        assert migrate("status") == (0, "current: the database is at version 2; nothing to do\n")

    def test_the_database_may_come_from_the_environment(
        self, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("DATABASE_URL", database_url)
        assert main(["up", "1"]) == 0
        assert capsys.readouterr().err.startswith("1/u create_codes_table (")
