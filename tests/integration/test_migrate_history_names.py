"""Names of the table beside the version table, where that one's name is long or odd."""

from urllib.parse import quote

from migrations import Migrate


class TestNames:
    def test_the_longest_name_of_a_version_table(self, migrate: Migrate) -> None:
        name, history = "v" * 63, "v" * 55 + "_history"
        migrate.write(_1="SELECT 1;")
        assert migrate("up", options=f"x-migrations-table={name}") == (0, "1/u step (T)\n", "")
        assert {name, history} <= migrate.relations()
        assert migrate.query(f"SELECT version FROM {history}") == [(1,)]
        assert migrate("up", options=f"x-migrations-table={name}") == (0, "no change\n", "")

    def test_a_long_name_is_not_cut_within_a_character(self, migrate: Migrate) -> None:
        # 60 bytes; the 55th is the first half of an umlaut.
        name = "v" * 54 + "äää"
        migrate.write(_1="SELECT 1;")
        assert migrate("up", options=f"x-migrations-table={quote(name)}").code == 0
        assert {name, "v" * 54 + "_history"} <= migrate.relations()

    def test_an_odd_name(self, migrate: Migrate) -> None:
        name = """a."b'%$1;--"""
        migrate.write(_1="SELECT 1;")
        options = f"x-migrations-table={quote(name)}"
        assert migrate("up", options=options) == (0, "1/u step (T)\n", "")
        assert {name, name + "_history"} <= migrate.relations()
        assert migrate("version", options=options).err == "1\n"

    def test_in_another_schema(self, migrate: Migrate) -> None:
        migrate.query('CREATE SCHEMA "ops team"')
        options = "x-migrations-table-quoted=true&x-migrations-table=" + quote('"ops team"."mig"')
        migrate.write(_1="CREATE TABLE a (i int);", _1_down="DROP TABLE a;")
        assert migrate("up", options=options) == (0, "1/u step (T)\n", "")
        assert migrate.query('SELECT version, dirty FROM "ops team".mig') == [(1, False)]
        assert migrate.query('SELECT version, recorded FROM "ops team".mig_history') == [(1, 1)]
        assert migrate.relations() == {"a"}
        assert migrate("status", "-check", options=options).code == 0
        assert migrate("down", "1", options=options) == (0, "1/d step (T)\n", "")

    def test_in_a_schema_that_is_not_there(self, migrate: Migrate) -> None:
        # It is not made, as in Go.
        options = "x-migrations-table-quoted=true&x-migrations-table=" + quote('"nowhere"."mig"')
        ran = migrate("up", options=options)
        assert ran.code == 1
        assert 'schema "nowhere" does not exist' in ran.err

    def test_two_version_tables_have_a_history_each(self, migrate: Migrate) -> None:
        migrate.write(_1="SELECT 1;", _2="SELECT 2;")
        migrate("up", "1")
        assert migrate("up", options="x-migrations-table=other").err == "1/u step (T)\n2/u step (T)\n"
        assert migrate.history("version") == [(1,)]
        assert migrate.query("SELECT version FROM other_history ORDER BY id") == [(1,), (2,)]
