"""The keys in a database URL: libpq's keywords, golang-migrate's `x-` options, lib/pq's and pgx's own."""

import re
from typing import Literal

from codeactions.migrate.errors import ErrorCode, MigrationError, sentence
from codeactions.migrate.go_compat.booleans import FALSE, TRUE, is_on
from codeactions.migrate.go_compat.quoting import quoted

DEFAULT_TABLE = "schema_migrations"
DEFAULT_LOCK_TABLE = "schema_lock"
DEFAULT_MAX_SIZE = 10 * 2**20
# golang-migrate reads into a buffer of this size first, so a piece that fits into it is never too large.
LEAST_MAX_SIZE = 4096
# The longest of PostgreSQL's own time-outs: 24 days, in ms.
LONGEST_TIMEOUT = 2**31 - 1

Strategy = Literal["advisory", "table"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# libpq's keywords (PostgreSQL 18). Listed here, because asking libpq would mean loading it.
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
    "x-lock-strategy x-lock-table x-history"
)
# Known to Go's drivers only, and without meaning for a client that sends simple queries.
OF_PGX = _words(
    "default_query_exec_mode statement_cache_mode statement_cache_capacity description_cache_capacity "
    "prefer_simple_protocol min_read_buffer_size krbspn"
)
OF_PQ = _words("binary_parameters disable_prepared_binary_result sslinline krbspn")
# lib/pq begins its sessions with these; with them, dates in a migration are read alike.
START_OF_PQ = {"DateStyle": "ISO, MDY", "extra_float_digits": "2"}
SSLMODES_OF_PQ = ("disable", "require", "verify-ca", "verify-full")


def settings(values: dict[str, str], *, for_pq: bool) -> dict[str, str]:
    """Return the run-time parameters in a URL's query: what lib/pq (else pgx) would send to the server as it is.

    Raises `MigrationError` (invalid) if there is a certificate in it.
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
    """Return schema (None: the current one) and name of the version table.

    `x-migrations-table` is one name, dots included. With `x-migrations-table-quoted` it is one or two names in double
    quotes. Raises `MigrationError` (invalid) if it is not.
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
    """Return `x-statement-timeout` in ms, at most LONGEST_TIMEOUT. Raises `MigrationError` (invalid)."""
    return min(_number(options, "x-statement-timeout"), LONGEST_TIMEOUT)


def in_pieces(options: dict[str, str]) -> bool:
    """Return `x-multi-statement`. Raises `MigrationError` (invalid) if it is neither true nor false."""
    return _boolean(options, "x-multi-statement")


def max_size(options: dict[str, str]) -> int:
    """Return `x-multi-statement-max-size` in bytes, always positive. Raises `MigrationError` (invalid)."""
    size = _number(options, "x-multi-statement-max-size")
    return max(size, LEAST_MAX_SIZE) if size > 0 else DEFAULT_MAX_SIZE


def lock(options: dict[str, str]) -> tuple[Strategy, str]:
    """Return `x-lock-strategy` and `x-lock-table`. Raises `MigrationError` (invalid) for an unknown strategy."""
    strategy = options.get("x-lock-strategy") or "advisory"
    if strategy not in ("advisory", "table"):
        raise refused(f'unknown lock strategy "{strategy}"')
    return ("table" if strategy == "table" else "advisory"), options.get("x-lock-table") or DEFAULT_LOCK_TABLE


def history(options: dict[str, str]) -> bool:
    """Return `x-history`, which golang-migrate does not know. Raises `MigrationError` (invalid)."""
    return is_on(options.get("x-history") or "on", "x-history")


def refused(reason: str, *, go_text: str = "", hint: str = "") -> MigrationError:
    """Return the error for a URL that makes no sense.

    `go_text` has golang-migrate's words, if they are not the usual ones; `hint` what to do, if they do not say it. The
    caller keeps passwords, and pieces of them, out of all texts.
    """
    return MigrationError(
        ErrorCode.INVALID,
        f"the database URL: {' '.join(reason.split())}; see DATABASE_URL",
        go_text=go_text or f"failed to open database: {reason}",
        hint=sentence(hint) if hint else "",
        urgent=bool(hint),
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
