"""The address of a database: a URL as golang-migrate takes it, turned into what libpq takes."""

import os
from typing import NamedTuple

from codeactions.migrate.go_compat import url_options as options
from codeactions.migrate.go_compat.database_url import password_doubt, take_apart
from codeactions.migrate.go_compat.drivers import DRIVERS, Driver
from codeactions.migrate.go_compat.quoting import SCHEME, quoted
from codeactions.migrate.go_compat.url_options import SSLMODES_OF_PQ, refused


class Address(NamedTuple):
    """A database's place, its version table, and how files are to be run there."""

    driver: Driver
    parameters: dict[str, str]
    """For the connection, by libpq's keywords."""
    settings: dict[str, str]
    """Run-time parameters at the start of the session."""
    path: str
    """The URL's path, decoded, with its slash; a part of the lock's number. May be empty."""
    place: str
    """Host and port, or the socket's folder, for messages."""
    table: str = options.DEFAULT_TABLE
    schema: str | None = None
    """None: the connection's current schema."""
    statement_timeout_ms: int = 0
    """For one file, or one piece of it. 0: none; a negative one is over before it begins."""
    multi_statement: bool = False
    """Whether a file is sent in pieces."""
    multi_statement_max_size: int = options.DEFAULT_MAX_SIZE
    """Of one piece, in bytes."""
    lock_strategy: options.Strategy = "advisory"
    lock_table: str = options.DEFAULT_LOCK_TABLE
    keeps_history: bool = True
    """Whether steps are noted in a table of our own."""
    password_doubt: str = ""
    """What may be wrong with the way in which the URL holds the password, for the case that it is refused."""

    def __repr__(self) -> str:
        return f"<Address {self.place}>"  # parameters and settings may hold a password

    @property
    def own_settings(self) -> dict[str, str]:
        """The settings that the URL itself has, without those with which lib/pq begins each session."""
        return {key: value for key, value in self.settings.items() if options.START_OF_PQ.get(key) != value}


def parse(url: str, *, sslmode: str | None = None) -> Address:
    """Read a database URL. Raises `MigrationError` (invalid), which shows no piece of a password.

    With an `sslmode`, the command's case, the URL is read strictly: that is the default mode, a URL for lib/pq may
    have only the modes that lib/pq knows, and it means localhost where lib/pq would connect to it. With None, the
    server's case, both are left to libpq.
    """
    driver = _driver(url)
    parameters, path, values = take_apart(url)
    own = {key: value for key, value in values.items() if key.startswith("x-")}
    if "database" in values:
        values.setdefault("dbname", values["database"])
    parameters |= {key: value for key, value in values.items() if key in options.KEYWORDS}
    parameters = {key: value for key, value in parameters.items() if value}
    # In this order, because the first of several mistakes in a URL is the one reported.
    settings = options.settings(values, for_pq=driver is Driver.POSTGRES)
    schema, table = options.table(own)
    timeout = options.statement_timeout(own)
    size = options.max_size(own)
    in_pieces = options.in_pieces(own)
    # The other drivers know one kind of lock only, and read no option about it.
    strategy, lock_table = options.lock(own if driver is Driver.PGX4 else {})
    if driver is Driver.POSTGRES and sslmode is not None:
        _be_strict(parameters, sslmode)
    return Address(
        driver,
        parameters,
        settings,
        path,
        _place(parameters),
        table,
        schema,
        timeout,
        in_pieces,
        size,
        strategy,
        lock_table,
        options.history(own),
        password_doubt(url),
    )


def _driver(url: str) -> Driver:
    scheme, colon, _ = url.partition(":")
    if not colon or not scheme:
        reason = "no scheme" if url else "URL cannot be empty"
        raise refused(reason, go_text=f"failed to parse scheme from database URL: {reason}")
    if scheme not in DRIVERS:
        name = scheme if SCHEME.fullmatch(scheme + ":") else "***"
        raise refused(f"database driver: unknown driver {name} (forgotten import?)")
    return DRIVERS[scheme]


def _be_strict(parameters: dict[str, str], sslmode: str) -> None:
    """Apply lib/pq's defaults. libpq's stay for ways of naming the server that lib/pq does not know."""
    named = [os.environ.get(name) for name in ("PGHOST", "PGHOSTADDR", "PGSERVICE")]
    if not any([*map(parameters.get, ("host", "hostaddr", "service")), *named]):
        parameters["host"] = "localhost"
    given = parameters.get("sslmode") or os.environ.get("PGSSLMODE")
    if not given:
        parameters["sslmode"] = sslmode
    # On a socket the mode has no effect, for either.
    elif given not in SSLMODES_OF_PQ and not (parameters.get("host") or os.environ.get("PGHOST", "")).startswith("/"):
        supported = 'only "require" (default), "verify-full", "verify-ca", and "disable" supported'
        raise refused(f"pq: unsupported sslmode {quoted(given)}; {supported}")


def _place(parameters: dict[str, str]) -> str:
    known = parameters.get("host") or parameters.get("hostaddr") or os.environ.get("PGHOST") or "localhost"
    hosts, ports = known.split(","), (parameters.get("port") or os.environ.get("PGPORT") or "5432").split(",")
    ports += ports[-1:] * len(hosts)
    return ",".join(_socket(host or "localhost", port or "5432") for host, port in zip(hosts, ports, strict=False))


def _socket(host: str, port: str) -> str:
    if host.startswith(("/", "@")):
        return host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
