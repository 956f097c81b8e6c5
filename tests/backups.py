"""What the tests of backups share: databases with odd contents, all that is in them, and the command line."""

import contextlib
import itertools
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
from harness import clean_environment
from psycopg import sql
from psycopg.types.json import Jsonb

from codeactions.node.migrations import upgrade
from codeactions.postgres.embedded.server import EmbeddedPostgres

ODD = 'it\'s "odd": \\ \\n \\. \\N\t\r\nnext line\n\\.\n--\n; DROP TABLE codes; $$ $1 %s £ 名前 🐍 é \x01 end '
PASSWORD = "p'w d/@:%&\\x"
COMMAND = [sys.executable, "-m", "codeactions"]
_numbers = itertools.count(1)

Codeactions = Callable[..., "subprocess.CompletedProcess[str]"]
NewDatabase = Callable[[], str]


def codeactions_in(folder: Path) -> Codeactions:
    """The command line, run in that folder. Words in capitals are variables of its environment."""

    def run(*words: object, **options: Any) -> "subprocess.CompletedProcess[str]":
        variables = {"CODEACTIONS_DATA_DIR": str(folder / "data")}
        variables |= {key: str(value) for key, value in options.items() if key.isupper()}
        others = {key: value for key, value in options.items() if not key.isupper()}
        settings: dict[str, Any] = {"text": True, "capture_output": True, "timeout": 90, "cwd": folder, **others}
        return subprocess.run([*COMMAND, *map(str, words)], env=clean_environment(**variables), **settings)

    return run


@contextlib.contextmanager
def databases_of(postgres: EmbeddedPostgres) -> Iterator[NewDatabase]:
    """Make empty databases, dropped after the block."""
    names: list[str] = []

    def make() -> str:
        names.append(f"backup_{next(_numbers)}")
        with psycopg.connect(postgres.url, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(names[-1])))
        return postgres.url.replace("/codeactions?", f"/{names[-1]}?")

    yield make
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        for name in names:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def fill(url: str) -> None:
    """Migrate and write."""
    upgrade(url)
    extra = {"status_code": 200, "odd": ODD.replace("\x00", ""), "nested": [None, True, 1.5e300, {"ключ": []}]}
    with psycopg.connect(url) as connection:
        for number in range(3):
            row = connection.execute(
                "INSERT INTO codes (name, type, source, language, url, project_uuid, timeout)"
                " VALUES (%s, 'endpoint', %s, 'python', %s, 'p', 5) RETURNING id",
                (f"{ODD} {number}", ODD * 1000, None if number else ODD),
            ).fetchone()
            assert row
            for status, result in (("completed", ODD), ("failed", None), ("started", ""), ("queued", "\\N")):
                run = connection.execute(
                    "INSERT INTO coderuns (code_id, status, result, extra, params, body, headers)"
                    " VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING id",
                    (row[0], status, result, Jsonb(extra), Jsonb({ODD: ODD}), ODD, Jsonb({})),
                ).fetchone()
                assert run
                for position in range(3):
                    connection.execute(
                        "INSERT INTO codelogs (run_id, code_id, type, content, position)"
                        " VALUES (%s, %s, 'info', %s, %s)",
                        (run[0], row[0], ODD, position),
                    )
        connection.execute(
            "INSERT INTO project_values (project_uuid, name, kind, plain, code_ids)"
            " VALUES ('p', %s, 'variable', %s, %s)",
            (ODD, ODD * 100, [row[0]]),
        )
        connection.execute(
            "INSERT INTO project_values (project_uuid, name, kind, encrypted) VALUES ('p', 'secret', 'secret', %s)",
            (bytes(range(256)),),
        )
        connection.execute("INSERT INTO codelibs (name, language) VALUES (%s, 'python')", (ODD,))
        connection.execute("INSERT INTO user_permissions (project_uuid, email, role) VALUES ('p', %s, 3)", (ODD,))
        connection.execute(
            "INSERT INTO projects (uuid, name, authorizations) VALUES ('p', %s, %s)",
            (ODD, Jsonb([{"email": "ä@example.org", "role": 1}])),
        )


def rows(url: str) -> dict[str, list[Any]]:
    """Every row of every table, as text."""
    with psycopg.connect(url) as connection:
        names = connection.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname !~ '^(pg_|information_schema)' ORDER BY 1, 2"
        ).fetchall()
        read = sql.SQL("SELECT t::text FROM {} AS t ORDER BY 1")
        return {name[1]: connection.execute(read.format(sql.Identifier(*name))).fetchall() for name in names}


SCHEMA = """
SELECT 'column', table_schema || '.' || table_name || '.' || column_name || ' ' || ordinal_position || ' ' || data_type
       || ' ' || coalesce(character_maximum_length::text, '') || ' ' || is_nullable || ' ' || is_identity
       || ' ' || coalesce(column_default, '')
FROM information_schema.columns WHERE table_schema !~ '^(pg_|information_schema)'
UNION ALL SELECT 'index', indexdef FROM pg_indexes WHERE schemaname !~ '^pg_'
UNION ALL SELECT 'constraint', conrelid::regclass::text || ' ' || conname || ' ' || pg_get_constraintdef(oid)
FROM pg_constraint WHERE conrelid <> 0 AND connamespace::regnamespace::text !~ '^(pg_|information_schema)'
UNION ALL SELECT 'trigger', pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
UNION ALL SELECT 'function', pg_get_functiondef(oid) FROM pg_proc
WHERE pronamespace::regnamespace::text !~ '^(pg_|information_schema)'
UNION ALL SELECT 'sequence', schemaname || '.' || sequencename FROM pg_sequences
UNION ALL SELECT 'comment', description FROM pg_description WHERE objoid >= 16384
ORDER BY 1, 2
"""


# Their casts differ once PostgreSQL has read what it showed: those of `type IN ('a', 'b')` on a varchar, for one.
CASTS = ("constraint", "trigger")


def schema(url: str) -> list[Any]:
    """Everything about the tables but their rows."""
    with psycopg.connect(url) as connection:
        found = connection.execute(SCHEMA).fetchall()
    return [(kind, re.sub(r"::[a-z ]+(\[\])?|[()]", "", text) if kind in CASTS else text) for kind, text in found]


def is_empty(url: str) -> bool:
    """Whether nothing at all is in the database."""
    return schema(url) == []


def the_line(done: "subprocess.CompletedProcess[str]") -> str:
    """The one line of error."""
    assert done.returncode == 1, done.stderr
    [line] = done.stderr.splitlines()
    assert line.startswith("codeactions: ")
    assert PASSWORD not in line
    return line


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())
