"""The commands of manage.py: what they are called, what they take, and what they print."""

import dataclasses
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar
from uuid import UUID

import typer

from codeactions.domain.errors import invalid

project = typer.Typer(no_args_is_help=True, help="Projects: list, show, create, rename, delete.")
permission = typer.Typer(no_args_is_help=True, help="Who is in a project: list, set, remove.")
token = typer.Typer(no_args_is_help=True, help="API tokens: create, list, revoke.")

_Found = TypeVar("_Found")
_DataDir = Annotated[Path | None, typer.Option(help="Folder of the data (CODEACTIONS_DATA_DIR).")]
_Url = Annotated[str | None, typer.Option(help="PostgreSQL to use instead of the embedded one (DATABASE_URL).")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_Project = Annotated[str, typer.Argument(help="The project's uuid.")]
_Email = Annotated[str, typer.Argument(help="The user's address.")]


def _do(data_dir: Path | None, url: str | None, work: Callable[[Any, Any], Awaitable[_Found]]) -> _Found:
    from codeactions.cli.manage import carry_out
    from codeactions.node.settings import read_settings

    return carry_out(read_settings(data_dir=data_dir, database_url=url), work)


def _show(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    from codeactions.cli.manage import show

    show(rows, as_json=as_json)


@project.command("list")
def list_projects(data_dir: _DataDir = None, database_url: _Url = None, as_json: _Json = False) -> None:
    """List all projects, oldest first."""
    from codeactions.cli.manage import every
    from codeactions.services.projects import ProjectService

    found = _do(
        data_dir, database_url, lambda audited, who: every(lambda page: ProjectService(audited).page(who, page))
    )
    rows = [
        {"uuid": one.uuid, "name": one.name, "users": len(one.authorizations), "created_at": one.created_at}
        for one in found
    ]
    _show(rows, as_json=as_json)


@project.command("create")
def create_project(
    name: Annotated[str, typer.Argument(help="Its name.")],
    uuid: Annotated[str | None, typer.Option(help="Its uuid, as codes name it; made when absent.")] = None,
    moderator: Annotated[list[str] | None, typer.Option(help="An address; may be repeated.")] = None,
    data_dir: _DataDir = None,
    database_url: _Url = None,
) -> None:
    """Make a project; prints its uuid."""
    from codeactions.domain.project import Authorization, ProjectDraft
    from codeactions.domain.role import Role
    from codeactions.services.projects import ProjectService

    moderators = tuple(Authorization(email, Role.MODERATOR) for email in moderator or [])
    draft = ProjectDraft(name=name, uuid=uuid, authorizations=moderators)
    print(_do(data_dir, database_url, lambda audited, who: ProjectService(audited).create(who, draft)).uuid)


@project.command("rename")
def rename_project(
    uuid: _Project,
    name: Annotated[str, typer.Argument(help="The new name.")],
    data_dir: _DataDir = None,
    database_url: _Url = None,
) -> None:
    """Give a project another name."""
    from codeactions.domain.project import ProjectChange
    from codeactions.services.projects import ProjectService

    change = ProjectChange(name=name)
    _do(data_dir, database_url, lambda audited, who: ProjectService(audited).update(who, uuid, change))


@project.command("delete")
def delete_project(uuid: _Project, data_dir: _DataDir = None, database_url: _Url = None) -> None:
    """Delete a project without codes, with its permissions; its tokens are revoked."""
    from codeactions.services.projects import ProjectService

    _do(data_dir, database_url, lambda audited, who: ProjectService(audited).delete(who, uuid))


@permission.command("list")
def list_permissions(
    uuid: _Project, data_dir: _DataDir = None, database_url: _Url = None, as_json: _Json = False
) -> None:
    """List who is in a project."""
    from codeactions.cli.manage import every
    from codeactions.services.permissions import PermissionService

    found = _do(
        data_dir,
        database_url,
        lambda audited, who: every(lambda page: PermissionService(audited).page(who, uuid, page)),
    )
    _show([{"email": one.email, "role": one.role.title, "since": one.updated_at} for one in found], as_json=as_json)


@permission.command("set")
def set_permission(
    uuid: _Project,
    email: _Email,
    role: Annotated[str, typer.Argument(help="viewer, contributor or moderator.")],
    data_dir: _DataDir = None,
    database_url: _Url = None,
) -> None:
    """Give a user a role in a project, in place of what it had."""
    from codeactions.domain.role import parse_role
    from codeactions.services.permissions import PermissionService

    number = parse_role(role)

    _do(data_dir, database_url, lambda audited, who: PermissionService(audited).put(who, uuid, email, number))


@permission.command("remove")
def remove_permission(uuid: _Project, email: _Email, data_dir: _DataDir = None, database_url: _Url = None) -> None:
    """Take away what a user has in a project."""
    from codeactions.services.permissions import PermissionService

    _do(data_dir, database_url, lambda audited, who: PermissionService(audited).remove(who, uuid, email))


@token.command("create")
def create_token(
    name: Annotated[str, typer.Argument(help="What it is for.")],
    email: Annotated[str | None, typer.Option(help="Whom it stands for.")] = None,
    project_uuid: Annotated[str | None, typer.Option("--project", help="Whose it is, in place of --email.")] = None,
    role: Annotated[str | None, typer.Option(help="The most it may do: viewer, contributor or moderator.")] = None,
    days: Annotated[int | None, typer.Option(help="Days until it expires; never when absent.")] = None,
    data_dir: _DataDir = None,
    database_url: _Url = None,
) -> None:
    """Make an API token; prints it, the only time that it is shown."""
    from codeactions.domain.draft import UNSET
    from codeactions.domain.role import parse_role
    from codeactions.domain.token import TokenDraft
    from codeactions.services.tokens import TokenService

    draft = TokenDraft(
        name=name,
        email=email,
        project_uuid=project_uuid,
        role=UNSET if role is None else parse_role(role),
        expires_in_days=days,
    )
    _, secret = _do(data_dir, database_url, lambda audited, who: TokenService(audited).create(who, draft))
    print(secret)


@token.command("list")
def list_tokens(
    email: Annotated[str | None, typer.Option(help="Only of this user.")] = None,
    project_uuid: Annotated[str | None, typer.Option("--project", help="Only of this project.")] = None,
    data_dir: _DataDir = None,
    database_url: _Url = None,
    as_json: _Json = False,
) -> None:
    """List API tokens, newest first, revoked ones too."""
    from codeactions.cli.manage import every
    from codeactions.services.tokens import TokenService

    def work(audited: Any, who: Any) -> Awaitable[list[Any]]:
        service = TokenService(audited)
        return every(lambda page: service.page(who, email=email, project_uuid=project_uuid, page=page))

    rows = [
        {
            "id": one.id,
            "name": one.name,
            "of": one.email or one.project_uuid,
            "role": one.role.title,
            "created_at": one.created_at,
            "expires_at": one.expires_at,
            "last_used_at": one.last_used_at,
            "revoked_at": one.revoked_at,
        }
        for one in _do(data_dir, database_url, work)
    ]
    _show(rows, as_json=as_json)


@token.command("revoke")
def revoke_token(
    token_id: Annotated[str, typer.Argument(help="Its id, as `list` shows it.")],
    data_dir: _DataDir = None,
    database_url: _Url = None,
) -> None:
    """Let a token count no more."""
    from codeactions.domain.ids import parse_id
    from codeactions.services.tokens import TokenService

    found: UUID = parse_id(token_id)
    _do(data_dir, database_url, lambda audited, who: TokenService(audited).revoke(who, found))


def audit(
    project_uuid: Annotated[str | None, typer.Option("--project", help="Only of this project.")] = None,
    thing: Annotated[str | None, typer.Option(help="Only of this thing: the id of a code, a token, …")] = None,
    actor: Annotated[str | None, typer.Option(help="Only by this actor.")] = None,
    after: Annotated[str | None, typer.Option(help="From this time on, such as 2026-11-23T06:00:00Z.")] = None,
    before: Annotated[str | None, typer.Option(help="Before this time.")] = None,
    page: Annotated[int, typer.Option(help="20 lines each.", min=1)] = 1,
    data_dir: _DataDir = None,
    database_url: _Url = None,
    as_json: _Json = False,
) -> None:
    """Show who did what to which code, project, permission or token, newest first."""
    from codeactions.postgres.auditlog import AuditFilter
    from codeactions.services.audit import AuditService

    wanted = AuditFilter(
        project_uuid=project_uuid, thing_id=thing, actor=actor, after=_moment(after), before=_moment(before)
    )
    found = _do(data_dir, database_url, lambda audited, who: AuditService(audited).page(who, wanted, page))
    rows = [dataclasses.asdict(entry) for entry in found.data]
    for row in [] if as_json else rows:
        for name in ("id", "actor_kind"):
            del row[name]
    _show(rows, as_json=as_json)


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
        if found.tzinfo is None:
            raise ValueError
    except ValueError:
        raise invalid(f"{text!r} is no time with its zone: write it as 2026-11-23T06:00:00Z") from None
    return found
