"""What the keys in a database URL mean: libpq's keywords, golang-migrate's `x-` options, lib/pq's and pgx's own."""

import re
from typing import Literal

from codeactions.domain.errors import ErrorCode
from codeactions.migrate.failure import MigrationError
from codeactions.migrate.source.address import quoted

DEFAULT_TABLE = "schema_migrations"
DEFAULT_LOCK_TABLE = "schema_lock"
DEFAULT_MAX_SIZE = 10 * 2**20
# golang-migrate reads into a buffer of this size first, and whatever fits into it is no piece too large.
LEAST_MAX_SIZE = 4096
# What PostgreSQL's own time-outs can be at most: 24 days.
LONGEST_TIMEOUT = 2**31 - 1

Strategy = Literal["advisory", "table"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# libpq's keywords (PostgreSQL 18). By heart, because asking libpq would mean loading it.
KEYWORDS = _words(
    "application_name channel_binding client_encoding connect_timeout dbname fallback_application_name gssdelegation "
    "gssencmode gsslib host hostaddr keepalives keepalives_count keepalives_idle keepalives_interval krbsrvname "
    "load_balance_hosts max_protocol_version min_protocol_version oauth_client_id oauth_client_secret oauth_issuer "
    "oauth_scope options passfile password port replication require_auth requirepeer scram_client_key "
    "scram_server_key service ssl_max_protocol_version ssl_min_protocol_version sslcert sslcertmode sslcompression "
    "sslcrl sslcrldir sslkey sslkeylogfile sslmode sslnegotiation sslpassword sslrootcert sslsni "
    "target_session_attrs tcp_user_timeout user"
)
SECRETS = _words("password sslpassword sslkey oauth_client_secret scram_client_key scram_server_key")
OPTIONS = _words(
    "x-migrations-table x-migrations-table-quoted x-statement-timeout x-multi-statement x-multi-statement-max-size "
    "x-lock-strategy x-lock-table"
)
# Known to Go's drivers alone, and of no meaning to a client that sends simple queries.
OF_PGX = _words(
    "default_query_exec_mode statement_cache_mode statement_cache_capacity description_cache_capacity "
    "prefer_simple_protocol min_read_buffer_size krbspn"
)
OF_PQ = _words("binary_parameters disable_prepared_binary_result sslinline krbspn")
# With these lib/pq begins its sessions, so that dates in a migration are read alike.
START_OF_PQ = {"DateStyle": "ISO, MDY", "extra_float_digits": "2"}
SSLMODES_OF_PQ = ("disable", "require", "verify-ca", "verify-full")
TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})
FALSE = frozenset({"0", "f", "F", "false", "FALSE", "False"})


def settings(values: dict[str, str], *, for_pq: bool) -> dict[str, str]:
    """Of a URL's whole query, what lib/pq (else pgx) would send to the server as it is: run-time parameters.

    `MigrationError` (invalid) if there is a certificate in it.
    """
    others = {key: value for key, value in values.items() if key not in KEYWORDS and not key.startswith("x-")}
    others.pop("database", None)
    if others.get("sslinline") == "true":
        raise refused("sslinline is not supported: give certificate and key as files")
    if not for_pq:
        return {key: value for key, value in others.items() if key not in OF_PGX and not key.startswith("pool_")}
    found = {key: value for key, value in others.items() if value and key not in OF_PQ}
    given = {key.lower() for key in found}
    return {key: value for key, value in START_OF_PQ.items() if key.lower() not in given} | found


def table(options: dict[str, str]) -> tuple[str | None, str]:
    """Schema (None: the current one) and table that keep the version.

    `x-migrations-table` is one name, dots and all; with `x-migrations-table-quoted` it is one or two in double quotes,
    or `MigrationError` (invalid) is raised.
    """
    is_quoted, name = _boolean(options, "x-migrations-table-quoted"), options.get("x-migrations-table", "")
    if not is_quoted:
        return None, name or DEFAULT_TABLE
    pieces = re.findall('"(.*?)"', name)
    if not (name.startswith('"') and name.endswith('"') and pieces and all(pieces[-2:])):
        raise refused(
            """x-migrations-table must be quoted (for instance '"migrate"."schema_migrations"') when """
            f"x-migrations-table-quoted is enabled, current value is: {name}"
        )
    if len(pieces) > 2:
        raise refused(f'"{name}" MigrationsTable contains too many dot characters')
    return (pieces[0], pieces[1]) if len(pieces) == 2 else (None, pieces[0])


def statement_timeout(options: dict[str, str]) -> int:
    """`x-statement-timeout`, in ms, cut to what PostgreSQL takes. `MigrationError` (invalid) if it is no number."""
    return min(_number(options, "x-statement-timeout"), LONGEST_TIMEOUT)


def in_pieces(options: dict[str, str]) -> bool:
    """`x-multi-statement`. `MigrationError` (invalid) if it is neither true nor false."""
    return _boolean(options, "x-multi-statement")


def max_size(options: dict[str, str]) -> int:
    """`x-multi-statement-max-size`, in bytes: always positive. `MigrationError` (invalid) if it is no number."""
    size = _number(options, "x-multi-statement-max-size")
    return max(size, LEAST_MAX_SIZE) if size > 0 else DEFAULT_MAX_SIZE


def lock(options: dict[str, str]) -> tuple[Strategy, str]:
    """`x-lock-strategy` and `x-lock-table`. `MigrationError` (invalid) if there is no such strategy."""
    strategy = options.get("x-lock-strategy") or "advisory"
    if strategy not in ("advisory", "table"):
        raise refused(f'unknown lock strategy "{strategy}"')
    return ("table" if strategy == "table" else "advisory"), options.get("x-lock-table") or DEFAULT_LOCK_TABLE


def refused(reason: str, *, tool: str = "") -> MigrationError:
    """The error for a URL that makes no sense. `tool`: golang-migrate's words, if they are not the usual ones.

    Who calls it sees to it that no piece of a password is in either text.
    """
    return MigrationError(
        ErrorCode.INVALID,
        f"the database URL: {' '.join(reason.split())}; see DATABASE_URL",
        tool=tool or f"failed to open database: {reason}",
    )


def _number(options: dict[str, str], name: str) -> int:
    text = options.get(name, "")
    if not text:
        return 0
    problem = "" if re.fullmatch("[+-]?[0-9]+", text) else "invalid syntax"
    if not problem and (len(text.lstrip("+-0")) > 19 or not -(2**63) <= int(text) < 2**63):
        problem = "value out of range"
    if problem:
        raise refused(f"strconv.Atoi: parsing {quoted(text)}: {problem}")
    return int(text)


def _boolean(options: dict[str, str], name: str) -> bool:
    text = options.get(name, "")
    if text and text not in TRUE | FALSE:
        reason = f"strconv.ParseBool: parsing {quoted(text)}: invalid syntax"
        raise refused(f"unable to parse option {name}: {reason}")
    return text in TRUE
