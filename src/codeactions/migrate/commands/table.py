"""All commands: flags, help, and how each is run."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from codeactions.migrate.go_compat.flag_usage import HELP, Flag, flag_list
from codeactions.migrate.go_compat.flags import Kind

if TYPE_CHECKING:
    from codeactions.migrate.commands.context import CommandContext

_JSON = "  -json\n    \tOne JSON object a line on standard output"
_DRY_RUN = "  -dry-run\n    \tShow what would run, and run nothing"
_LATE = (
    "  -late warn|refuse|apply\n    \tWhat to do about files below the recorded version that never ran: go on as if\n"
    "    \tthey did, with a warning (default); refuse; or go by the history, which applies\n"
    "    \tthem (going down, they are passed over)"
)
_AHEAD = (
    "  -ahead refuse|accept\n    \tWhat to do if the database is newer than the files: fail (default),\n"
    "    \tor leave it alone and succeed, for an older release that is started again"
)
_DROP_ALL = (
    "  -all\n    \tDrop everything else in the schema as well (views, sequences, types, functions, ...),\n"
    "    \tbut what belongs to an extension. Lists it first"
)
_HISTORY = (
    "  -history on|off\n    \tOff: no table schema_migrations_history is made, read or written; status shows what the\n"
    "    \tversion alone tells (default on)"
)
_CHECK = "  -check\n    \tExit code 1 unless the database is current and nothing is late, missing or changed"
_COMMON = {"help": Kind.BOOLEAN, "json": Kind.BOOLEAN}
_STEPS = _COMMON | {"dry-run": Kind.BOOLEAN, "history": Kind.TEXT, "late": Kind.TEXT}


# Commands are imported when they run, because every import costs time.
def _goto(context: "CommandContext") -> int:
    from codeactions.migrate.commands import goto

    return goto.run(context)


def _up(context: "CommandContext") -> int:
    from codeactions.migrate.commands import up

    return up.run(context)


def _down(context: "CommandContext") -> int:
    from codeactions.migrate.commands import down

    return down.run(context)


def _drop(context: "CommandContext") -> int:
    from codeactions.migrate.commands import drop

    return drop.run(context)


def _force(context: "CommandContext") -> int:
    from codeactions.migrate.commands import force

    return force.run(context)


def _version(context: "CommandContext") -> int:
    from codeactions.migrate.commands import version

    return version.run(context)


def _status(context: "CommandContext") -> int:
    from codeactions.migrate.commands import status

    return status.run(context)


class Command(NamedTuple):
    """One command word."""

    synopsis: str
    flags: Mapping[str, Kind]
    own_flags: tuple[str, ...]
    """The help of the flags that golang-migrate does not have."""
    run: Callable[["CommandContext"], int] | None
    """None for `create`, which needs no database."""
    go_flags: tuple[Flag, ...] = ()
    """golang-migrate's flags, without `-help`."""
    is_timed: bool = False
    """Whether -verbose ends with a line on how long it took, as golang-migrate has it."""

    @property
    def help(self) -> str:
        """The text of `-help`."""
        return "\n".join([self.synopsis, *self.own_flags, self.flag_list])

    @property
    def flag_list(self) -> str:
        """golang-migrate's flags with their meaning, as `-h` lists them."""
        return flag_list((*self.go_flags, HELP))


COMMANDS: dict[str, Command] = {
    "create": Command(
        "create [-ext E] [-dir D] [-seq] [-digits N] [-format F] [-tz Z] NAME\n"
        "\tMake a pair of empty files in folder D, named VERSION_NAME.up.E and VERSION_NAME.down.E.\n"
        "\tThe version is the time, or with -seq the next number.",
        _COMMON
        | {
            "ext": Kind.TEXT,
            "dir": Kind.TEXT,
            "seq": Kind.BOOLEAN,
            "digits": Kind.INTEGER,
            "format": Kind.TEXT,
            "tz": Kind.TEXT,
        },
        (_JSON,),
        None,
        (
            Flag("digits", "The number of digits to use in sequences (default: 6)", "int", "6"),
            Flag("dir", "The folder for the files, made if it is missing (default: the current one)", "string"),
            Flag("ext", "File extension", "string"),
            Flag(
                "format",
                "The version as a layout of Go's time package, or unix or unixNano for the seconds or nanoseconds "
                "since 1970. No layout is an error: what Go does not know in it is printed as it is",
                "string",
                '"20060102150405"',
            ),
            Flag("seq", "Number the files, one more than the largest number there, in place of the time"),
            Flag("tz", "The time zone of the version", "string", '"UTC"'),
        ),
    ),
    "goto": Command(
        "goto V\n\tApply or undo migrations until the database is at version V",
        _STEPS,
        (_DRY_RUN, _HISTORY, _JSON, _LATE),
        _goto,
        is_timed=True,
    ),
    "up": Command(
        "up [N]\n\tApply all migrations, or the next N",
        _STEPS | {"ahead": Kind.TEXT},
        (_AHEAD, _DRY_RUN, _HISTORY, _JSON, _LATE),
        _up,
        is_timed=True,
    ),
    "down": Command(
        "down [N] [-all]\n\tUndo all migrations, after asking, or the last N",
        _STEPS | {"all": Kind.BOOLEAN},
        (_DRY_RUN, _HISTORY, _JSON, _LATE),
        _down,
        (Flag("all", "Apply all down migrations"),),
        is_timed=True,
    ),
    "drop": Command(
        "drop [-f] [-all]\n\tDrop the tables of the current schema, after asking",
        _COMMON | {"f": Kind.BOOLEAN, "all": Kind.BOOLEAN},
        (_DROP_ALL, _JSON),
        _drop,
        (Flag("f", "Force the drop command by bypassing the confirmation prompt"),),
        is_timed=True,
    ),
    "force": Command(
        "force V\n\tRecord version V as clean, without running anything; -1: nothing is applied",
        _COMMON | {"history": Kind.TEXT},
        (_HISTORY, _JSON),
        _force,
        is_timed=True,
    ),
    "version": Command("version\n\tPrint the version of the database", _COMMON, (_JSON,), _version),
    "status": Command(
        "status [-check]\n\tShow each migration: applied, pending, late, missing, changed since it was applied",
        _COMMON | {"check": Kind.BOOLEAN, "history": Kind.TEXT},
        (_CHECK, _HISTORY, _JSON),
        _status,
    ),
}
