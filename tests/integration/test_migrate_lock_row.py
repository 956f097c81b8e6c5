"""The lock as a row in a table, by the URL's x-lock-strategy=table, which a crash leaves behind."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from migrations import PAUSE, Migrate

from codeactions.migrate.database import lock

# The drivers pgx and pgx4 alone know of it.
OPTIONS = {"scheme": "pgx4", "options": "x-lock-strategy=table"}


def rows(migrate: Migrate) -> list[tuple[int]]:
    return migrate.query("SELECT lock_id FROM schema_lock")


def test_taken_and_given_back(migrate: Migrate) -> None:
    migrate.write(_1=PAUSE)
    with migrate.paused(lambda: migrate("up", **OPTIONS)) as (result, _):
        assert rows(migrate) == [(lock.number("/shared"),)]
        assert migrate.locks() == []
    assert result.result() == (0, "1/u step (T)\n", "")
    assert rows(migrate) == []


def test_refused_with_the_way_out_which_helps(migrate: Migrate) -> None:
    migrate.write(_1="SELECT 1;")
    migrate("force", "0", **OPTIONS)
    migrate.query("INSERT INTO schema_lock VALUES (%s)", lock.number("/shared"))
    ran = migrate("-lock-timeout", "0", "force", "-1", **OPTIONS)
    assert ran.code == 1
    assert ran.err.startswith("error: failed to open database: can't acquire lock\nIf no migration is running, ")
    migrate.query(ran.err.split("`")[1])
    assert migrate("-lock-timeout", "0", "force", "-1", **OPTIONS).code == 0


def test_rows_of_other_databases_do_not_count(migrate: Migrate) -> None:
    migrate("force", "1", **OPTIONS)
    migrate.query("INSERT INTO schema_lock VALUES (1)")
    assert migrate("-lock-timeout", "0", "force", "1", **OPTIONS).code == 0
    assert rows(migrate) == [(1,)]


@pytest.mark.parametrize(
    "text", ["SELECT 1/0;", "VACUUM nowhere;", "BEGIN; SELECT 1/0;", "DROP TABLE schema_migrations;"]
)
def test_given_back_after_a_failure(migrate: Migrate, text: str) -> None:
    migrate.write(_1=text)
    assert migrate("up", **OPTIONS).code == 1
    assert rows(migrate) == []


def test_given_back_if_the_version_may_not_be_written(migrate: Migrate) -> None:
    migrate("force", "1", **OPTIONS)
    migrate.query("CREATE ROLE test_reader LOGIN; GRANT SELECT ON schema_migrations TO test_reader")
    migrate.query("GRANT ALL ON schema_lock TO test_reader")
    url = migrate.address(OPTIONS["options"], "pgx4").replace("postgres@", "test_reader@")
    assert migrate("force", "2", url=url).code == 1
    assert rows(migrate) == []


def test_with_another_name(migrate: Migrate) -> None:
    options = {"scheme": "pgx", "options": "x-lock-strategy=table&x-lock-table=My%20Lock"}
    migrate.write(_1="SELECT 1;")
    assert migrate("up", **options).code == 0
    assert migrate.query('SELECT count(*) FROM "My Lock"') == [(0,)]


@pytest.mark.parametrize("scheme", ["postgres", "pgx5"])
def test_other_drivers_do_not_know_it(migrate: Migrate, scheme: str) -> None:
    migrate.write(_1="SELECT 1;")
    assert migrate("up", scheme=scheme, options="x-lock-strategy=table").code == 0
    assert "schema_lock" not in migrate.relations()


def test_several_at_once(migrate: Migrate) -> None:
    migrate.write(_1="CREATE TABLE a (i int);", _2="CREATE TABLE b (i int);")
    url = migrate.address(OPTIONS["options"], "pgx4")
    with ThreadPoolExecutor(3) as pool:
        results = [pool.submit(migrate.upgrade, url, lock_timeout=30) for _ in range(3)]
        assert [result.result(60) for result in results] == [2, 2, 2]
    assert migrate.history("version") == [(1,), (2,)]
    assert rows(migrate) == []


def test_its_table_may_be_made_by_many_at_once(migrate: Migrate) -> None:
    url = migrate.address(OPTIONS["options"], "pgx4")
    for version in range(1, 5):
        migrate.write(**{f"_{version}": "SELECT 1;"})
        with ThreadPoolExecutor(8) as pool:
            results = [pool.submit(migrate.upgrade, url, lock_timeout=30) for _ in range(8)]
            assert [result.result(60) for result in results] == [version] * 8
        assert rows(migrate) == []
        migrate.query("DROP TABLE schema_lock")
