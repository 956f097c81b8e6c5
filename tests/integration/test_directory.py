"""What the identity system's messages do to the tables, on a real PostgreSQL."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from migrations import Connection

from codeactions.domain.event import Event, PermissionEvent, ProjectEvent
from codeactions.domain.ids import new_id
from codeactions.domain.project import as_authorizations
from codeactions.domain.role import Role
from codeactions.postgres.database import Database
from codeactions.services.membership_sync import MembershipSync

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ANA, BEN, EVA = "ana@example.com", "ben@example.com", "eva@example.com"
_numbers = itertools.count(1)


@pytest.fixture
async def directory(migrated_url: str) -> AsyncIterator[MembershipSync]:
    database = Database(migrated_url)
    await database.open()
    yield MembershipSync(database, lambda: NOW)
    await database.close()


@pytest.fixture
def uuid() -> str:
    return f"project {next(_numbers)}"


def project(uuid: str, roles: dict[str, int] | None, name: str = "P") -> ProjectEvent:
    listed = None if roles is None else as_authorizations((email, Role(role)) for email, role in roles.items())
    return ProjectEvent(project_uuid=uuid, name=name, authorizations=listed)


def permission(uuid: str, email: str, role: int | None) -> PermissionEvent:
    return PermissionEvent(project_uuid=uuid, email=email, role=None if role is None else Role(role))


def roles(tables: Connection, uuid: str) -> dict[str, int]:
    """By the rows, which permissions are checked by; the project must say the same."""
    found = tables.execute("SELECT email, role FROM user_permissions WHERE project_uuid = %s", (uuid,)).fetchall()
    listed = tables.execute("SELECT authorizations FROM projects WHERE uuid = %s", (uuid,)).fetchone()
    if listed:
        assert {one["email"]: one["role"] for one in listed[0]} == dict(found)
    return dict(found)


def name(tables: Connection, uuid: str) -> str | None:
    row = tables.execute("SELECT name FROM projects WHERE uuid = %s", (uuid,)).fetchone()
    return row and row[0]


def pending(tables: Connection, uuid: str) -> dict[str, Any]:
    row = tables.execute("SELECT pending FROM identity_events WHERE project_uuid = %s", (uuid,)).fetchone()
    return row[0] if row else {}


def audit(tables: Connection, uuid: str) -> list[tuple[Any, ...]]:
    return tables.execute(
        "SELECT action, thing, thing_id, details FROM audit_log WHERE project_uuid = %s ORDER BY id", (uuid,)
    ).fetchall()


# ---- projects


async def test_a_new_project_is_made_as_it_is_told(directory: MembershipSync, tables: Connection, uuid: str) -> None:
    assert await directory.apply(project(uuid, {ANA: 1, BEN: 3}))
    assert (name(tables, uuid), roles(tables, uuid)) == ("P", {ANA: 1, BEN: 3})
    assert audit(tables, uuid) == [("create", "project", uuid, {"name": "P", "authorizations": {ANA: 1, BEN: 3}})]
    row = tables.execute(
        "SELECT actor_kind, actor, address, at FROM audit_log WHERE project_uuid = %s", (uuid,)
    ).fetchone()
    assert row == ("event", "identity events", "", NOW)
    assert tables.execute("SELECT created_at, updated_at FROM projects WHERE uuid = %s", (uuid,)).fetchone() == (
        NOW,
        NOW,
    )


async def test_the_same_again_changes_nothing_and_is_not_in_the_audit_log(
    directory: MembershipSync, tables: Connection, uuid: str
) -> None:
    await directory.apply(project(uuid, {ANA: 1}))
    before = tables.execute("SELECT * FROM projects WHERE uuid = %s", (uuid,)).fetchall()
    assert not await directory.apply(project(uuid, {ANA: 1}))
    assert not await directory.apply(project(uuid, None))
    assert tables.execute("SELECT * FROM projects WHERE uuid = %s", (uuid,)).fetchall() == before
    assert len(audit(tables, uuid)) == 1


async def test_another_list_is_taken_over_exactly(directory: MembershipSync, tables: Connection, uuid: str) -> None:
    await directory.apply(project(uuid, {ANA: 1, BEN: 3}))
    await directory.apply(permission(uuid, EVA, 2))
    assert await directory.apply(project(uuid, {ANA: 2}, name="Q"))
    assert (name(tables, uuid), roles(tables, uuid)) == ("Q", {ANA: 2})
    told = {"name": ["P", "Q"], "authorizations": {ANA: [1, 2], BEN: [3, None], EVA: [2, None]}}
    assert audit(tables, uuid)[-1] == ("update", "project", uuid, told)
    assert await directory.apply(project(uuid, {}))
    assert roles(tables, uuid) == {}


async def test_without_a_list_only_the_name_counts(directory: MembershipSync, tables: Connection, uuid: str) -> None:
    assert await directory.apply(project(uuid, None))
    assert roles(tables, uuid) == {}
    await directory.apply(permission(uuid, ANA, 2))
    assert await directory.apply(project(uuid, None, name="Q"))
    assert (name(tables, uuid), roles(tables, uuid)) == ("Q", {ANA: 2})
    assert audit(tables, uuid)[-1] == ("update", "project", uuid, {"name": ["P", "Q"]})


async def test_a_list_again_does_not_bring_back_what_was_taken_away_since(
    directory: MembershipSync, tables: Connection, uuid: str
) -> None:
    await directory.apply(project(uuid, {ANA: 1, BEN: 3}))
    await directory.apply(permission(uuid, ANA, None))
    await directory.apply(permission(uuid, BEN, 1))
    assert not await directory.apply(project(uuid, {ANA: 1, BEN: 3}))
    assert await directory.apply(project(uuid, {ANA: 1, BEN: 3}, name="Q"))
    assert (name(tables, uuid), roles(tables, uuid)) == ("Q", {BEN: 1})


async def test_who_had_a_permission_before_the_project_is_in_it_only_if_its_list_says_so(
    directory: MembershipSync, tables: Connection, uuid: str
) -> None:
    insert = "INSERT INTO user_permissions (project_uuid, email, role) VALUES (%s, %s, %s)"
    other = uuid + " without a list"
    for one in (uuid, other):
        tables.execute(insert, (one, ANA, 3))
        tables.execute(insert, (one, BEN, 2))
    await directory.apply(project(uuid, {ANA: 1}))
    assert roles(tables, uuid) == {ANA: 1}
    await directory.apply(permission(other, BEN, None))
    await directory.apply(project(other, None))
    assert roles(tables, other) == {ANA: 3}


async def test_a_project_that_was_deleted_here_comes_again_with_its_list(
    directory: MembershipSync, tables: Connection, uuid: str
) -> None:
    await directory.apply(project(uuid, {ANA: 1}))
    tables.execute("DELETE FROM projects WHERE uuid = %s", (uuid,))
    assert await directory.apply(project(uuid, {ANA: 1}))
    assert roles(tables, uuid) == {ANA: 1}


async def test_a_project_that_was_made_here_becomes_as_it_is_told(
    directory: MembershipSync, tables: Connection, uuid: str
) -> None:
    tables.execute(
        "INSERT INTO projects (uuid, name, authorizations) VALUES (%s, 'mine', %s)",
        (uuid, '[{"email": "eva@example.com", "role": 3}]'),
    )
    assert await directory.apply(project(uuid, {ANA: 1}))
    assert (name(tables, uuid), roles(tables, uuid)) == ("P", {ANA: 1})
    assert audit(tables, uuid)[-1][0] == "update"


# ---- permissions


async def test_a_permission_is_given_changed_and_taken_away(
    directory: MembershipSync, tables: Connection, uuid: str
) -> None:
    await directory.apply(project(uuid, {}))
    for role, now in ((1, {ANA: 1}), (3, {ANA: 3}), (None, {})):
        assert await directory.apply(permission(uuid, ANA, role))
        assert roles(tables, uuid) == now
        assert not await directory.apply(permission(uuid, ANA, role)), "the same again"
    assert audit(tables, uuid)[1:] == [
        ("create", "permission", ANA, {"email": ANA, "role": 1}),
        ("update", "permission", ANA, {"email": ANA, "role": [1, 3]}),
        ("delete", "permission", ANA, {"email": ANA, "role": 3}),
    ]


async def test_a_permission_waits_for_its_project_and_counts_for_nothing_until_then(
    directory: MembershipSync, tables: Connection, uuid: str
) -> None:
    for email, role in ((ANA, 3), (BEN, 2), (BEN, None), (EVA, 1)):
        assert not await directory.apply(permission(uuid, email, role))
    assert (name(tables, uuid), roles(tables, uuid), audit(tables, uuid)) == (None, {}, [])
    assert pending(tables, uuid) == {ANA: 3, BEN: None, EVA: 1}
    assert await directory.apply(project(uuid, {ANA: 1, BEN: 1}))
    assert roles(tables, uuid) == {ANA: 3, EVA: 1}
    assert audit(tables, uuid) == [("create", "project", uuid, {"name": "P", "authorizations": {ANA: 3, EVA: 1}})]
    assert pending(tables, uuid) == {}
    assert not await directory.apply(project(uuid, {ANA: 1, BEN: 1}))
    assert roles(tables, uuid) == {ANA: 3, EVA: 1}


async def test_what_waited_for_a_project_that_was_made_here_is_older_than_what_came_after(
    directory: MembershipSync, tables: Connection, uuid: str
) -> None:
    await directory.apply(permission(uuid, ANA, 1))
    await directory.apply(permission(uuid, BEN, 1))
    tables.execute("INSERT INTO projects (uuid, name) VALUES (%s, 'mine')", (uuid,))
    assert await directory.apply(permission(uuid, ANA, 3))
    assert await directory.apply(project(uuid, None))
    assert roles(tables, uuid) == {ANA: 3, BEN: 1}


@pytest.mark.parametrize(("role", "now"), [(1, {ANA: 1}), (None, {})])
async def test_a_permission_is_for_every_spelling_of_the_address(
    directory: MembershipSync, tables: Connection, uuid: str, role: int | None, now: dict[str, int]
) -> None:
    await directory.apply(project(uuid, {}))
    insert = "INSERT INTO user_permissions (project_uuid, email, role) VALUES (%s, %s, 3)"
    tables.execute(insert, (uuid, "Ana@Example.com"))
    tables.execute(insert, (uuid, "ANA@example.com"))
    assert await directory.apply(permission(uuid, ANA, role))
    assert roles(tables, uuid) == now


async def test_a_permission_that_waited_is_for_every_spelling_of_the_address(
    directory: MembershipSync, tables: Connection, uuid: str
) -> None:
    await directory.apply(permission(uuid, ANA, 1))
    await directory.apply(permission(uuid, BEN, None))
    insert = "INSERT INTO user_permissions (project_uuid, email, role) VALUES (%s, %s, 3)"
    tables.execute(insert, (uuid, "Ana@Example.com"))
    tables.execute(insert, (uuid, "Ben@Example.com"))
    await directory.apply(project(uuid, None))
    assert roles(tables, uuid) == {ANA: 1}


# ---- together


async def test_all_is_done_or_nothing(migrated_url: str, tables: Connection, uuid: str) -> None:
    ids = iter([new_id()])  # for the project, and none for its line in the audit log

    def next_id() -> UUID:
        try:
            return next(ids)
        except StopIteration:
            raise LookupError from None

    database = Database(migrated_url, connections=1)
    await database.open()
    try:
        with pytest.raises(LookupError):
            await MembershipSync(database, lambda: NOW, next_id).apply(project(uuid, {ANA: 1}))
        assert (name(tables, uuid), roles(tables, uuid)) == (None, {})
        assert await MembershipSync(database).apply(project(uuid, {ANA: 1})), "nor was the list remembered"
    finally:
        await database.close()


async def test_many_at_once_for_one_project_are_all_done(
    directory: MembershipSync, tables: Connection, uuid: str
) -> None:
    events: list[Event] = [permission(uuid, f"user{number}@example.com", 1 + number % 3) for number in range(40)]
    events.insert(20, project(uuid, {}))
    await asyncio.gather(*(directory.apply(event) for event in events))
    assert roles(tables, uuid) == {f"user{number}@example.com": 1 + number % 3 for number in range(40)}
    assert pending(tables, uuid) == {}


_emails = st.sampled_from([ANA, BEN, EVA])
_lists = st.dictionaries(_emails, st.integers(1, 3))
_changes = st.lists(st.tuples(_emails, st.none() | st.integers(1, 3)), max_size=6)


async def _play(url: str, events: list[Event]) -> None:
    database = Database(url, connections=1)
    await database.open()
    try:
        for event in events:
            await MembershipSync(database).apply(event)
    finally:
        await database.close()


def _played(url: str, tables: Connection, events: list[Event]) -> tuple[str | None, dict[str, int]]:
    asyncio.run(_play(url, events))
    uuid = events[0].project_uuid
    return name(tables, uuid), roles(tables, uuid)


def _times(data: st.DataObject, events: list[Event]) -> list[Event]:
    """Some of them two or three times."""
    return [again for event in events for again in [event] * data.draw(st.sampled_from([1, 1, 2, 3]))]


def _interleaved(data: st.DataObject, first: list[Event], second: list[Event]) -> list[Event]:
    turns = data.draw(st.permutations([0] * len(first) + [1] * len(second)))
    queues = (iter(first), iter(second))
    return [next(queues[turn]) for turn in turns]


@settings(max_examples=60)
@given(
    data=st.data(),
    listed=_lists,
    names=st.lists(st.tuples(st.sampled_from("QR"), st.booleans()), max_size=3),
    changes=_changes,
)
def test_whichever_queue_is_ahead_and_whatever_comes_twice_the_end_is_the_same(
    migrated_url: str,
    data: st.DataObject,
    listed: dict[str, int],
    names: list[tuple[str, bool]],
    changes: list[tuple[str, int | None]],
) -> None:
    uuid = f"project {next(_numbers)}"
    projects: list[Event] = [project(uuid, listed)]
    projects += [project(uuid, listed if has_list else None, name=title) for title, has_list in names]
    permissions: list[Event] = [permission(uuid, email, role) for email, role in changes]
    played = _interleaved(data, _times(data, projects), _times(data, permissions))
    expected = dict(listed)
    for email, role in changes:
        expected.pop(email, None)
        expected |= {} if role is None else {email: role}
    with psycopg.connect(migrated_url, autocommit=True) as tables:
        assert _played(migrated_url, tables, played) == (names[-1][0] if names else "P", expected)
        assert pending(tables, uuid) == {}


@settings(max_examples=40)
@given(data=st.data(), lists=st.lists(_lists, min_size=1, max_size=4), changes=_changes)
def test_lists_that_differ_end_the_same_however_often_each_is_delivered(
    migrated_url: str, data: st.DataObject, lists: list[dict[str, int]], changes: list[tuple[str, int | None]]
) -> None:
    once, twice = f"project {next(_numbers)}", f"project {next(_numbers)}"
    permissions: list[Event] = [permission(once, email, role) for email, role in changes]
    order = _interleaved(data, [project(once, listed) for listed in lists], permissions)
    repeated: list[Event] = []
    last: Event | None = None
    for event in order:  # a project message comes again until the next one of its queue does
        repeated.append(event)
        last = event if isinstance(event, ProjectEvent) else last
        repeated += [last] * data.draw(st.integers(0, 2)) if last else []
    other = [type(event)(**{**_fields(event), "project_uuid": twice}) for event in repeated]
    with psycopg.connect(migrated_url, autocommit=True) as tables:
        assert _played(migrated_url, tables, other) == _played(migrated_url, tables, order)


def _fields(event: Event) -> dict[str, Any]:
    return {field: getattr(event, field) for field in event.__dataclass_fields__}
