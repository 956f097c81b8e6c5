"""The command `migrate`: golang-migrate's command line, as far as it goes here.

Everything is printed on stderr, results too, and the exit codes are 0 (done, or nothing to do), 1 (an error)
and 2 (a command line that makes no sense), because scripts written for the Go tool expect that.
"""

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import codeactions
from codeactions.domain.errors import Error
from codeactions.migrate import files, flags
from codeactions.migrate.failure import MigrationError
from codeactions.migrate.flags import Kind

USAGE = """\
Usage: migrate OPTIONS COMMAND [arg...]
       migrate [ -version | -help ]

Options:
  -path DIR          folder with the migrations (default: those that came with this program)
  -database URL      postgres://user:password@host:port/database?key=value (default: $DATABASE_URL)
  -lock-timeout N    seconds to wait for another migration to end (default 15)
  -version           print the version of this program
  -help              print this

Commands:
  up [N]             apply all migrations, or the next N
  down [N] [-all]    undo all migrations, or the last N
  force V            record version V as clean, without running anything (-1: nothing applied)
  version            print the version of the database
  status             say how the database compares with the files; exit code 1 unless it is current
"""
GLOBAL_FLAGS = {
    "path": Kind.TEXT,
    "database": Kind.TEXT,
    "lock-timeout": Kind.UNSIGNED,
    "version": Kind.BOOLEAN,
    "help": Kind.BOOLEAN,
    "h": Kind.BOOLEAN,
}
HELP_FLAGS = {"help": Kind.BOOLEAN, "h": Kind.BOOLEAN}
COMMANDS = {
    "up": (HELP_FLAGS, "up [N]: apply all migrations, or the next N"),
    "down": (HELP_FLAGS | {"all": Kind.BOOLEAN}, "down [N] [-all]: undo all migrations, or the last N"),
    "force": (HELP_FLAGS, "force V: record version V as clean, without running anything"),
    "version": (HELP_FLAGS, "version: print the version of the database"),
    "status": (HELP_FLAGS, "status: say how the database compares with the files"),
}
LOCK_TIMEOUT = 15
Values = dict[str, str | int | bool]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    try:
        return _main(list(sys.argv[1:] if argv is None else argv))
    except MigrationError as failure:
        say(f"error: {failure.tool}")
    except Error as error:
        say(f"error: {error.message}")
    except KeyboardInterrupt:
        say("error: interrupted; `migrate status` says how far it came")
    return 1


def say(text: str) -> None:
    """One line for the caller."""
    print(text, file=sys.stderr, flush=True)


def _main(words: list[str]) -> int:
    try:
        options, words = flags.parse(words, GLOBAL_FLAGS)
    except flags.FlagError as error:
        say(f"{error}\n{USAGE}")
        return 2
    if options.get("version"):
        say(codeactions.__version__)
        return 0
    if options.get("help") or options.get("h"):
        say(USAGE)
        return 0
    if not words or words[0] not in COMMANDS:
        say(USAGE)
        return 2
    return _command(options, words[0], words[1:])


def _command(options: Values, name: str, words: list[str]) -> int:
    known, usage = COMMANDS[name]
    # A negative number is an argument here; the Go tool takes it for a flag and wants `force -- -1`.
    if name == "force" and words and re.fullmatch("-[0-9]+", words[0]):
        words = ["--", *words]
    try:
        values, words = flags.parse(words, known)
    except flags.FlagError as error:
        all_flag = "  -all\n    \tUndo all migrations\n" if "all" in known else ""
        say(f"{error}\nUsage of {name}:\n{all_flag}  -help\n    \tPrint help information")
        return 2
    if values.get("help") or values.get("h"):
        say(usage)
        return 0
    directory = Path(str(options["path"])) if options.get("path") else files.find_directory()
    migrations = files.read_directory(directory)

    from codeactions.migrate import commands, session

    run = {
        "up": commands.up,
        "down": commands.down,
        "force": commands.force,
        "version": commands.version,
        "status": commands.status,
    }[name]
    url = str(options.get("database") or os.environ.get("DATABASE_URL", ""))
    with session.opened(url) as opened:
        timeout = float(options.get("lock-timeout", LOCK_TIMEOUT))
        return run(commands.Call(words, bool(values.get("all")), migrations, opened, timeout, say))
