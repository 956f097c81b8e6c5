"""The identity system's messages about permissions: what they do to the tables, on a real PostgreSQL."""

import pytest
from integration.directory.messages import ANA, BEN, EVA, audit, name, pending, permission, project, roles
from migrations import Connection

from codeactions.services.membership_sync import MembershipSync


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
