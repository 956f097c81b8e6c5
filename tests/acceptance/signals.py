"""The signals that `migrate` hears, and what it says and leaves behind then."""

import signal
from typing import Any

import psycopg

STOPPING = "Stopping after this running migration ..."
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


def row(database: psycopg.Connection[Any]) -> tuple[Any, ...] | None:
    return database.execute("SELECT version, dirty FROM schema_migrations").fetchone()
