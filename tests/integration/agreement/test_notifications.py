"""Addresses that a change of permissions touches: each is notified."""

from collections.abc import Callable, Iterator

import psycopg
import pytest
from integration.agreement.members import make, put, write
from migrations import Connection

CHANNEL = "codeactions_permissions"


@pytest.fixture
def heard(db: Connection, url: str) -> Iterator[Callable[[], list[str]]]:
    """Addresses that were notified since the last call, each once."""
    with psycopg.connect(url, autocommit=True) as listening:
        listening.execute(f"LISTEN {CHANNEL}")

        def told() -> list[str]:
            db.execute(f"NOTIFY {CHANNEL}, 'end'")
            found: set[str] = set()
            for notification in listening.notifies(timeout=10):
                assert notification.channel == CHANNEL
                if notification.payload == "end":
                    return sorted(found)
                found.add(notification.payload)
            raise AssertionError("no notification arrives")

        yield told


def test_each_address_that_a_change_touches_is_notified_in_small_letters(
    db: Connection, heard: Callable[[], list[str]]
) -> None:
    make(db, "p", ("a", 1), ("Bo@X", 2))
    assert heard() == ["a", "bo@x"]
    put(db, "nowhere", C=1)
    assert heard() == ["c"]
    write(db, "p", ("Bo@X", 2), ("d", 1))
    assert {"a", "d"} <= set(heard()) <= {"a", "d", "bo@x"}
    db.execute("UPDATE user_permissions SET email = 'e' WHERE email = 'd'")
    assert heard() == ["d", "e"]
    db.execute("UPDATE projects SET name = 'another'")
    assert heard() == []
    with db.transaction():
        put(db, "p", f=1)
        raise psycopg.Rollback
    assert heard() == []
    db.execute("DELETE FROM projects")
    assert heard() == ["bo@x", "e"]


def test_very_many_addresses_are_notified_as_everything(db: Connection, heard: Callable[[], list[str]]) -> None:
    make(db, "p", *((f"u{n:03}", 1) for n in range(100)))
    assert heard() == [f"u{n:03}" for n in range(100)]
    make(db, "q", *((f"u{n:03}", 1) for n in range(101)))
    assert heard() == ["*"]
    db.execute("UPDATE user_permissions SET role = 2 WHERE project_uuid = 'q' AND email < 'u002'")
    assert heard() == ["u000", "u001"]
    db.execute("DELETE FROM projects WHERE uuid = 'q'")
    assert heard() == ["*"]
