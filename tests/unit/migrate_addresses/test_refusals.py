"""The URLs of databases, in golang-migrate's words where it refuses one, and without passwords."""

import pytest
from unit.migrate_addresses.addresses import OPENED, refused

from codeactions.migrate.database import address
from codeactions.migrate.errors import MigrationError


class TestStrict:
    """With `sslmode`, as the command reads a URL."""

    def test_the_default_counts_for_lib_pq_only_where_nothing_else_is_said(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def mode(url: str) -> str | None:
            return address.parse(url, sslmode="require").parameters.get("sslmode")

        assert mode("postgres://h/d") == mode("postgres://h/d?sslmode=") == "require"
        assert mode("postgresql://h/d?sslmode=verify-ca") == "verify-ca"
        assert mode("pgx5://h/d") is mode("pgx://h/d") is None
        assert mode("pgx5://h/d?sslmode=prefer") == "prefer"
        monkeypatch.setenv("PGSSLMODE", "")
        assert mode("postgres://h/d") == "require"
        monkeypatch.setenv("PGSSLMODE", "disable")
        assert mode("postgres://h/d") is None
        monkeypatch.setenv("PGSSLMODE", "prefer")
        assert refused("postgres://h/d", sslmode="require").go_text.startswith(
            f'{OPENED}pq: unsupported sslmode "prefer"'
        )

    def test_lib_pqs_modes_only(self) -> None:
        found = refused("postgres://postgres@127.0.0.1:55432/t?sslmode=prefer", sslmode="require")
        assert found.go_text == (
            'failed to open database: pq: unsupported sslmode "prefer"; only "require" (default), "verify-full", '
            '"verify-ca", and "disable" supported'
        )
        assert address.parse("postgres://h/t?sslmode=prefer").parameters["sslmode"] == "prefer"
        assert address.parse("postgres:///t?sslmode=prefer&host=/run/pg", sslmode="require").place == "/run/pg"

    def test_lib_pq_connects_to_localhost(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def host(url: str) -> str | None:
            return address.parse(url, sslmode="require").parameters.get("host")

        assert host("postgres:///t") == host("postgres://") == host("postgres://:1/t") == "localhost"
        assert host("postgres:///t?hostaddr=127.0.0.1") is host("postgres:///?service=x") is host("pgx5:///t") is None
        monkeypatch.setenv("PGHOST", "/run/pg")
        assert host("postgres:///t") is None


class TestOptions:
    def test_the_table(self) -> None:
        assert address.parse("postgres://h/d?x-migrations-table=a.b").table == "a.b"
        quoted = "postgres://h/d?x-migrations-table-quoted=true&x-migrations-table="
        found = [address.parse(quoted + name) for name in ("%22t%22", "%22s%22.%22t%22", '"s""t"', '"a.b"')]
        assert [(one.schema, one.table) for one in found] == [
            (None, "t"),
            ("s", "t"),
            ("s", "t"),
            (None, "a.b"),
        ]
        # golang-migrate dies of this.
        for url in (quoted, quoted.removesuffix("&x-migrations-table=")):
            with pytest.raises(MigrationError, match="x-migrations-table must be quoted"):
                address.parse(url)

    @pytest.mark.parametrize(
        ("query", "tool"),
        [
            (
                "x-migrations-table-quoted=1&x-migrations-table=s.t",
                """x-migrations-table must be quoted (for instance '"migrate"."schema_migrations"') when """
                "x-migrations-table-quoted is enabled, current value is: s.t",
            ),
            (
                'x-migrations-table-quoted=1&x-migrations-table="a"."b"."c"',
                '""a"."b"."c"" MigrationsTable contains too many dot characters',
            ),
            (
                "x-migrations-table-quoted=yes",
                'unable to parse option x-migrations-table-quoted: strconv.ParseBool: parsing "yes": invalid syntax',
            ),
            (
                "x-multi-statement=maybe",
                'unable to parse option x-multi-statement: strconv.ParseBool: parsing "maybe": invalid syntax',
            ),
            ("x-statement-timeout=5s", 'strconv.Atoi: parsing "5s": invalid syntax'),
            ("x-statement-timeout=1_0", 'strconv.Atoi: parsing "1_0": invalid syntax'),
            (f"x-statement-timeout={2**63}", f'strconv.Atoi: parsing "{2**63}": value out of range'),
            ("x-statement-timeout=" + 5000 * "9", f'strconv.Atoi: parsing "{5000 * "9"}": value out of range'),
            ("x-multi-statement-max-size=1MB", 'strconv.Atoi: parsing "1MB": invalid syntax'),
            ("x-lock-strategy=none", 'unknown lock strategy "none"'),
        ],
    )
    def test_bad_ones(self, query: str, tool: str) -> None:
        assert refused(f"pgx4://h/d?{query}").go_text == OPENED + tool

    def test_the_message_is_one_line(self) -> None:
        refused("postgres://h/d?x-migrations-table-quoted=1&x-migrations-table=a%0Ab")

    @pytest.mark.parametrize("name", ['"', '""', '""."t"', '"s".""'])
    def test_a_quoted_name_must_be_one(self, name: str) -> None:
        url = f"postgres://h/d?x-migrations-table-quoted=1&x-migrations-table={name}"
        assert "x-migrations-table must be quoted" in refused(url).go_text

    def test_time_out(self) -> None:
        texts = ("", "0", "%2B7", "-5", str(2**62))
        found = [address.parse(f"postgres://h/d?x-statement-timeout={text}") for text in texts]
        assert [one.statement_timeout_ms for one in found] == [0, 0, 7, -5, 2**31 - 1]

    def test_pieces(self) -> None:
        assert address.parse("postgres://h/d").multi_statement is False
        assert address.parse("postgres://h/d?x-multi-statement=T").multi_statement is True
        assert address.parse("postgres://h/d?x-multi-statement=").multi_statement is False
        texts = ("", "0", "-1", "1000", "4097")
        found = [address.parse(f"postgres://h/d?x-multi-statement-max-size={text}") for text in texts]
        assert [one.multi_statement_max_size for one in found] == [10485760, 10485760, 10485760, 4096, 4097]

    def test_the_lock_is_pgx4s_choice(self) -> None:
        query = "h/d?x-lock-strategy=table&x-lock-table=l"
        found = [address.parse(f"{scheme}://{query}") for scheme in ("pgx", "pgx4", "pgx5", "postgres")]
        table, advisory = ("table", "l"), ("advisory", "schema_lock")
        assert [(one.lock_strategy, one.lock_table) for one in found] == [table, table, advisory, advisory]
        assert address.parse("pgx://h/d").lock_strategy == "advisory"
        assert address.parse("pgx5://h/d?x-lock-strategy=none").lock_strategy == "advisory"
        assert address.parse("pgx://h/d?x-lock-strategy=table").lock_table == "schema_lock"


class TestRefusals:
    @pytest.mark.parametrize(
        ("url", "tool"),
        [
            ("", "failed to parse scheme from database URL: URL cannot be empty"),
            ("localhost", "failed to parse scheme from database URL: no scheme"),
            ("://h/d", "failed to parse scheme from database URL: no scheme"),
            ("oracle://x/y", OPENED + "database driver: unknown driver oracle (forgotten import?)"),
            ("Postgres://x/y", OPENED + "database driver: unknown driver Postgres (forgotten import?)"),
            ("password=s3cret x:y", OPENED + "database driver: unknown driver *** (forgotten import?)"),
            ("postgres:x", OPENED + "must have the form postgres://user:password@host:port/database"),
            ("postgres:/x://", OPENED + "must have the form postgres://user:password@host:port/database"),
        ],
    )
    def test_no_url_of_a_database(self, url: str, tool: str) -> None:
        assert refused(url).go_text == tool

    @pytest.mark.parametrize(
        ("url", "shown", "reason"),
        [
            # In the user part, and where the user part may go on: not a piece of it.
            ("u:se%cret@127.0.0.1:55432/t", "u:***@127.0.0.1:55432/t", "invalid URL escape"),
            ("u%:s@h/t", "u%:***@h/t", "invalid URL escape"),
            ("u:se/cret@127.0.0.1:55432/t", "u:***@127.0.0.1:55432/t", "invalid port after host"),
            ("u:se?cret@h/t", "u:***@h/t", "invalid port after host"),
            ("u:se#cret@h/t", "u:***@h/t", "invalid port after host"),
            ("u:po/x@h:po/t", "u:***@h:po/t", "invalid port after host"),
            ("u:secret", "u:***", "invalid port after host"),
            ("u:secret?user=a@b", "u:***@b", "invalid port after host"),
            ("h:port/d?user=x", "h:***", "invalid port after host"),
            # In the host and behind it.
            ("u:p@127.0.0.1:port/t", "u:***@127.0.0.1:port/t", 'invalid port ":port" after host'),
            ("u:p@a:b,c:1/t", "u:***@a:b,c:1/t", 'invalid port ":b" after host'),
            ("u:p@::1:5/t", "u:***@::1:5/t", "too many colons in address"),
            ("u:p@[::1/t", "u:***@[::1/t", "missing ']' in host"),
            ("u:p@a b/t", "u:***@a b/t", 'invalid character " " in host name'),
            ("u:p@h%zz/t", "u:***@h%zz/t", 'invalid URL escape "%zz"'),
            ("u:p@h/t%2", "u:***@h/t%2", 'invalid URL escape "%2"'),
            ("u:p@h/t%00", "u:***@h/t%00", "an escape stands for no character"),
            ("u:p%FF@h/t", "u:***@h/t", "an escape stands for no character"),
            ("u:p@h/t?user=%zz", "u:***@h/t?user=%zz", "invalid URL escape"),
            ("u:p\t@h/t\n", "u:***@h/t\\n", "net/url: invalid control character in URL"),
            ("u:p\udc80@h/t", "u:***@h/t", "not UTF-8"),
        ],
    )
    def test_a_malformed_one(self, url: str, shown: str, reason: str) -> None:
        assert refused(f"postgres://{url}").go_text == f'{OPENED}parse "postgres://{shown}": {reason}'

    @pytest.mark.parametrize(
        "url",
        [
            "u:12/x@h/d",
            "u:12?x@h/d",
            "u:12#x@h/d",
            "u:12?a=x@h/d",
            "us/er:x@h/d",
            "u:x@y/x@h/d",
            "u:x@y?z=x@h/d",
            "u:12?user=3&x@h/d",
        ],
    )
    def test_one_that_go_takes_and_misunderstands(self, url: str) -> None:
        found = refused(f"postgres://{url}")
        assert "must be percent-encoded" in found.go_text
        assert "x" not in found.go_text.replace("x-", "")
        assert "x" not in found.message

    @pytest.mark.parametrize("query", ["s3 cret=1", "=x", "s3%0Acret=1", "-c x=1"])
    def test_a_query_that_is_none(self, query: str) -> None:
        found = refused(f"postgres://h/d?{query}")
        assert "key=value pairs joined by &" in found.go_text
        assert "cret" not in found.go_text + found.message
