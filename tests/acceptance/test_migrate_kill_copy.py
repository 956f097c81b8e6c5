"""kill -9 in the middle of the rows of a COPY: none of them is kept, and what is recorded is true."""

from pathlib import Path
from typing import Any

import psycopg
import pytest
from harness import wait_until
from migrate_process import Gate, Migrate, backends, wait_for_silence, write_files
from migration_truth import PREPARE, RAN, Truth, finish, look

STOPS = """
CREATE TABLE slow (t text);
CREATE FUNCTION stops() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_advisory_xact_lock(7); RETURN new; END $$;
CREATE TRIGGER stops BEFORE INSERT ON slow FOR EACH ROW EXECUTE FUNCTION stops();
"""
# Many more rows than are on their way at once.
ROWS = RAN.format(2) + "COPY slow FROM stdin;\n" + f"{'x' * 1000}\n" * 10_000 + "\\.\n"
WAITING = "SELECT 1 FROM pg_stat_activity WHERE pid = ANY (%s) AND wait_event = 'advisory'"


@pytest.mark.parametrize(
    ("text", "after"),
    [
        (ROWS, Truth(1, False, [1], [])),
        (f"BEGIN; {ROWS} COMMIT;", Truth(1, False, [1], [])),
        (f"BEGIN; {ROWS} COMMIT; SELECT 1;", Truth(2, True, [1], [])),
    ],
)
def test_no_row_is_kept(
    database_url: str, database: psycopg.Connection[Any], tmp_path: Path, text: str, after: Truth
) -> None:
    database.execute((PREPARE + STOPS).encode())
    folder = write_files(tmp_path / "m", {1: RAN.format(1), 2: text, 3: RAN.format(3)})
    with Gate(database_url), Migrate(database_url, folder, "up") as process:
        wait_until(lambda: database.execute(WAITING, (backends(database),)).fetchone(), 20, "the first row's stop")
        process.kill()
    wait_for_silence(database)
    assert look(database) == after
    assert database.execute("SELECT count(*) FROM slow").fetchone() == (0,)
    finish(database_url, folder, database, 3)
    assert database.execute("SELECT count(*) FROM slow").fetchone() == (10_000,)
