"""A project's authorizations and the rows of user_permissions agree, whoever writes which of them, by SQL alone."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from migrations import Connection

from codeactions.domain.project import MOST_AUTHORIZATIONS
from codeactions.node.migrations import upgrade

CHANNEL = "codeactions_permissions"


@pytest.fixture
def db(url: str, database: Connection) -> Connection:
    upgrade(url)
    return database


@pytest.fixture
def heard(db: Connection, url: str) -> Iterator[Callable[[], list[str]]]:
    """Addresses that were notified since the last call, each once."""
    with psycopg.connect(url, autocommit=True) as listening:
        listening.execute(f"LISTEN {CHANNEL}")

        def told() -> list[str]:
            db.execute(f"NOTIFY {CHANNEL}, 'end'")
            found: set[str] = set()
            for notification in listening.notifies(timeout=10):
                assert notification.channel == CHANNEL
                if notification.payload == "end":
                    return sorted(found)
                found.add(notification.payload)
            raise AssertionError("no notification arrives")

        yield told


def put(db: Connection, project: str, **roles: int) -> None:
    for name, role in roles.items():
        db.execute(
            "INSERT INTO user_permissions (project_uuid, email, role) VALUES (%s, %s, %s)", (project, name, role)
        )


def listed(*pairs: tuple[str, object]) -> str:
    return json.dumps([{"email": email, "role": role} for email, role in pairs])


def make(db: Connection, project: str, *pairs: tuple[str, object]) -> None:
    db.execute("INSERT INTO projects (uuid, name, authorizations) VALUES (%s, 'x', %s)", (project, listed(*pairs)))


def write(db: Connection, project: str, *pairs: tuple[str, object]) -> None:
    db.execute("UPDATE projects SET authorizations = %s WHERE uuid = %s", (listed(*pairs), project))


def rows(db: Connection, project: str) -> dict[str, int]:
    found = db.execute("SELECT email, role FROM user_permissions WHERE project_uuid = %s", (project,)).fetchall()
    assert len(found) == len(dict(found))
    return dict(found)


def both(db: Connection, project: str = "p") -> dict[str, int]:
    """Who is in a project, which both say, the authorizations in the order of the addresses' characters."""
    (authorizations,) = db.execute("SELECT authorizations FROM projects WHERE uuid = %s", (project,)).fetchone() or ()
    assert authorizations == [{"email": email, "role": role} for email, role in sorted(rows(db, project).items())]
    return rows(db, project)


def since(db: Connection, project: str = "p") -> Any:
    return (db.execute("SELECT updated_at FROM projects WHERE uuid = %s", (project,)).fetchone() or ())[0]


def test_authorizations_follow_every_change_of_rows(db: Connection) -> None:
    make(db, "p")
    put(db, "p", b=1, a=2)
    put(db, "other", z=3)
    assert both(db) == {"a": 2, "b": 1}
    db.execute("UPDATE user_permissions SET role = 3 WHERE email = 'b'")
    assert both(db) == {"a": 2, "b": 3}
    db.execute("UPDATE user_permissions SET email = 'c' WHERE email = 'a'")
    assert both(db) == {"b": 3, "c": 2}
    db.execute("DELETE FROM user_permissions WHERE email = 'b'")
    assert both(db) == {"c": 2}
    before = since(db)
    db.execute("UPDATE user_permissions SET updated_at = now() WHERE project_uuid = 'p'")
    assert since(db) == before
    db.execute("DELETE FROM user_permissions")
    assert both(db) == {}
    assert since(db) > before


def test_one_statement_may_change_many_rows_of_many_projects(db: Connection) -> None:
    for project in ("p", "q"):
        make(db, project, ("z", 1))
    db.execute(
        "INSERT INTO user_permissions (project_uuid, email, role)"
        " SELECT p, 'u' || n, 1 + n %% 3 FROM unnest(ARRAY['p', 'q']) AS p, generate_series(1, 50) AS n",
        (),
    )
    assert both(db, "p") == both(db, "q") == {"z": 1} | {f"u{n}": 1 + n % 3 for n in range(1, 51)}
    db.execute("DELETE FROM user_permissions WHERE role <> 2")
    assert set(both(db, "p").values()) == set(both(db, "q").values()) == {2}


def test_rows_follow_every_change_of_authorizations(db: Connection) -> None:
    make(db, "p", ("a", 1), ("b", 2))
    assert both(db) == {"a": 1, "b": 2}
    kept = db.execute("SELECT id, created_at FROM user_permissions WHERE email = 'a'").fetchone()
    write(db, "p", ("c", 3), ("a", 1))
    assert both(db) == {"a": 1, "c": 3}
    write(db, "p", ("a", 2))
    assert both(db) == {"a": 2}
    assert db.execute("SELECT id, created_at FROM user_permissions WHERE email = 'a'").fetchone() == kept
    db.execute("UPDATE projects SET authorizations = authorizations || %s::jsonb", (listed(("d", 3)),))
    assert both(db) == {"a": 2, "d": 3}
    db.execute("UPDATE projects SET name = 'another'")
    assert both(db) == {"a": 2, "d": 3}
    write(db, "p")
    assert both(db) == {}


def test_the_order_is_that_of_the_characters_and_duplicates_get_the_lower_role(db: Connection) -> None:
    mixed = [("b", 1), ("ä", 1), ("a", 3), ("Z", 2), ("a", 1), ("a", 2), ("_", 3)]
    make(db, "p", *mixed)
    assert both(db) == {"Z": 2, "_": 3, "a": 1, "b": 1, "ä": 1}
    write(db, "p", ("b", 2), *mixed)
    assert both(db) == {"Z": 2, "_": 3, "a": 1, "b": 1, "ä": 1}


def test_further_fields_of_an_authorization_are_dropped(db: Connection) -> None:
    make(db, "p")
    db.execute("""UPDATE projects SET authorizations = '[{"email": "a", "role": 1, "since": "then"}]'""")
    assert both(db) == {"a": 1}


def test_a_role_that_is_written_with_a_fraction_is_the_role(db: Connection) -> None:
    """The table has always taken it, and JSON knows but one kind of number."""
    db.execute(
        """INSERT INTO projects (uuid, name, authorizations) VALUES ('p', 'x', '[{"email": "a", "role": 2.0}]')"""
    )
    assert both(db) == {"a": 2}


def test_a_project_that_comes_after_its_rows_keeps_them_unless_it_names_the_user(db: Connection) -> None:
    put(db, "p", a=1, b=2)
    make(db, "p", ("b", 3), ("c", 1))
    assert both(db) == {"a": 1, "b": 3, "c": 1}


def test_a_row_that_moves_leaves_the_one_project_and_comes_to_the_other(db: Connection) -> None:
    make(db, "p", ("a", 1), ("b", 2))
    make(db, "q", ("c", 3))
    db.execute("UPDATE user_permissions SET project_uuid = 'q' WHERE email = 'a'")
    assert (both(db, "p"), both(db, "q")) == ({"b": 2}, {"a": 1, "c": 3})
    db.execute("UPDATE user_permissions SET project_uuid = 'nowhere' WHERE email = 'c'")
    assert (both(db, "q"), rows(db, "nowhere")) == ({"a": 1}, {"c": 3})


def test_one_statement_may_make_some_rows_and_change_others(db: Connection) -> None:
    make(db, "p", ("a", 1))
    make(db, "q", ("b", 1))
    db.execute(
        "INSERT INTO user_permissions (project_uuid, email, role)"
        " SELECT p, e, 3 FROM unnest(ARRAY['p', 'q']) AS p, unnest(ARRAY['a', 'b']) AS e"
        " ON CONFLICT (project_uuid, email) DO UPDATE SET role = 2"
    )
    assert (both(db, "p"), both(db, "q")) == ({"a": 2, "b": 3}, {"a": 3, "b": 2})
    db.execute("UPDATE user_permissions SET project_uuid = 'r', email = project_uuid || email")
    assert (both(db, "p"), both(db, "q"), rows(db, "r")) == ({}, {}, {"pa": 2, "pb": 3, "qa": 3, "qb": 2})


def test_a_project_under_another_uuid_takes_its_rows_along(db: Connection) -> None:
    make(db, "p", ("a@x", 1), ("b@x", 2))
    put(db, "q", **{"c@x": 3})
    db.execute("UPDATE projects SET uuid = 'q' WHERE uuid = 'p'")
    assert rows(db, "p") == {}
    assert both(db, "q") == {"a@x": 1, "b@x": 2}


def test_a_deleted_project_takes_its_rows_along_and_no_others(db: Connection) -> None:
    make(db, "p", ("a", 1))
    make(db, "q", ("a", 2))
    db.execute("DELETE FROM projects WHERE uuid = 'p'")
    assert (rows(db, "p"), both(db, "q")) == ({}, {"a": 2})
    make(db, "p")
    assert both(db) == {}


def test_what_is_undone_or_refused_changes_neither(db: Connection) -> None:
    make(db, "p", ("a", 1))
    with pytest.raises(psycopg.errors.CheckViolation):
        write(db, "p", ("b", 1), ("c", 9))
    with pytest.raises(psycopg.errors.CheckViolation):
        put(db, "p", b=1, c=9)
    assert both(db) == {"a": 1, "b": 1}
    with db.transaction():
        put(db, "p", d=1)
        write(db, "p", ("e", 2))
        assert both(db) == {"e": 2}
        raise psycopg.Rollback
    assert both(db) == {"a": 1, "b": 1}


def test_each_address_that_a_change_touches_is_notified_in_small_letters(
    db: Connection, heard: Callable[[], list[str]]
) -> None:
    make(db, "p", ("a", 1), ("Bo@X", 2))
    assert heard() == ["a", "bo@x"]
    put(db, "nowhere", C=1)
    assert heard() == ["c"]
    write(db, "p", ("Bo@X", 2), ("d", 1))
    assert {"a", "d"} <= set(heard()) <= {"a", "d", "bo@x"}
    db.execute("UPDATE user_permissions SET email = 'e' WHERE email = 'd'")
    assert heard() == ["d", "e"]
    db.execute("UPDATE projects SET name = 'another'")
    assert heard() == []
    with db.transaction():
        put(db, "p", f=1)
        raise psycopg.Rollback
    assert heard() == []
    db.execute("DELETE FROM projects")
    assert heard() == ["bo@x", "e"]


def test_very_many_addresses_are_notified_as_everything(db: Connection, heard: Callable[[], list[str]]) -> None:
    make(db, "p", *((f"u{n:03}", 1) for n in range(100)))
    assert heard() == [f"u{n:03}" for n in range(100)]
    make(db, "q", *((f"u{n:03}", 1) for n in range(101)))
    assert heard() == ["*"]
    db.execute("UPDATE user_permissions SET role = 2 WHERE project_uuid = 'q' AND email < 'u002'")
    assert heard() == ["u000", "u001"]
    db.execute("DELETE FROM projects WHERE uuid = 'q'")
    assert heard() == ["*"]


def test_rows_that_are_emptied_at_a_stroke_leave_the_authorizations(db: Connection) -> None:
    """TRUNCATE fires none of the triggers; the next one who writes the authorizations brings the rows back."""
    make(db, "p", ("a", 1))
    db.execute("TRUNCATE user_permissions")
    assert db.execute("SELECT authorizations FROM projects").fetchone() == ([{"email": "a", "role": 1}],)
    db.execute("UPDATE projects SET authorizations = authorizations")
    assert both(db) == {"a": 1}


# ---- a project with as many as may be


def crowd(most: int, letter: str, role: int = 1) -> dict[str, int]:
    return {f"{letter}{n:05}@x": role for n in range(most)}


def work(db: Connection) -> Mapping[str, int]:
    """How often rows of projects were updated and functions called, since the session's beginning."""
    updates = "SELECT n_tup_upd FROM pg_stat_xact_user_tables WHERE relname = 'projects'"
    calls = "SELECT funcname, calls FROM pg_stat_xact_user_functions"
    return {"updates": (db.execute(updates).fetchone() or (0,))[0], **dict(db.execute(calls).fetchall())}


def story(db: Connection, most: int) -> list[dict[str, int]]:
    """Everything that can happen to a project with so many; what each statement made the database do."""
    name, done = f"p{most}", list[dict[str, int]]()

    def then(expected: dict[str, int], statement: str, *values: object) -> None:
        with db.transaction():  # what is counted is told to others, and forgotten here, only between transactions
            before = work(db)
            db.execute(statement, values)
            done.append({what: count - before.get(what, 0) for what, count in work(db).items()})
        assert both(db, name) == expected

    first, others = crowd(most, "a"), crowd(most, "b", 2)
    replace = "UPDATE projects SET authorizations = %s WHERE uuid = %s"
    then(first, "INSERT INTO projects (uuid, name, authorizations) VALUES (%s, 'x', %s)", name, listed(*first.items()))
    more = first | {"a00000@x": 3}
    then(more, replace, listed(*more.items()), name)
    more["new@x"] = 2
    then(more, "INSERT INTO user_permissions (project_uuid, email, role) VALUES (%s, 'new@x', 2)", name)
    then(others, replace, listed(*others.items()), name)
    others = dict.fromkeys(others, 3)
    then(others, "UPDATE user_permissions SET role = 3 WHERE project_uuid = %s", name)
    then(others, replace, listed(*reversed(others.items()), *others.items()), name)
    then({}, "DELETE FROM user_permissions WHERE project_uuid = %s", name)
    then(
        first,
        "INSERT INTO user_permissions (project_uuid, email, role)"
        " SELECT %s, 'a' || lpad(n::text, 5, '0') || '@x', 1 FROM generate_series(0, %s - 1) AS n",
        *(name, most),
    )
    return done


def test_how_much_is_done_does_not_grow_with_who_is_in_a_project(db: Connection) -> None:
    db.execute("SET track_functions = 'all'")
    few, many = story(db, 200), story(db, MOST_AUTHORIZATIONS)
    assert many == few
    assert max(step["updates"] for step in many) == 2, "what was written, and once to put it in order"
    assert 0 < max(step["project_authorizations"] for step in many) < 10


# ---- among triggers of others


def trigger(db: Connection, when: str, body: str) -> None:
    db.execute(f"""
        CREATE FUNCTION theirs() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body}; RETURN NEW; END $$;
        CREATE TRIGGER theirs {when} FOR EACH ROW EXECUTE FUNCTION theirs();
    """)


def test_what_a_trigger_of_another_table_writes_is_followed(db: Connection) -> None:
    make(db, "p", ("a", 1))
    db.execute("CREATE TABLE orders (authorizations JSONB)")
    trigger(db, "AFTER INSERT ON orders", "UPDATE projects SET authorizations = NEW.authorizations")
    db.execute("INSERT INTO orders VALUES (%s)", (listed(("b", 2), ("a", 3)),))
    assert both(db) == {"a": 3, "b": 2}


def test_somebody_whom_a_trigger_always_adds_is_in_both(db: Connection) -> None:
    body = f"""IF NOT NEW.authorizations @> '{listed(("boss", 3))}' THEN
        NEW.authorizations := '{listed(("boss", 3))}' || NEW.authorizations; END IF"""
    trigger(db, "BEFORE INSERT OR UPDATE ON projects", body)
    make(db, "p", ("a", 1))
    assert both(db) == {"a": 1, "boss": 3}
    db.execute("DELETE FROM user_permissions")
    assert both(db) == {"boss": 3}
    put(db, "p", c=2)
    assert both(db) == {"boss": 3, "c": 2}


def test_authorizations_that_a_trigger_changes_along_with_something_else_are_followed(db: Connection) -> None:
    make(db, "p", ("a", 1))
    trigger(db, "BEFORE UPDATE ON projects", f"NEW.authorizations := '{listed(('b', 2))}'")
    db.execute("UPDATE projects SET name = 'another'")
    assert both(db) == {"b": 2}
    put(db, "p", c=1)
    assert both(db) == {"b": 2}


def test_addresses_that_a_trigger_writes_in_small_letters_are_so_in_both(db: Connection) -> None:
    trigger(db, "BEFORE INSERT OR UPDATE ON user_permissions", "NEW.email := lower(NEW.email)")
    make(db, "p", ("Ana", 1))
    assert both(db) == {"ana": 1}
    write(db, "p", ("ANA", 2), ("Ben", 1))
    assert both(db) == {"ana": 2, "ben": 1}


def test_an_order_that_a_trigger_insists_on_does_not_go_on_for_ever(db: Connection) -> None:
    order = (
        "SELECT jsonb_agg(item ORDER BY item ->> 'email' DESC) FROM jsonb_array_elements(NEW.authorizations) AS item"
    )
    trigger(db, "BEFORE INSERT OR UPDATE ON projects", f"NEW.authorizations := coalesce(({order}), '[]')")
    make(db, "p", ("b", 3), ("c", 2))
    put(db, "p", d=1)
    assert rows(db, "p") == {"b": 3, "c": 2, "d": 1}
    (told,) = db.execute("SELECT authorizations FROM projects").fetchone() or ()
    assert [(one["email"], one["role"]) for one in told] == [("d", 1), ("c", 2), ("b", 3)]


def test_writers_of_both_who_come_at_once_agree_and_lose_nothing(db: Connection, url: str) -> None:
    """Half of them add rows, half add authorizations, each its own user; some take theirs away again."""
    make(db, "p", ("first", 3))
    start, turns = threading.Barrier(8), range(6)
    statements = (
        (
            "UPDATE projects SET authorizations = authorizations || %s::jsonb WHERE uuid = 'p'",
            lambda name: listed((name, 1)),
        ),
        ("INSERT INTO user_permissions (project_uuid, email, role) VALUES ('p', %s, 1)", str),
        ("DELETE FROM user_permissions WHERE project_uuid = 'p' AND email = %s", str),
    )

    def work(number: int) -> int:
        again = 0
        with psycopg.connect(url, autocommit=True) as connection:
            start.wait(30)
            for turn in turns:
                for statement, value in (statements[number % 2], *([statements[2]] if turn % 3 == 0 else [])):
                    while True:
                        try:
                            connection.execute(statement, (value(f"u{number}-{turn}"),))  # type: ignore[arg-type]
                            break
                        except psycopg.errors.DeadlockDetected:  # as PostgreSQL asks for; nothing was written
                            again += 1
                            assert again < 1000, "deadlocks without end"
        return again

    with ThreadPoolExecutor(8) as pool:
        again = sum(pool.map(work, range(8)))
    assert both(db) == {"first": 3} | {f"u{n}-{turn}": 1 for n in range(8) for turn in turns if turn % 3}
    assert again == 0
