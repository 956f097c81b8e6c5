"""The intended differences between our `migrate` and golang-migrate. See README.md.

Every entry says what ours does instead. Tests assert that, and that the recording differs.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    """The reason for one difference, and our outcome. None: the same as recorded."""

    reason: str
    exit_code: int | None = None
    rows_after: str | None = None
    stdout: str | None = None
    stderr: str | None = None
    stderr_more: str = ""
    """A pattern for all lines that ours prints below that."""


EMPTY, NO_TABLE = "", "(no such table)"
APPLIED = "1/u users (1ms)\n2/u posts (1ms)\n3/u tags (1ms)\n"

PLAIN_PATH = "-path is a plain path first, and read as a URL only if there is no such folder"
MASKED = "the password is masked in errors about the URL, and so is what may be a piece of it"
ONCE = "the doubled message without a line feed is printed once"
NOT_MADE = "`version` only reads: it does not make the table"
TOO_LARGE_N = "an N of 2^63 or more is an error and does not mean all"
ROLLED_BACK = "the file was rolled back wholly, so the row shows the version before it, clean"
OWN = "the version is a part of the transaction that the file brings along, which was rolled back wholly"
SPLIT = "x-multi-statement splits at the ends of statements, not inside strings, functions and comments"
VERSION_TOO_LARGE = "versions of 2^63 and more are refused: no endless loop and no panic"
RESTORED = "the session is restored after each file, so `up` in one run and file by file come to the same"
COPIED = "the rows of a COPY FROM STDIN are read from the file, as psql does it"
RECOVERY = "the database is left dirty, so a last line names the command for each way out"

# The whole file is known to be rolled back, where golang-migrate leaves the version dirty.
KEPT_NOTHING = r"Nothing of it was kept, the database is at no version and clean; mend the cause, .+\n"
# Both ways out of the dirty state: as if the file had never run, as if it had run wholly.
WAYS_OUT = r"(?=(?s:.*)migrate force (-- )?-1\b)(?=(?s:.*)migrate force 1\b)(?:.+\n){1,4}"


def no_migration_found(version: int) -> str:
    """The message that golang-migrate prints twice."""
    return f"error: no migration found for version {version}: read down for version {version} .: file does not exist\n"


def version_too_large(name: str) -> str:
    """Our message for a file that golang-migrate cannot handle."""
    return f'error: failed to open source, "file://p": version too large: {name}\n'


DIFFERENCES: dict[int, Difference] = {
    # A2. Source and database addresses that do not work
    39: Difference(PLAIN_PATH, stderr=APPLIED + no_migration_found(3)),
    40: Difference(
        PLAIN_PATH,
        stderr='error: failed to open source, "file://$CWD/a b": open .: no such file or directory\n'
        + "error: no migration\n" * 3,
    ),
    41: Difference(
        PLAIN_PATH, exit_code=0, rows_after="3|f", stderr=f"error: first .: file does not exist\n{APPLIED}3\n"
    ),
    42: Difference(PLAIN_PATH, stderr="error: no migration\n"),
    44: Difference(PLAIN_PATH, stderr="error: no migration\n"),
    50: Difference(
        MASKED,
        stderr='error: failed to open database: parse "postgres://u:***@127.0.0.1:55432/t": invalid URL escape\n',
        stderr_more="A `%` in user or password must be percent-encoded: write %25.\n",
    ),
    51: Difference(
        MASKED,
        stderr='error: failed to open database: parse "postgres://u:***@127.0.0.1:55432/t": invalid port after host\n',
        stderr_more="A `[/#]` in user or password must be percent-encoded: write %2[F3].\n",
    ),
    52: Difference(
        MASKED,
        stderr='error: failed to open database: parse "postgres://u:***@127.0.0.1:port/t":'
        ' invalid port ":port" after host\n',
    ),
    55: Difference("a last line says how to do without TLS", stderr_more=r"The server .*\?sslmode=disable.*\n"),
    62: Difference(
        "`postgres://` alone takes everything from the environment, as `postgres:///` does",
        stderr="error: pq: permission denied for table schema_migrations in line 0:"
        ' SELECT version, dirty FROM "public"."schema_migrations" LIMIT 1\n',
    ),
    64: Difference(
        "PGSERVICE is understood; a service without a definition is an error and no panic",
        stdout='error: failed to open database: definition of service "x" not found\nrc 1\n',
    ),
    # B1. Sequential
    76: Difference(
        "`create -seq` counts from the highest number, not from the last name by text order",
        stdout="000011_c.down.sql\n000011_c.up.sql\n10_b.up.sql\n9_a.up.sql\n",
        stderr="$CWD/t1/000011_c.up.sql\n$CWD/t1/000011_c.down.sql\n",
    ),
    # C1. Fresh database, three good migrations
    101: Difference(NOT_MADE, rows_after=NO_TABLE),
    107: Difference(ONCE, stderr=no_migration_found(0)),
    120: Difference(TOO_LARGE_N, exit_code=1, stderr="error: can't read limit argument N\n"),
    140: Difference(ONCE, stderr=no_migration_found(7)),
    141: Difference(ONCE, stderr=no_migration_found(0)),
    146: Difference(
        "`goto 18446744073709551615` is an error and does not undo everything",
        exit_code=1,
        rows_after="1|f",
        stderr="error: can't read version argument V\n",
    ),
    149: Difference("`force -1` is taken for what it means, not for a flag", exit_code=0, stderr=""),
    153: Difference(ONCE, stderr=no_migration_found(42)),
    154: Difference(ONCE, stderr=no_migration_found(42)),
    155: Difference(ONCE, stderr=no_migration_found(42)),
    156: Difference(ONCE, stderr="2026/11/22 18:26:45 " + no_migration_found(42)),
    157: Difference(ONCE, stderr="0\n" + no_migration_found(0)),
    # C3. drop
    171: Difference(
        "`drop` connects before it asks",
        stderr="error: failed to open database: dial tcp 127.0.0.1:55431: connect: connection refused\n",
    ),
    173: Difference(NOT_MADE, rows_after=NO_TABLE),
    175: Difference("a wrong flag is refused before the database is opened", rows_after=NO_TABLE),
    # D1. Syntax error on line 3
    177: Difference(ROLLED_BACK, rows_after="1|f"),
    # D2. Other kinds of failure
    **{
        number: Difference(ROLLED_BACK, rows_after=EMPTY)
        for number in (*range(186, 190), *range(191, 196), 197, 198, 209)
    },
    190: Difference(
        f"{ROLLED_BACK}; the column is right in files with CRLF",
        rows_after=EMPTY,
        stderr='error: migration failed: column "nosuch" does not exist (column 8) in line 3:'
        ' SELECT 1;\r\nSELECT 2;\r\nSELECT nosuch;\r\n (details: pq: column "nosuch" does not exist)\n',
    ),
    196: Difference("a byte order mark is skipped", exit_code=0, rows_after="1|f", stderr="1/u x (1ms)\n"),
    199: Difference(COPIED, exit_code=0, rows_after="1|f", stderr="1/u x (1ms)\n"),
    200: Difference(
        f"{ROLLED_BACK}; a last line names the command of psql", rows_after=EMPTY, stderr_more=r"`\\set` in line 1 .+\n"
    ),
    203: Difference(RECOVERY, stderr_more=WAYS_OUT),
    204: Difference(RECOVERY, stderr_more=WAYS_OUT),
    206: Difference(
        f"{OWN}; the failed unlock, which only follows from the error, is not reported",
        rows_after=EMPTY,
        stderr='error: migration failed: column "nosuch" does not exist (column 8) in line 3: BEGIN;\n'
        "CREATE TABLE a (id int);\nSELECT nosuch;\nCOMMIT;\n"
        ' (details: pq: column "nosuch" does not exist)\n',
        stderr_more=KEPT_NOTHING,
    ),
    207: Difference(
        f"{OWN}; the failed unlock, which only follows from the error, is not reported",
        rows_after=EMPTY,
        stderr="error: transaction start failed in line 0: "
        " (details: pq: unexpected transaction status idle in transaction)\n",
        stderr_more=KEPT_NOTHING,
    ),
    208: Difference(RECOVERY, stderr_more=WAYS_OUT),
    213: Difference(RESTORED, exit_code=0, rows_after="2|f", stderr="1/u x (1ms)\n2/u y (1ms)\n"),
    214: Difference(
        "the version is written by DELETE, not TRUNCATE, and in the file's transaction, which brings the table back",
        rows_after=EMPTY,
    ),
    216: Difference(
        f"{ROLLED_BACK}; the failed unlock, which only follows from the error, is not reported",
        rows_after=EMPTY,
        stderr="error: migration failed in line 0: SELECT pg_terminate_backend(pg_backend_pid());\n"
        " (details: driver: bad connection)\n",
    ),
    223: Difference(ROLLED_BACK, rows_after="1|f"),
    # E1. What counts as a migration file
    230: Difference(ONCE, stderr=no_migration_found(1)),
    232: Difference(
        "a link to nothing fails when it is read, and is no empty migration",
        exit_code=1,
        rows_after="24|f",
        stderr="0/u zero (1ms)\n1/u a (1ms)\n2/u b (1ms)\n3/u  (1ms)\n9/u d (1ms)\n10/u c (1ms)\n11/u i (1ms)\n"
        "12/u j (1ms)\n13/u <empty> (1ms)\n14/u l.down (1ms)\n17/u o (1ms)\n20/u r s (1ms)\n21/u é (1ms)\n"
        "23/u t_u.v (1ms)\n24/u link (1ms)\n"
        "error: cannot read the migration 25_broken.up.sql: No such file or directory\n",
    ),
    233: Difference(ONCE, stderr=no_migration_found(25)),
    237: Difference(
        VERSION_TOO_LARGE,
        exit_code=1,
        rows_after=NO_TABLE,
        stderr=version_too_large("18446744073709551615_a.up.sql"),
    ),
    238: Difference(
        VERSION_TOO_LARGE,
        rows_after=NO_TABLE,
        stdout=version_too_large("9223372036854775808_a.up.sql") + "rc 1\n",
    ),
    # F2. x-multi-statement
    264: Difference(RECOVERY, stderr_more=WAYS_OUT),
    265: Difference(SPLIT, exit_code=0, rows_after="1|f", stderr="1/u a (1ms)\n"),
    266: Difference(SPLIT, exit_code=0, rows_after="1|f", stderr="1/u a (1ms)\n"),
    267: Difference(SPLIT, exit_code=0, rows_after="1|f", stderr="1/u a (1ms)\n"),
    270: Difference(RECOVERY, stderr_more=WAYS_OUT),
}

NOT_REPLAYED: dict[int, str] = {
    54: "asks the network for a name, and the answer depends on the machine's DNS",
    **dict.fromkeys(range(299, 314), "two processes at once, started by a script with timers that is not recorded"),
    **dict.fromkeys(range(314, 324), "signals, sent by a script with timers that is not recorded"),
}
