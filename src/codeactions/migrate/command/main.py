"""The command `migrate`: golang-migrate's command line, and what it lacks.

Everything that golang-migrate prints goes to standard error, results too, and the exit codes are 0 (done, or
nothing to do), 1 (an error) and 2 (a command line that makes no sense), because scripts expect that.
"""

import os
import re
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from pathlib import Path

import codeactions
from codeactions.domain.errors import Error, invalid
from codeactions.migrate import duration
from codeactions.migrate.command import create, flags, texts, usage
from codeactions.migrate.command.flags import Kind
from codeactions.migrate.command.interrupt import Interrupt, dying_at_once
from codeactions.migrate.command.output import Output
from codeactions.migrate.command.streams import occupy

HELP_FLAGS = {"help": Kind.BOOLEAN, "json": Kind.BOOLEAN}
GLOBAL_FLAGS = HELP_FLAGS | {
    "source": Kind.TEXT,
    "path": Kind.TEXT,
    "database": Kind.TEXT,
    "prefetch": Kind.UNSIGNED,
    "lock-timeout": Kind.UNSIGNED,
    "exit-stopped": Kind.UNSIGNED,
    "verbose": Kind.BOOLEAN,
    "version": Kind.BOOLEAN,
}
WALKING_FLAGS = HELP_FLAGS | {"dry-run": Kind.BOOLEAN, "late": Kind.TEXT}
COMMAND_FLAGS = {
    "create": create.FLAGS | HELP_FLAGS,
    "goto": WALKING_FLAGS,
    "up": WALKING_FLAGS | {"ahead": Kind.TEXT},
    "down": WALKING_FLAGS | {"all": Kind.BOOLEAN},
    "drop": HELP_FLAGS | {"f": Kind.BOOLEAN, "all": Kind.BOOLEAN},
    "force": HELP_FLAGS,
    "version": HELP_FLAGS,
    "status": HELP_FLAGS | {"check": Kind.BOOLEAN},
}
# Where each command is that needs a database; loaded by name, since every import costs time.
ROOMS = {
    "goto": "walk",
    "up": "walk",
    "down": "walk",
    "drop": "mend",
    "force": "mend",
    "version": "show",
    "status": "show",
}
CHOICES = {"late": ("warn", "refuse", "apply"), "ahead": ("refuse", "accept")}
# Those that golang-migrate ends with a word on how long it took, if it is to be verbose.
TIMED = frozenset({"goto", "up", "down", "drop", "force"})
LOCK_TIMEOUT = 15
# lib/pq's default, where nothing else is asked for: no password goes out in clear by a typing error in the URL.
SSLMODE = "require"
Values = dict[str, str | int | bool]
_OURS = re.compile("--?(dry-run|late|ahead|check|json)(=.*)?")


def main(
    argv: Sequence[str] | None = None,
    *,
    program: str = "migrate",
    directory: Path | None = None,
    database: Callable[[], AbstractContextManager[str]] | None = None,
    sslmode: str | None = SSLMODE,
) -> int:
    """Run one command and return its exit code.

    `program` is what people type for it. `directory` is the default for `-path`, `database` gives the URL where
    neither `-database` nor DATABASE_URL does, `sslmode` is the default for what the URL leaves open.
    """
    occupy()
    output = Output(program)
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        options, words = flags.parse(words, GLOBAL_FLAGS)
    except flags.HelpWanted:
        output.help(_usage(program))
        return 0
    except flags.FlagError as error:
        output.help(f"{error}\n{_usage(program)}")
        return 2
    output.verbose, output.as_json = bool(options.get("verbose")), bool(options.get("json"))
    if options.get("version"):
        output.help(codeactions.__version__)
        return 0
    if options.get("help"):
        output.help(_usage(program))
        return 0
    if not words or words[0] not in COMMAND_FLAGS:
        output.help(_usage(program))
        return 2
    name = words[0]
    try:
        values, words = _parsed(name, words[1:])
    except flags.HelpWanted:
        output.help(usage.flag_usage(name))
        return 0
    except flags.FlagError as error:
        output.help(f"{error}\n{usage.flag_usage(name)}")
        return 2
    if values.get("help") and name != "version":
        output.help(texts.of_command(name, usage.flag_list(name)))
        return 0
    output.as_json = output.as_json or bool(values.get("json"))
    try:
        with dying_at_once():
            _check(values)
            if name == "create":
                return create.run(
                    values,
                    words,
                    lambda path: output.line(path, "created", path=path),
                    lambda text: output.line(text, "error", code="invalid", message=text),
                )
            url = str(options.get("database") or os.environ.get("DATABASE_URL") or "")
            with nullcontext(url) if url or not database else database() as url:
                return _with_database(name, words, options | values, output, directory, url, sslmode)
    except Error as error:
        output.error(error)
    return 1


def _parsed(name: str, words: list[str]) -> tuple[Values, list[str]]:
    known = COMMAND_FLAGS[name]
    if name == "version":
        # golang-migrate looks at nothing behind this word.
        return {"json": "-json" in words or "--json" in words}, []
    # A negative number is an argument here; the Go tool takes it for a flag and wants `force -- -1`.
    if name == "force" and words and re.fullmatch("-[0-9]+", words[0]):
        words = ["--", *words]
    values, rest = flags.parse(words, known)
    # As in Go, flags end where arguments begin. One of ours that was overlooked there would be worse than an error:
    # `goto 1 -dry-run` undoes what nobody wanted undone.
    overlooked = next((word for word in rest if name != "create" and _OURS.fullmatch(word)), None)
    if overlooked:
        raise flags.FlagError(f"{overlooked} must stand before the arguments")
    return values, rest


def _check(values: Values) -> None:
    for name, choices in CHOICES.items():
        if name in values and values[name] not in choices:
            raise invalid(f"-{name} must be one of {', '.join(choices)}")


def _with_database(
    name: str, words: list[str], values: Values, output: Output, directory: Path | None, url: str, sslmode: str | None
) -> int:
    # Here, since `create` and `-help` need none of it, and every import costs time.
    from codeactions.migrate.command.call import Call
    from codeactions.migrate.database import session
    from codeactions.migrate.database.address import parse
    from codeactions.migrate.source import files

    begin = time.perf_counter_ns()
    run = getattr(import_module(f"codeactions.migrate.command.{ROOMS[name]}"), name)
    if ":" not in url.lstrip(":") and (values.get("source") or values.get("path") or directory):
        parse(url)  # refuses it; golang-migrate, too, looks for the scheme before it opens the source
    source, folder = _source(values, directory)
    if ":" not in url.lstrip(":"):
        parse(url)
    migrations = files.read_directory(folder, source)
    timeout = float(values.get("lock-timeout", LOCK_TIMEOUT))
    with session.opened(url, sslmode=sslmode, patience=timeout) as opened:
        interrupt = Interrupt(opened.connection.cancel, lambda text: output.line(text, "signal", message=text))
        with interrupt.listening():
            code: int = run(Call(words, values, migrations, opened, output, interrupt, timeout))
        if code == 0 and name in TIMED:
            output.detail(f"Finished after {duration.text(time.perf_counter_ns() - begin)}")
        if code == 0:
            output.detail("Closing source and database")
    return code


def _source(values: Values, directory: Path | None) -> tuple[str, Path]:
    from codeactions.migrate.source import address

    if values.get("source"):
        return address.from_url(str(values["source"]))
    if values.get("path"):
        return address.from_path(str(values["path"]))
    return (f"file://{directory}", directory) if directory else address.from_url("")


def _usage(program: str) -> str:
    return texts.USAGE.replace("migrate OPTIONS", f"{program} OPTIONS").replace("migrate [ -v", f"{program} [ -v")
