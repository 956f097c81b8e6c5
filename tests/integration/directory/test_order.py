"""The identity system's messages of both kinds: in whatever order they come, the tables end the same."""

import asyncio
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from integration.directory.messages import ANA, BEN, EVA, NOW, name, numbers, pending, permission, project, roles
from migrations import Connection

from codeactions.domain.event import Event, ProjectEvent
from codeactions.domain.ids import new_id
from codeactions.postgres.database import Database
from codeactions.services.membership_sync import MembershipSync


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
    uuid = f"project {next(numbers)}"
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
    once, twice = f"project {next(numbers)}", f"project {next(numbers)}"
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
