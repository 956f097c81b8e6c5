"""What `-help` prints: of the whole program, and of each command."""

USAGE = """\
Usage: migrate OPTIONS COMMAND [arg...]
       migrate [ -version | -help ]

Options:
  -source URL        where the migrations are: file://FOLDER
  -path FOLDER       the same as -source file://FOLDER; used if there is no -source
  -database URL      postgres://user:password@host:port/database?key=value (default: $DATABASE_URL)
  -prefetch N        accepted for golang-migrate's sake; nothing needs to be read ahead here (default 10)
  -lock-timeout N    seconds to wait for another migration to end (default 15)
  -exit-stopped N    exit code after a stop by a signal with files left (default 0)
  -json              one JSON object a line on standard output, in place of text
  -verbose           say more, with times
  -version           print the version of this program
  -help              print this

Commands:
  create [-ext E] [-dir D] [-seq] [-digits N] [-format] [-tz] NAME
                     make a pair of empty files, numbered by the time or in sequence
  goto V             go up or down to version V
  up [N]             apply all migrations, or the next N
  down [N] [-all]    undo all migrations, or the last N
  drop [-f] [-all]   drop the tables of the current schema, or everything in it
  force V            record version V as clean, without running anything (-1: nothing applied)
  version            print the version of the database
  status             show what has become of each migration

  `migrate COMMAND -help` says more.

Source drivers: file
Database drivers: pgx, pgx4, pgx5, postgres, postgresql"""

DRY_RUN = "  -dry-run\n    \tShow what would run, and run nothing"
LATE = (
    "  -late warn|refuse|apply\n    \tWhat to do about files below the recorded version that never ran: go on as if\n"
    "    \tthey did, with a warning (default); refuse; or go by the history, which applies\n"
    "    \tthem (going down, they are passed over)"
)
JSON = "  -json\n    \tOne JSON object a line on standard output"
# By command: its lines, and the flags that golang-migrate does not have.
COMMANDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "create": (
        "create [-ext E] [-dir D] [-seq] [-digits N] [-format F] [-tz Z] NAME\n"
        "\tMake a pair of empty files in folder D, named VERSION_NAME.up.E and VERSION_NAME.down.E.\n"
        "\tThe version is the time, or with -seq the next number.",
        (JSON,),
    ),
    "goto": ("goto V\n\tApply or undo migrations until the database is at version V", (DRY_RUN, JSON, LATE)),
    "up": (
        "up [N]\n\tApply all migrations, or the next N",
        (
            "  -ahead refuse|accept\n    \tWhat to do if the database is newer than the files: fail (default),\n"
            "    \tor leave it alone and succeed, for an older release that is started again",
            DRY_RUN,
            JSON,
            LATE,
        ),
    ),
    "down": ("down [N] [-all]\n\tUndo all migrations, after asking, or the last N", (DRY_RUN, JSON, LATE)),
    "drop": (
        "drop [-f] [-all]\n\tDrop the tables of the current schema, after asking",
        (
            "  -all\n    \tDrop everything else in the schema as well (views, sequences, types, functions, ...),\n"
            "    \tbut what belongs to an extension. Lists it first",
            JSON,
        ),
    ),
    "force": ("force V\n\tRecord version V as clean, without running anything; -1: nothing is applied", (JSON,)),
    "version": ("version\n\tPrint the version of the database", (JSON,)),
    "status": (
        "status [-check]\n\tShow each migration: applied, pending, late, missing, changed since it was applied",
        ("  -check\n    \tExit code 1 unless the database is current and nothing is late, missing or changed", JSON),
    ),
}


def of_command(command: str, flags: str) -> str:
    """The help of a command; `flags` is the list of those that golang-migrate has as well."""
    text, more = COMMANDS[command]
    return "\n".join([text, *more, *([flags] if flags else [])])
