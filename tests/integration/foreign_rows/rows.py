"""Values that a column of the first five tables may hold, and rows of them, as another program writes them."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import psycopg
import pytest

SOURCE = "def Run(engine):\n    return 'ran'\n"
# As SQL, and as it is shown.
TIMES = [
    ("NULL", None),
    ("'infinity'", "infinity"),
    ("'-infinity'", "-infinity"),
    ("'0044-03-15 12:00:00+00 BC'", "0044-03-15 12:00:00+00 BC"),
    ("'20000-01-01 00:00:00+00'", "20000-01-01 00:00:00+00"),
    ("'0001-01-01 00:00:00+00'", "0001-01-01T00:00:00"),
    ("'9999-12-31 23:59:59.999999+00'", "9999-12-31T23:59:59.999999"),
    ("'2024-05-01 10:00:00+02'", "2024-05-01T08:00:00"),
]
TEXTS = [("NULL", None), ("''", ""), ("'lua'", "lua"), (r"E'\u00fc\n\t\x01\U0001F600'", "ü\n\t\x01😀")]
WHOLE_NUMBERS = [("NULL", None), ("0", 0), ("-1", -1), ("4", 4), ("5", 5), ("2147483647", 2147483647)]
DEEP = "[" * 1000 + "]" * 1000
JSON = [
    ("NULL", None),
    *(
        (f"'{text}'", json.loads(text))
        for text in ("null", '"text"', '"error"', "[]", '["instance"]', "7", "true", "{}")
    ),
    ("""'{"error": "text"}'""", {"error": "text"}),
    ("""'{"error": null, "instance": "no number"}'""", {"error": None, "instance": "no number"}),
    ("""'{"instance": 99999999999999999999}'""", {"instance": 99999999999999999999}),
    ("'1e400'", 10**400),
    ("""'{"a": 1.5e400}'""", {"a": 15 * 10**399}),
    ("('1' || repeat('0', 5000))::jsonb", "1" + "0" * 5000),
    ("(repeat('9', 400) || '.5')::jsonb", "9" * 400 + ".5"),
    (f"'{DEEP}'", DEEP),
    ("(repeat('[', 150) || repeat(']', 150))::jsonb", json.loads("[" * 150 + "]" * 150)),
]


def cases(columns: dict[str, list[tuple[str, Any]]]) -> list[Any]:
    """A test's parameters for each column and each value."""
    return [
        pytest.param(column, value, shown, id=f"{column}={value[:30]}")
        for column, values in columns.items()
        for value, shown in values
    ]


def insert(db: psycopg.Connection[Any], table: str, **values: str) -> str:
    """Insert a row of these values, which are SQL, and return its id."""
    row_id = str(uuid4())
    columns = {"id": f"'{row_id}'", "created_at": "now()", "updated_at": "now()", **values}
    db.execute(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join(columns.values())})".encode())
    return row_id


def insert_code(db: psycopg.Connection[Any], **values: str) -> str:
    """Insert a code that runs, but for these values."""
    usual = {"name": "'n'", "type": "'endpoint'", "source": f"'{SOURCE}'".replace("'ran'", "''ran''")}
    return insert(db, "codes", **{**usual, "language": "'python'", "project_uuid": "'p'", "timeout": "60", **values})


def assert_shown(row: dict[str, Any], column: str, shown: Any) -> None:
    """Look at a value; a time in `shown` is in UTC."""
    value = row[column]
    if column.endswith("_at") and isinstance(value, str) and "T" in value:
        assert datetime.fromisoformat(value) == datetime.fromisoformat(shown).replace(tzinfo=UTC)
    else:
        assert value == shown
