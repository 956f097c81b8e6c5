"""The help of the whole program."""

_USAGE = """\
Usage: migrate OPTIONS COMMAND [arg...]
       migrate [ -version | -help ]

Options:
  -source URL        where the migrations are: file://FOLDER
  -path FOLDER       the same as -source file://FOLDER; used if there is no -source
  -database URL      postgres://user:password@host:port/database?key=value (default: $DATABASE_URL)
  -prefetch N        accepted for golang-migrate's sake; nothing needs to be read ahead here (default 10)
  -lock-timeout N    seconds to wait for another migration to end (default 15)
  -exit-stopped N    exit code after a stop by a signal with files left (default 0)
  -history on|off    keep a history in a table of its own, schema_migrations_history (default on)
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
  status             show the state of each migration

  `migrate COMMAND -help` says more.

Source drivers: file
Database drivers: pgx, pgx4, pgx5, postgres, postgresql"""


def usage(program: str) -> str:
    """Return what `-help` prints, with `program` as the name of the command."""
    return _USAGE.replace("migrate OPTIONS", f"{program} OPTIONS").replace("migrate [ -v", f"{program} [ -v")
