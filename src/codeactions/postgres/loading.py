"""Values of rows that other programs wrote and Python's own types cannot hold: they are read as text, never refused."""

import json
from datetime import UTC
from typing import Any

import psycopg
from psycopg.abc import Buffer
from psycopg.types.datetime import TimestampLoader, TimestamptzLoader
from psycopg.types.json import set_json_loads

_DEEPEST = 200  # levels of JSON; Python's own reader and writer give up at some 900


class _ZonedTime(TimestamptzLoader):
    """Reads a time; infinity, and one before Christ or after the year 9999, as PostgreSQL writes it."""

    def load(self, data: Buffer) -> Any:
        try:
            return super().load(data)
        except psycopg.DataError:
            return bytes(data).decode()


class _BareTime(TimestampLoader):
    """Reads a time without a zone, which is in UTC."""

    def load(self, data: Buffer) -> Any:
        try:
            return super().load(data).replace(tzinfo=UTC)
        except psycopg.DataError:
            return bytes(data).decode()


def load_json(data: bytes | str) -> Any:
    """Return a JSON value. Numbers that Python cannot hold, and a value that is nested too deeply, are text."""
    text = data if isinstance(data, str) else data.decode()
    try:
        value = json.loads(text, parse_int=_whole, parse_float=_fraction)
    except RecursionError:
        return text
    return value if text.count("[") + text.count("{") <= _DEEPEST or _is_shallow(value) else text


def install(connection: psycopg.AsyncConnection[Any]) -> None:
    """Make a connection read rows in this way."""
    connection.adapters.register_loader("timestamptz", _ZonedTime)
    connection.adapters.register_loader("timestamp", _BareTime)
    set_json_loads(load_json, connection)


def _whole(digits: str) -> int | str:
    try:
        return int(digits)
    except ValueError:  # more than 4,300 of them
        return digits


def _fraction(digits: str) -> float | str:
    found = float(digits)
    return digits if found in (float("inf"), float("-inf")) else found


def _is_shallow(value: Any) -> bool:
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            child
            for parent in level
            if isinstance(parent, dict | list)
            for child in (parent.values() if isinstance(parent, dict) else parent)
        ]
        if not level:
            return True
    return False
