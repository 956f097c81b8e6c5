"""The command `migrate`: golang-migrate's command line, and what golang-migrate lacks.

Everything that golang-migrate prints goes to standard error, results too. The exit codes are 0 (done, or nothing to
do), 1 (an error) and 2 (a command line that makes no sense). Scripts expect both.
"""

import os
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, NamedTuple

from codeactions.migrate.about import VERSION
from codeactions.migrate.commands.table import COMMANDS, Command
from codeactions.migrate.errors import MigrationError, invalid
from codeactions.migrate.go_compat import flags
from codeactions.migrate.go_compat.booleans import is_on
from codeactions.migrate.go_compat.flag_usage import flag_usage
from codeactions.migrate.go_compat.flags import Kind
from codeactions.migrate.terminal.interrupt import Interrupt, dying_at_once
from codeactions.migrate.terminal.output import Output
from codeactions.migrate.terminal.streams import open_closed_streams
from codeactions.migrate.usage import usage

if TYPE_CHECKING:
    from pathlib import Path

    from codeactions.migrate.foreign import Owner

GLOBAL_FLAGS = {
    "source": Kind.TEXT,
    "path": Kind.TEXT,
    "database": Kind.TEXT,
    "prefetch": Kind.UNSIGNED,
    "lock-timeout": Kind.UNSIGNED,
    "exit-stopped": Kind.UNSIGNED,
    "history": Kind.TEXT,
    "json": Kind.BOOLEAN,
    "verbose": Kind.BOOLEAN,
    "version": Kind.BOOLEAN,
    "help": Kind.BOOLEAN,
}
_CHOICES = {"late": ("warn", "refuse", "apply"), "ahead": ("refuse", "accept")}
_LOCK_TIMEOUT = 15
# lib/pq's default where nothing else is given: a typing error in the URL must not send a password in clear.
_SSLMODE = "require"
_OURS = re.compile("--?(dry-run|late|ahead|check|history|json)(=.*)?")
_Values = dict[str, str | int | bool]


class _Defaults(NamedTuple):
    """What a caller sets in place of the command line."""

    directory: "Path | None"
    database: Callable[[], AbstractContextManager[str]] | None
    sslmode: str | None
    owner: "Owner | None"


class _Answered(Exception):
    """The command line was answered without running a command; the argument is the exit code."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(code)
        self.code = code
        self.text = text


def main(
    argv: Sequence[str] | None = None,
    *,
    program: str = "migrate",
    directory: "Path | None" = None,
    database: Callable[[], AbstractContextManager[str]] | None = None,
    sslmode: str | None = _SSLMODE,
    owner: "Owner | None" = None,
) -> int:
    """Run one command and return its exit code.

    `program` is the name under which people call it. `directory` is the default for `-path`. `database` gives the URL
    where neither `-database` nor DATABASE_URL does, and may raise `MigrationError`. `sslmode` is the default for what
    the URL leaves open. `owner` is the program whose files these are, if the files are the default ones.
    """
    open_closed_streams()
    output = Output(program)
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        options, words = _global_flags(words, program)
        output.verbose, output.as_json = bool(options.get("verbose")), bool(options.get("json"))
        name, command = words[0], COMMANDS[words[0]]
        values, words = _command_flags(name, command, words[1:])
    except _Answered as answered:
        output.help(answered.text)
        return answered.code
    output.as_json = output.as_json or bool(values.get("json"))
    try:
        with dying_at_once():
            _check(options | values)
            return _run(command, words, options | values, output, _Defaults(directory, database, sslmode, owner))
    except MigrationError as error:
        output.error(error)
    return 1


def _global_flags(words: list[str], program: str) -> tuple[_Values, list[str]]:
    """Return the global flags, and the rest, which begins with a known command. Raises `_Answered`."""
    try:
        options, words = flags.parse(words, GLOBAL_FLAGS)
    except flags.HelpWanted:
        raise _Answered(0, usage(program)) from None
    except flags.FlagError as error:
        raise _Answered(2, f"{error}\n{usage(program)}") from None
    if options.get("version"):
        raise _Answered(0, VERSION)
    if options.get("help"):
        raise _Answered(0, usage(program))
    if not words or words[0] not in COMMANDS:
        raise _Answered(2, usage(program))
    return options, words


def _command_flags(name: str, command: Command, words: list[str]) -> tuple[_Values, list[str]]:
    """Return the command's flags and arguments. Raises `_Answered`."""
    if name == "version":
        # golang-migrate looks at nothing after this word.
        return {"json": "-json" in words or "--json" in words}, []
    # A negative number is an argument here; the Go tool takes it for a flag and wants `force -- -1`.
    if name == "force" and words and re.fullmatch("-[0-9]+", words[0]):
        words = ["--", *words]
    try:
        values, rest = flags.parse(words, command.flags)
        # As in Go, flags end where arguments begin. To overlook one of ours there would be worse than an error:
        # `goto 1 -dry-run` would undo migrations against the user's wish.
        overlooked = next((word for word in rest if name != "create" and _OURS.fullmatch(word)), None)
        if overlooked:
            raise flags.FlagError(f"{overlooked} must stand before the arguments")
    except flags.HelpWanted:
        raise _Answered(0, flag_usage(name, command.flag_list)) from None
    except flags.FlagError as error:
        raise _Answered(2, f"{error}\n{flag_usage(name, command.flag_list)}") from None
    if values.get("help"):
        raise _Answered(0, command.help)
    return values, rest


def _check(values: _Values) -> None:
    for name, choices in _CHOICES.items():
        if name in values and values[name] not in choices:
            raise invalid(f"-{name} must be one of {', '.join(choices)}")
    is_on(str(values.get("history", "on")), "-history")


def _run(command: Command, words: list[str], values: _Values, output: Output, defaults: _Defaults) -> int:
    if command.run is None:
        from codeactions.migrate.commands import create

        return create.run(words, values, output)
    url = str(values.get("database") or os.environ.get("DATABASE_URL") or "")
    with nullcontext(url) if url or not defaults.database else defaults.database() as url:
        return _run_on_database(command, words, values, output, url, defaults)


def _run_on_database(
    command: Command, words: list[str], values: _Values, output: Output, url: str, defaults: _Defaults
) -> int:
    # Imported here: `create` and `-help` need none of it, and every import costs time.
    from codeactions.migrate.commands.context import CommandContext
    from codeactions.migrate.database.address import parse
    from codeactions.migrate.database.session import opened
    from codeactions.migrate.database_state import second_table
    from codeactions.migrate.files.directory import read_directory

    assert command.run
    begin = time.perf_counter_ns()
    has_scheme = ":" in url.lstrip(":")
    if not has_scheme and (values.get("source") or values.get("path") or defaults.directory):
        parse(url)  # raises; golang-migrate too looks for the scheme before it opens the source
    source, folder = _source(values, defaults.directory)
    if not has_scheme:
        parse(url)
    migrations = read_directory(folder, source)
    timeout = float(values.get("lock-timeout", _LOCK_TIMEOUT))
    keeps_history = is_on(str(values.get("history", "on")), "-history")
    with opened(url, sslmode=defaults.sslmode, patience=timeout, keeps_history=keeps_history) as session:
        if session.other_tables:
            output.warning(second_table(session))
        interrupt = Interrupt(session.connection.cancel, lambda text: output.line(text, "signal", message=text))
        with interrupt.listening():
            # Other files than the owner's define another schema.
            owner = None if values.get("source") or values.get("path") else defaults.owner
            code = command.run(CommandContext(words, values, migrations, session, output, interrupt, timeout, owner))
        if code == 0 and command.is_timed and output.verbose:
            from codeactions.migrate.go_compat.duration import duration_text

            output.detail(f"Finished after {duration_text(time.perf_counter_ns() - begin)}")
        if code == 0:
            output.detail("Closing source and database")
    return code


def _source(values: Mapping[str, str | int | bool], directory: "Path | None") -> "tuple[str, str | Path]":
    """Return the address of the files, as errors name it, and their folder."""
    from codeactions.migrate.go_compat import source_url

    if values.get("source"):
        return source_url.from_url(str(values["source"]))
    if values.get("path"):
        return source_url.from_path(str(values["path"]))
    return (f"file://{directory}", directory) if directory else source_url.from_url("")
