"""The commands of `codeactions`. An error is one line on standard error, with exit code 1."""

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
import typer.core

from codeactions import __version__
from codeactions.cli import manage_commands, value_commands
from codeactions.cli.wording import in_options, options_of, typed
from codeactions.domain.errors import Error
from codeactions.runtimes.registry import endings

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},  # which commands below inherit
    help="A self-hosted server for code actions: every call in a fresh sandbox, every run on record.",
)


def main() -> None:
    """Run the command line: the entry point of the console script."""
    if sys.stderr is None:  # closed by the caller; `print` would write to standard output instead
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.set_inheritable(nowhere, True)
        sys.stderr = os.fdopen(nowhere, "w")
    try:
        app()
    except Error as error:
        options = options_of(typer.main.get_command(app), sys.argv[1:])
        print(f"codeactions: {typed(in_options(error.message, options))}", file=sys.stderr)
        sys.exit(1)


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False) -> None:
    if version:
        print(f"codeactions {__version__}")
        raise typer.Exit


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on (CODEACTIONS_HOST).")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on (CODEACTIONS_PORT).")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="The data folder (CODEACTIONS_DATA_DIR).")] = None,
    database_url: Annotated[
        str | None, typer.Option(help="PostgreSQL to use instead of the embedded database (DATABASE_URL).")
    ] = None,
    insecure_no_sandbox: Annotated[
        bool,
        typer.Option("--insecure-no-sandbox", help="Serve even if no sandbox is possible. Never in production."),
    ] = False,
) -> None:
    """Serve the API, endpoints and runs until Ctrl-C or SIGTERM."""
    from codeactions.cli.serve import serve as start
    from codeactions.cli.settings import command_settings

    settings = command_settings(host=host, port=port, data_dir=data_dir, database_url=database_url)
    start(settings, insecure=insecure_no_sandbox)


@app.command()
def backup(
    file: Annotated[
        str | None,
        typer.Argument(
            help="The file to write; - for standard output. By default codeactions-DATE-TIME.sql in this folder."
        ),
    ] = None,
    data_dir: Annotated[Path | None, typer.Option(help="The data folder (CODEACTIONS_DATA_DIR).")] = None,
    database_url: Annotated[
        str | None, typer.Option(help="PostgreSQL to back up instead of the embedded database (DATABASE_URL).")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Print which program was used.")] = False,
) -> None:
    """Write the whole database to a file of plain SQL. A server may be running. No file is overwritten."""
    from codeactions.cli.backup import backup as write
    from codeactions.cli.settings import command_settings

    write(command_settings(data_dir=data_dir, database_url=database_url), file, verbose=verbose)


@app.command()
def restore(
    file: Annotated[str, typer.Argument(help="A file that `codeactions backup` wrote; - for standard input.")],
    data_dir: Annotated[Path | None, typer.Option(help="The data folder (CODEACTIONS_DATA_DIR).")] = None,
    database_url: Annotated[
        str | None, typer.Option(help="PostgreSQL to restore into instead of the embedded database (DATABASE_URL).")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Print which program was used.")] = False,
) -> None:
    """Restore a backup into an empty database or a new data folder: all of it, or nothing if an error occurs."""
    from codeactions.cli.backup import restore as read
    from codeactions.cli.settings import command_settings

    read(command_settings(data_dir=data_dir, database_url=database_url), file, verbose=verbose)


@app.command()
def adopt(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print what would be done.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask, also on a terminal.")] = False,
    data_dir: Annotated[Path | None, typer.Option(help="The data folder (CODEACTIONS_DATA_DIR).")] = None,
    database_url: Annotated[
        str | None, typer.Option(help="PostgreSQL to take over instead of the embedded database (DATABASE_URL).")
    ] = None,
) -> None:
    """Take over a database whose version another program made: its rows stay, and what is missing is added."""
    from codeactions.cli.adopt import take_over
    from codeactions.cli.settings import command_settings

    take_over(command_settings(data_dir=data_dir, database_url=database_url), dry_run=dry_run, yes=yes)


class _Verbatim(typer.core.TyperCommand):
    """A command that gets all its words as they are, `--` and `-help` included."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Leave the words unparsed."""
        ctx.args = args
        return []


@app.command(cls=_Verbatim, add_help_option=False)
def migrate(context: typer.Context) -> None:
    """Show or change the version of the database's schema: the program `migrate` with codeactions' own migrations."""
    from codeactions.cli.migrate import migrate as start

    sys.exit(start(context.args))


app.add_typer(manage_commands.project, name="project")
app.add_typer(manage_commands.permission, name="permission")
app.add_typer(manage_commands.token, name="token")
app.add_typer(value_commands.secret, name="secret")
app.add_typer(value_commands.variable, name="variable")
app.command()(manage_commands.audit)


@app.command()
def doctor() -> None:
    """Check what this host offers for sandboxes, and try one; look at the database.

    The exit code is 1 if runs would not be isolated, or if a server would refuse the database.
    """
    from codeactions.cli.doctor import diagnose

    sys.exit(0 if diagnose() else 1)


@app.command()
def run(
    file: Annotated[Path, typer.Argument(help=f"The source. Its suffix tells the language: {', '.join(endings())}.")],
    param: Annotated[list[str] | None, typer.Option(help="A query parameter as name=value; may be repeated.")] = None,
    header: Annotated[list[str] | None, typer.Option(help="A header as 'Name: value'; may be repeated.")] = None,
    body: Annotated[str, typer.Option(help="The body: text, @FILE, or - for standard input.")] = "",
    method: Annotated[str, typer.Option(help="The request's method.")] = "POST",
    timeout: Annotated[int, typer.Option(help="The run's time limit in seconds.", min=1, max=300)] = 60,
) -> None:
    """Run a file once in the sandbox, without a server: result to standard output, log and timing to standard error."""
    from codeactions.cli.run import run_file

    sys.exit(run_file(file, params=param or [], headers=header or [], body=body, method=method, timeout=timeout))
