"""What the tables let in, whoever writes to them: the rules of our own migrations on a real PostgreSQL."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from migrations import Connection


@pytest.fixture
def tables(migrated_url: str) -> Iterator[Connection]:
    """A session on a database with our tables, which are empty; for tests that leave the schema alone."""
    with psycopg.connect(migrated_url, autocommit=True) as connection:
        connection.execute("TRUNCATE codes, codelibs, user_permissions, projects CASCADE")
        yield connection


def code(database: Connection) -> Any:
    row = database.execute(
        "INSERT INTO codes (name, type, source, language, project_uuid) "
        "VALUES ('n', 'flow', '', 'python', 'p') RETURNING id"
    ).fetchone()
    return row and row[0]


def coderun(database: Connection, status: str, code_id: object = None) -> Any:
    row = database.execute(
        "INSERT INTO coderuns (id, code_id, status) VALUES (gen_random_uuid(), %s, %s) RETURNING id",
        (code_id or code(database), status),
    ).fetchone()
    return row and row[0]


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
    def test_codes(self, tables: Connection, kind: str, language: str, timeout: int, rule: str | None) -> None:
        self.check(
            tables,
            rule,
            "INSERT INTO codes (name, type, source, language, project_uuid, timeout) VALUES ('n', %s, '', %s, 'p', %s)",
            (kind, language, timeout),
        )

    @pytest.mark.parametrize(("length", "rule"), [(2000, None), (2001, "codes_description_check")])
    def test_a_description(self, tables: Connection, length: int, rule: str | None) -> None:
        self.check(tables, rule, "UPDATE codes SET description = repeat('ü', %s) WHERE id = %s", (length, code(tables)))

    def test_codelibs(self, tables: Connection) -> None:
        insert = "INSERT INTO codelibs (name, language) VALUES (%s, %s)"
        self.check(tables, "codelibs_language_check", insert, ("x", "javascript"))
        self.check(tables, None, insert, ("x", "python"))
        self.check(tables, "idx_codelibs_unique_name_language", insert, ("x", "python"))

    def test_coderuns(self, tables: Connection) -> None:
        insert = "INSERT INTO coderuns (code_id, status) VALUES (%s, %s)"
        code_id = code(tables)
        for status in ("queued", "started", "completed", "failed"):
            self.check(tables, None, insert, (code_id, status))
        self.check(tables, "coderuns_status_check", insert, (code_id, "cancelled"))
        self.check(tables, "coderuns_code_id_fkey", insert, (uuid4(), "queued"))

    def test_user_permissions(self, tables: Connection) -> None:
        insert = "INSERT INTO user_permissions (project_uuid, email, role) VALUES ('p', %s, %s)"
        for role in (1, 2, 3):
            self.check(tables, None, insert, (f"{role}@x", role))
        self.check(tables, "user_permissions_role_check", insert, ("0@x", 0))
        self.check(tables, "user_permissions_role_check", insert, ("4@x", 4))
        self.check(tables, "idx_user_permissions_unique_project_email", insert, ("1@x", 2))

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
    def test_projects(self, tables: Connection, authorizations: str, rule: str | None) -> None:
        insert = "INSERT INTO projects (uuid, name, authorizations) VALUES ('u', 'n', %s)"
        self.check(tables, rule, insert, (authorizations,))

    def test_a_project_uuid_is_unique(self, tables: Connection) -> None:
        insert = "INSERT INTO projects (uuid, name) VALUES (%s, 'n')"
        self.check(tables, None, insert, ("u",))
        self.check(tables, "idx_projects_uuid", insert, ("u",))

    def test_codelogs(self, tables: Connection) -> None:
        insert = "INSERT INTO codelogs (run_id, code_id, type, content) VALUES (%s, gen_random_uuid(), %s, '')"
        run_id = coderun(tables, "started")
        for kind in ("debug", "info", "warning", "error"):
            self.check(tables, None, insert, (run_id, kind))
        self.check(tables, "codelogs_type_check", insert, (run_id, "notice"))
        self.check(tables, "codelogs_run_id_fkey", insert, (uuid4(), "info"))

    def test_deleting_a_code_takes_its_runs_and_their_logs_along(self, tables: Connection) -> None:
        code_id = code(tables)
        for status in ("started", "completed"):
            tables.execute(
                "INSERT INTO codelogs (run_id, code_id, type, content) VALUES (%s, %s, 'info', '')",
                (coderun(tables, status, code_id), code_id),
            )
        tables.execute("DELETE FROM codes WHERE id = %s", (code_id,))
        for table in ("coderuns", "codelogs"):
            assert tables.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)

    @staticmethod
    def check(database: Connection, rule: str | None, statement: str, values: tuple[object, ...]) -> None:
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
    def test_a_finished_run_never_changes(self, tables: Connection, terminal: str, change: str) -> None:
        run_id = coderun(tables, terminal)
        with pytest.raises(psycopg.Error, match=f"run {run_id} is {terminal} and a finished run") as caught:
            tables.execute(f"UPDATE coderuns SET {change} WHERE id = %s", (run_id,))
        assert caught.value.sqlstate == "RS001"
        assert (caught.value.diag.table_name, caught.value.diag.column_name) == ("coderuns", "status")

    def test_a_started_run_does_not_go_back(self, tables: Connection) -> None:
        run_id = coderun(tables, "started")
        with pytest.raises(psycopg.Error, match="is started and cannot go back to queued") as caught:
            tables.execute("UPDATE coderuns SET status = 'queued' WHERE id = %s", (run_id,))
        assert caught.value.sqlstate == "RS001"

    @pytest.mark.parametrize(
        "path",
        [
            ("queued", "started", "completed"),
            ("queued", "started", "started", "failed"),
            ("queued", "failed"),
        ],
    )
    def test_the_legal_paths(self, tables: Connection, path: tuple[str, ...]) -> None:
        run_id = coderun(tables, path[0])
        for status in path[1:]:
            tables.execute(
                "UPDATE coderuns SET status = %s, result = 'x', updated_at = now() WHERE id = %s",
                (status, run_id),
            )

    def test_a_finished_run_can_be_deleted(self, tables: Connection) -> None:
        coderun(tables, "completed")
        assert tables.execute("DELETE FROM coderuns").rowcount == 1
