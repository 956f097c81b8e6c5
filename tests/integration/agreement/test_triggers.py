"""Permissions that another's triggers write or change: both records of them agree all the same."""

from integration.agreement.members import both, listed, make, put, rows, write
from migrations import Connection


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
