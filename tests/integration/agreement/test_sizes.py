"""The work of the database that keeps a project's permissions in agreement, by the project's size."""

from collections.abc import Mapping

from integration.agreement.members import both, listed
from migrations import Connection

from codeactions.domain.project import MOST_AUTHORIZATIONS


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
