"""The URLs of databases: the connection and the settings that they name."""

import sys
from subprocess import run

import pytest
from psycopg import pq
from unit.migrate_addresses.addresses import LIB_PQ, refused

from codeactions.migrate.database import address
from codeactions.migrate.go_compat.drivers import Driver
from codeactions.migrate.go_compat.url_options import KEYWORDS, SECRETS


def test_importing_it_loads_nothing_big() -> None:
    code = "import sys, codeactions.migrate.database.address; print(*sys.modules)"
    loaded = run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"psycopg", "asyncio", "logging", "hashlib"} & set(loaded)


class TestConnection:
    def test_the_parts(self) -> None:
        found = address.parse("pgx5://u%40x:p%2F+w@h:5433/my%20db?sslmode=disable&search_path=a%20b,c+d&x-foo=1")
        assert found.parameters == {
            "host": "h",
            "port": "5433",
            "user": "u@x",
            "password": "p/+w",
            "dbname": "my db",
            "sslmode": "disable",
        }
        assert found.settings == {"search_path": "a b,c d"}
        assert (found.path, found.place, found.schema, found.table) == ("/my db", "h:5433", None, "schema_migrations")
        assert "p/" not in repr(found)

    @pytest.mark.parametrize(
        ("scheme", "driver"),
        [
            ("postgres", Driver.POSTGRES),
            ("postgresql", Driver.POSTGRES),
            ("pgx", Driver.PGX4),
            ("pgx4", Driver.PGX4),
            ("pgx5", Driver.PGX5),
        ],
    )
    def test_schemes(self, scheme: str, driver: Driver) -> None:
        found = address.parse(f"{scheme}://h/d")
        assert found.driver is driver
        assert found.settings == (LIB_PQ if driver is Driver.POSTGRES else {})

    def test_everything_may_be_missing(self) -> None:
        for url in ("postgres://", "postgres:///", "postgres://?", "postgres://:@/#x"):
            found = address.parse(url)
            assert (found.parameters, found.settings, found.place) == ({}, LIB_PQ, "localhost:5432")
        assert [address.parse(f"postgres://h{path}").path for path in ("", "/", "?dbname=x", "/d")] == [
            "",
            "/",
            "",
            "/d",
        ]

    @pytest.mark.parametrize(
        ("hosts", "host", "port", "place"),
        [
            ("[::1]:1,b:2", "::1,b", "1,2", "[::1]:1,b:2"),
            ("[fe80::1%25eth0]", "fe80::1%eth0", None, "[fe80::1%eth0]:5432"),
            ("a,b:1", "a,b", ",1", "a:5432,b:1"),
            ("a:,b", "a,b", None, "a:5432,b:5432"),
            ("%2Frun%2Fpg:1", "/run/pg", "1", "/run/pg"),
        ],
    )
    def test_hosts(self, hosts: str, host: str, port: str | None, place: str) -> None:
        found = address.parse(f"pgx5://u@{hosts}/d")
        assert (found.parameters["host"], found.parameters.get("port"), found.place) == (host, port, place)

    def test_the_query_beats_what_stands_before_it_and_the_first_of_two_counts(self) -> None:
        url = "postgres://u:p@h:1/d?host=/run/pg&dbname=e&password=q&user=me@corp&connect_timeout=1&connect_timeout=2"
        found = address.parse(url)
        assert found.parameters == {
            "host": "/run/pg",
            "port": "1",
            "user": "me@corp",
            "password": "q",
            "dbname": "e",
            "connect_timeout": "1",
        }
        assert (found.path, found.place) == ("/d", "/run/pg")
        assert address.parse("pgx5://h/d?database=e").parameters["dbname"] == "e"
        assert address.parse("pgx5://h/d?database=e&dbname=f").parameters["dbname"] == "f"

    def test_the_place_may_come_from_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PGHOST", "there")
        monkeypatch.setenv("PGPORT", "7")
        assert address.parse("postgres://").place == "there:7"
        assert address.parse("postgres://h:8").place == "h:8"

    @pytest.mark.parametrize("password", ['^<>|{}[]\\"` é', "a+b", "a:b@c", "漢", "a'b", "a%20b%2525"])
    def test_passwords_that_go_refuses_for_their_characters_are_taken(self, password: str) -> None:
        found = address.parse(f"postgres://u:{password}@h/d").parameters
        assert found["password"] == password.replace("%20", " ").replace("%25", "%")
        assert found["host"] == "h"

    def test_libpqs_keywords_are_all_known(self) -> None:
        assert {entry.keyword.decode() for entry in pq.Conninfo.get_defaults()} == KEYWORDS
        assert SECRETS < KEYWORDS


class TestSettings:
    def test_what_libpq_does_not_know_is_the_servers(self) -> None:
        query = "?foo=bar&statement_timeout=5&datestyle=German&options=-c%20a%3Db&fallback_application_name=x&empty="
        found = address.parse(f"postgres://h/d{query}")
        assert found.settings == {
            "extra_float_digits": "2",
            "foo": "bar",
            "statement_timeout": "5",
            "datestyle": "German",
        }
        assert found.parameters["options"] == "-c a=b"
        assert found.parameters["fallback_application_name"] == "x"
        # An empty search_path is one; lib/pq leaves all empty values out.
        assert address.parse("pgx5://h/d?search_path=").settings == {"search_path": ""}
        assert address.parse("postgres://h/d?search_path=&user=").settings == LIB_PQ

    def test_what_only_gos_drivers_know_is_dropped(self) -> None:
        of_pq = "?binary_parameters=yes&disable_prepared_binary_result=yes"
        of_pgx = "?default_query_exec_mode=exec&statement_cache_capacity=1&pool_max_conns=3&prefer_simple_protocol=true"
        assert address.parse(f"postgres://h/d{of_pq}").settings == LIB_PQ
        assert address.parse(f"pgx://h/d{of_pgx}").settings == {}
        assert address.parse(f"pgx5://h/d{of_pgx}").settings == {}
        # Elsewhere they go to the server, which refuses them.
        assert "binary_parameters" in address.parse(f"pgx5://h/d{of_pq}").settings
        assert "pool_max_conns" in address.parse(f"postgres://h/d{of_pgx}").settings

    def test_a_certificate_in_the_url_is_refused(self) -> None:
        found = refused("postgres://h/d?sslinline=true&sslkey=SECRET")
        assert "sslinline is not supported" in found.go_text
        assert "SECRET" not in found.go_text + found.message
