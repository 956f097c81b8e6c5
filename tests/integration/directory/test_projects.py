"""The identity system's messages about projects: what they do to the tables, on a real PostgreSQL."""

from integration.directory.messages import ANA, BEN, EVA, NOW, audit, name, permission, project, roles
from migrations import Connection

from codeactions.services.membership_sync import MembershipSync


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
