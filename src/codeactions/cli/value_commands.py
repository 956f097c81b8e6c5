"""The commands `secret` and `variable`: their names and options."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from codeactions.cli.options import AsJson, DatabaseUrl, DataDir

if TYPE_CHECKING:
    from uuid import UUID

    from codeactions.node.settings import Settings

secret = typer.Typer(no_args_is_help=True, help="Secrets of projects: set, list, delete, rotate-key.")
variable = typer.Typer(no_args_is_help=True, help="Variables of projects: set, list, delete.")

_Name = Annotated[str, typer.Argument(help="The name under which codes find it.")]
_Project = Annotated[str, typer.Option("--project", help="The project's uuid.")]
_Codes = Annotated[
    list[str] | None, typer.Option("--code", help="The id of a code that gets it; may be repeated. By default all do.")
]
_EveryCode = Annotated[
    bool, typer.Option("--every-code", help="Give it to every code again, after it was for some of them.")
]


@secret.command("set")
def set_secret(
    name: _Name,
    project: _Project,
    code: _Codes = None,
    every_code: _EveryCode = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Create or replace a secret. Its value comes from standard input; a terminal is asked for it without echo."""
    _set("secret", name, project, code, data_dir, database_url, every_code=every_code)


@variable.command("set")
def set_variable(
    name: _Name,
    project: _Project,
    code: _Codes = None,
    every_code: _EveryCode = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Create or replace a variable. Its value comes from standard input."""
    _set("variable", name, project, code, data_dir, database_url, every_code=every_code)


@secret.command("list")
def list_secrets(
    project: _Project, data_dir: DataDir = None, database_url: DatabaseUrl = None, as_json: AsJson = False
) -> None:
    """List the secrets of a project, without their values."""
    _list("secret", project, data_dir, database_url, as_json=as_json)


@variable.command("list")
def list_variables(
    project: _Project, data_dir: DataDir = None, database_url: DatabaseUrl = None, as_json: AsJson = False
) -> None:
    """List the variables of a project with their values."""
    _list("variable", project, data_dir, database_url, as_json=as_json)


@secret.command("delete")
def delete_secret(name: _Name, project: _Project, data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Delete a secret."""
    _delete("secret", name, project, data_dir, database_url)


@variable.command("delete")
def delete_variable(name: _Name, project: _Project, data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Delete a variable."""
    _delete("variable", name, project, data_dir, database_url)


@secret.command("rotate-key")
def rotate_key(data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Encrypt all stored secrets with a new key.

    With CODEACTIONS_SECRET_KEY, the new key is the first one that it holds. A server may be running. If the command is
    ended, run it again.
    """
    from codeactions.cli.values import rotate_key as rotate

    rotate(_settings(data_dir, database_url))


# Imports are inside the functions: all commands load this module, and most of them need nothing of it.
def _settings(data_dir: Path | None, database_url: str | None) -> "Settings":
    from codeactions.cli.settings import command_settings

    return command_settings(data_dir=data_dir, database_url=database_url)


def _set(
    kind: str,
    name: str,
    project: str,
    codes: list[str] | None,
    data_dir: Path | None,
    database_url: str | None,
    *,
    every_code: bool,
) -> None:
    from codeactions.cli.values import set_value
    from codeactions.domain.ids import parse_id
    from codeactions.domain.project_value import ValueKind

    ids: tuple[UUID, ...] | None = tuple(parse_id(one, "--code") for one in codes) if codes else None
    set_value(_settings(data_dir, database_url), ValueKind(kind), name, project, ids, every_code=every_code)


def _list(kind: str, project: str, data_dir: Path | None, database_url: str | None, *, as_json: bool) -> None:
    from codeactions.cli.manage import print_rows
    from codeactions.cli.values import list_values
    from codeactions.domain.project_value import ValueKind

    print_rows(list_values(_settings(data_dir, database_url), ValueKind(kind), project), as_json=as_json)


def _delete(kind: str, name: str, project: str, data_dir: Path | None, database_url: str | None) -> None:
    from codeactions.cli.values import delete_value
    from codeactions.domain.project_value import ValueKind

    delete_value(_settings(data_dir, database_url), ValueKind(kind), name, project)
