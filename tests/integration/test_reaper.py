"""Servers that watch each other: which one is dead, and which has only lost its connection."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from harness import until
from migrations import Connection

from codeactions.postgres.coderuns import _LOCK_SPACE
from codeactions.postgres.recording.reaper import Reaper

OWN, PEER = 1001, 1002
HOUR = 3600.0
_HOLDERS = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid::bigint = %s AND objid::bigint = %s"
_RUN = """
WITH code AS (
    INSERT INTO codes (name, type, source, language, project_uuid) VALUES ('n', 'flow', 's', 'python', 'p') RETURNING id
)
INSERT INTO coderuns (id, code_id, status, extra) SELECT %s, id, 'started', jsonb_build_object('instance', %s) FROM code
"""


@pytest.fixture
def run_id(tables: Connection) -> Iterator[UUID]:
    """A run of the server under watch, under way."""
    run_id = uuid4()
    tables.execute(_RUN, (run_id, OWN))
    yield run_id
    tables.execute("DELETE FROM codes")


def reaper(url: str, instance: int, interval: float = HOUR, open_runs: tuple[UUID, ...] = ()) -> Reaper:
    recorder: Any = SimpleNamespace(open_runs=set(open_runs))
    return Reaper(url, recorder, instance, interval=interval)


@asynccontextmanager
async def working(reaper: Reaper) -> AsyncIterator[Reaper]:
    await reaper.start()
    try:
        yield reaper
    finally:
        await reaper.stop()


@asynccontextmanager
async def watching(url: str) -> AsyncIterator[Reaper]:
    """One that looks only when it is told to."""
    reaper_ = reaper(url, PEER)
    try:
        yield reaper_
    finally:
        await reaper_.stop()


def holder(tables: Connection) -> int | None:
    """Who holds the lock of the server under watch."""
    found = tables.execute(_HOLDERS, (_LOCK_SPACE, OWN)).fetchone()
    return found[0] if found else None


async def terminate(tables: Connection) -> int:
    """End the connection that holds the lock, as a database does that restarts; its process id."""
    pid = holder(tables)
    assert pid is not None
    # The loop stands still meanwhile, so that whoever looks next finds it gone.
    tables.execute("SELECT pg_terminate_backend(%s, 10000)", (pid,))
    return pid


async def test_the_runs_of_a_server_that_has_only_lost_its_connection_are_not_lost(
    migrated_url: str, tables: Connection, run_id: UUID
) -> None:
    own = reaper(migrated_url, OWN, open_runs=(run_id,))
    async with watching(migrated_url) as peer:
        assert await own.look() == 0
        assert [await peer.look() for _ in range(5)] == [0] * 5
        await terminate(tables)
        assert [await peer.look() for _ in range(3)] == [0] * 3, "three looks without its lock"
        with pytest.raises(Exception, match="terminating connection"):
            await own.look()
        assert await own.look() == 0
        assert [await peer.look() for _ in range(5)] == [0] * 5, "it is alive"
        await own.stop()
        await until(lambda: holder(tables) is None)
        assert [await peer.look() for _ in range(4)] == [0, 0, 0, 1], "now it is dead"
    (status,) = tables.execute("SELECT status FROM coderuns WHERE id = %s", (run_id,)).fetchone() or ()
    assert status == "failed"


async def test_a_lost_connection_is_made_again_at_once(migrated_url: str, tables: Connection) -> None:
    async with working(reaper(migrated_url, OWN, HOUR)):
        old = await terminate(tables)  # before its first look, after which it would sleep for an hour
        await until(lambda: holder(tables) not in (None, old))


# As long as the database has not seen that a lost connection is gone, its old session has the lock.
async def test_a_lock_that_somebody_has_at_first_is_taken_when_it_is_free(
    migrated_url: str, tables: Connection
) -> None:
    tables.execute("SELECT pg_advisory_lock(%s, %s)", (_LOCK_SPACE, OWN))
    old = holder(tables)
    async with working(reaper(migrated_url, OWN, 0.05)):
        assert holder(tables) == old
        tables.execute("SELECT pg_advisory_unlock(%s, %s)", (_LOCK_SPACE, OWN))
        await until(lambda: holder(tables) not in (None, old))


async def test_looks_before_a_connection_was_lost_do_not_count_any_more(
    migrated_url: str, tables: Connection, run_id: UUID
) -> None:
    async with watching(migrated_url) as peer:
        assert [await peer.look() for _ in range(3)] == [0] * 3
        assert peer._connection is not None
        await peer._connection.close()
        assert [await peer.look() for _ in range(4)] == [0, 0, 0, 1]
