"""The address of a database: a URL as golang-migrate takes it, turned into what libpq takes."""

import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

from codeactions.domain.errors import ErrorCode
from codeactions.migrate.failure import MigrationError

SCHEMES = ("postgres", "postgresql", "pgx", "pgx4", "pgx5")
DEFAULT_TABLE = "schema_migrations"
# Known to Go's drivers alone, and of no meaning to a client that sends simple queries.
IGNORED = frozenset({"binary_parameters", "disable_prepared_binary_result", "statement_cache_mode"})
TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})


@dataclass(frozen=True)
class Address:
    """Where a database is, and which table of it keeps the version."""

    parameters: dict[str, str] = field(repr=False)
    """For the connection; keys that libpq does not know are run-time settings for the server."""
    path: str
    """The URL's path, decoded, with its slash: a part of the lock's number. Empty if there is none."""
    place: str
    """Host and port, for messages."""
    table: str = DEFAULT_TABLE
    schema: str | None = None
    """None: the connection's current schema."""


def parse(url: str) -> Address:
    """Read a database URL. Refused as `invalid`; the message never repeats what was given.

    Not even a piece of it, because with a stray `/` or `#` in the password that piece may be the password.
    """
    scheme, colon, rest = url.partition(":")
    if not url:
        raise _refused("URL cannot be empty", scheme=True)
    if not colon or not scheme:
        raise _refused("no scheme", scheme=True)
    if not re.fullmatch(r"[a-zA-Z][a-zA-Z0-9+.-]*", scheme) or not rest.startswith("//"):
        raise _refused("must have the form postgres://user:password@host:port/database")
    if scheme not in SCHEMES:
        raise _refused(f"database driver: unknown driver {scheme} (forgotten import?)")
    rest, _, fragment = rest[2:].partition("#")
    head, _, query = rest.partition("?")
    authority, slash, path = head.partition("/")
    user_part, _, hosts = authority.rpartition("@")
    user, _, password = user_part.partition(":")
    # What an unencoded /, ? or # in the password leaves behind.
    if "@" in path + fragment + query.partition("=")[0]:
        raise _refused("a character of the user or password must be percent-encoded")
    host, port = _hosts(hosts)
    given = {"host": host, "port": port, "user": unquote(user), "password": unquote(password)}
    given["dbname"] = unquote(path)
    parameters = {key: value for key, value in given.items() if value}
    options: dict[str, str] = {}
    for key, value in parse_qsl(query, keep_blank_values=True):
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]*", key):
            raise _refused("the part behind the question mark must be key=value pairs joined by &")
        (options if key.startswith("x-") else parameters)[key] = value
    for key in IGNORED:
        parameters.pop(key, None)
    schema, table = _table(options)
    place = parameters.get("host", "localhost") + ":" + (parameters.get("port") or "5432")
    return Address(parameters, slash + unquote(path), place, table, schema)


def _hosts(text: str) -> tuple[str, str]:
    """`host:port[,host:port]` as libpq's two lists."""
    hosts, ports = [], []
    for part in text.split(","):
        match = re.fullmatch(r"(\[[0-9a-fA-F:.%]+\]|[^:\[\]]*)(?::([0-9]*))?", part)
        if match is None:
            raise _refused("the port must be a number (is a character of the password not percent-encoded?)")
        hosts.append(unquote(match[1].strip("[]")))
        ports.append(match[2] or "")
    return ",".join(hosts), ",".join(ports) if any(ports) else ""


def _table(options: dict[str, str]) -> tuple[str | None, str]:
    """Schema and table by `x-migrations-table` and `x-migrations-table-quoted`."""
    name = options.get("x-migrations-table") or DEFAULT_TABLE
    if options.get("x-migrations-table-quoted") not in TRUE:
        return None, name
    parts = re.findall(r'"(.*?)"', name)
    if not (name.startswith('"') and name.endswith('"') and len(parts) in (1, 2)):
        raise _refused('x-migrations-table must be "table" or "schema"."table" when it is said to be quoted')
    return (parts[0], parts[1]) if len(parts) == 2 else (None, parts[0])


def _refused(reason: str, *, scheme: bool = False) -> MigrationError:
    prefix = "failed to parse scheme from database URL: " if scheme else "failed to open database: "
    return MigrationError(ErrorCode.INVALID, f"the database URL: {reason}; see DATABASE_URL", tool=prefix + reason)
