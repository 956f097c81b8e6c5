"""A project's authorizations and the rows of user_permissions agree after every change of either, by SQL alone."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from integration.agreement.members import both, listed, make, put, rows, since, write
from migrations import Connection


@pytest.fixture
def unchecked(db: Connection) -> Connection:
    """The tables without checks, as another program made them."""
    db.execute("ALTER TABLE user_permissions DROP CONSTRAINT user_permissions_role_check")
    db.execute("ALTER TABLE projects DROP CONSTRAINT projects_authorizations_check")
    return db


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


def test_what_can_be_no_row_stays_in_the_authorizations_and_gives_no_right(unchecked: Connection) -> None:
    odd = [{"email": "c", "role": 9}, {"email": "d", "role": 0}, "text", {"role": 1}, 5, [{"email": "e", "role": 1}]]
    odd += [{"email": "f", "role": "3"}, {"email": "g" * 256, "role": 2}, {"email": 7, "role": 2}]

    def said() -> list[object]:
        (authorizations,) = unchecked.execute("SELECT authorizations FROM projects").fetchone() or ()
        return list(authorizations)

    def row(email: str, role: int) -> object:
        return {"email": email, "role": role}

    stored = json.dumps([odd[0], row("b", 2), None, *odd[1:], row("a", 1)])
    unchecked.execute("INSERT INTO projects (uuid, name, authorizations) VALUES ('p', 'x', %s)", (stored,))
    assert (rows(unchecked, "p"), said()) == ({"a": 1, "b": 2}, [row("a", 1), row("b", 2), *odd])
    put(unchecked, "p", c=3)  # a role that counts, in place of one that is none
    assert said() == [row("a", 1), row("b", 2), row("c", 3), *odd[1:]]
    unchecked.execute("DELETE FROM user_permissions WHERE email = 'c'")
    unchecked.execute("UPDATE user_permissions SET email = 'z' WHERE email = 'b'")
    assert said() == [row("a", 1), row("z", 2), *odd[1:]]
    unchecked.execute("UPDATE projects SET authorizations = authorizations || %s::jsonb", (listed(("x", 4)),))
    assert (rows(unchecked, "p"), said()) == ({"a": 1, "z": 2}, [row("a", 1), row("z", 2), *odd[1:], row("x", 4)])
    write(unchecked, "p", ("a", 2))
    assert both(unchecked) == {"a": 2}


def test_a_row_with_a_role_that_is_none_leaves_with_its_authorization(unchecked: Connection) -> None:
    make(unchecked, "p", ("a", 1))
    put(unchecked, "p", b=5)
    assert both(unchecked) == {"a": 1, "b": 5}
    unchecked.execute("DELETE FROM user_permissions WHERE email = 'b'")
    assert both(unchecked) == {"a": 1}


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


def test_rows_that_are_emptied_at_a_stroke_leave_the_authorizations(db: Connection) -> None:
    """TRUNCATE fires none of the triggers; the next one who writes the authorizations brings the rows back."""
    make(db, "p", ("a", 1))
    db.execute("TRUNCATE user_permissions")
    assert db.execute("SELECT authorizations FROM projects").fetchone() == ([{"email": "a", "role": 1}],)
    db.execute("UPDATE projects SET authorizations = authorizations")
    assert both(db) == {"a": 1}


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
