"""The commands `secret` and `variable`: their names and options."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from codeactions.cli.options import AsJson, DatabaseUrl, DataDir

if TYPE_CHECKING:
    from uuid import UUID

    from codeactions.domain.project_value import ValueKind
    from codeactions.node.settings import Settings

secret = typer.Typer(no_args_is_help=True, help="Secrets of projects: set, list, delete, rotate-key.")
variable = typer.Typer(no_args_is_help=True, help="Variables of projects: set, list, delete.")

_Name = Annotated[str, typer.Argument(help="The name under which codes find it.")]
_Project = Annotated[str, typer.Option("--project", help="The project's uuid.")]
_Codes = Annotated[
    list[str] | None,
    typer.Option(
        "--code",
        help="The id of a code that gets it; may be repeated. By default all do, or those that had it before.",
    ),
]
_EveryCode = Annotated[
    bool, typer.Option("--every-code", help="Give it to every code again, after it was for some of them.")
]


def _add_commands(app: typer.Typer, kind: str, *, set_help: str, list_help: str, delete_help: str) -> None:
    """Give the group of a kind of value its commands, which are the same for both kinds."""

    @app.command("set", help=set_help)
    def set_value(
        name: _Name,
        project: _Project,
        code: _Codes = None,
        every_code: _EveryCode = False,
        data_dir: DataDir = None,
        database_url: DatabaseUrl = None,
    ) -> None:
        from codeactions.cli import values
        from codeactions.domain.ids import parse_id

        ids: tuple[UUID, ...] | None = tuple(parse_id(one, "--code") for one in code) if code else None
        values.set_value(_settings(data_dir, database_url), _kind(kind), name, project, ids, every_code=every_code)

    @app.command("list", help=list_help)
    def list_values(
        project: _Project, data_dir: DataDir = None, database_url: DatabaseUrl = None, as_json: AsJson = False
    ) -> None:
        from codeactions.cli import values
        from codeactions.cli.manage import print_rows

        print_rows(values.list_values(_settings(data_dir, database_url), _kind(kind), project), as_json=as_json)

    @app.command("delete", help=delete_help)
    def delete_value(
        name: _Name, project: _Project, data_dir: DataDir = None, database_url: DatabaseUrl = None
    ) -> None:
        from codeactions.cli import values

        values.delete_value(_settings(data_dir, database_url), _kind(kind), name, project)


# Imports are inside the functions: all commands load this module, and most of them need nothing of it.
def _settings(data_dir: Path | None, database_url: str | None) -> "Settings":
    from codeactions.cli.settings import command_settings

    return command_settings(data_dir=data_dir, database_url=database_url)


def _kind(name: str) -> "ValueKind":
    from codeactions.domain.project_value import ValueKind

    return ValueKind(name)


_add_commands(
    secret,
    "secret",
    set_help="Create or replace a secret. Its value comes from standard input, or is asked for on a terminal, unseen.",
    list_help="List the secrets of a project, without their values.",
    delete_help="Delete a secret.",
)
_add_commands(
    variable,
    "variable",
    set_help="Create or replace a variable. Its value comes from standard input.",
    list_help="List the variables of a project with their values.",
    delete_help="Delete a variable.",
)


@secret.command("rotate-key")
def rotate_key(data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Encrypt all stored secrets with a new key.

    With CODEACTIONS_SECRET_KEY, the new key is the first one that it holds. A server may be running. If the command is
    ended, run it again.
    """
    from codeactions.cli.values import rotate_key as rotate

    rotate(_settings(data_dir, database_url))
