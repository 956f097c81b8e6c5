"""SQLite, in every language that brings it along: in /tmp, every journal mode works."""

import json

import pytest
from conformance.languages import Language

MODES = ("delete", "truncate", "persist", "memory", "wal", "off")
LOCKING = ("normal", "exclusive")

# Two connections write in turns and read what the other wrote; with exclusive locking there is but one.
WRITING = {
    "python": """
        import sqlite3

        def Run(engine):
            found = {}
            for locking in LOCKING:
                for mode in MODES:
                    path = f"/tmp/{mode}-{locking}.db"
                    one = sqlite3.connect(path)
                    one.execute(f"pragma locking_mode={locking}")
                    (journal,) = one.execute(f"pragma journal_mode={mode}").fetchone()
                    one.execute("create table t (x)")
                    other = sqlite3.connect(path) if locking == "normal" else one
                    for number in range(3):
                        with (one, other)[number % 2] as writing:
                            writing.execute("insert into t values (?)", (number,))
                    counts = [connection.execute("select count(*) from t").fetchone()[0] for connection in (one, other)]
                    if other is not one:
                        other.close()
                    one.execute("vacuum")
                    found[f"{mode} {locking}"] = [journal, *counts]
            return found
        """,
    "javascript": """
        import { Database } from "bun:sqlite";

        export function Run() {
          const found = {};
          for (const locking of LOCKING) for (const mode of MODES) {
            const path = `/tmp/${mode}-${locking}.db`;
            const one = new Database(path);
            one.run(`pragma locking_mode=${locking}`);
            const journal = one.query(`pragma journal_mode=${mode}`).get().journal_mode;
            one.run("create table t (x)");
            const other = locking === "normal" ? new Database(path) : one;
            for (const number of [0, 1, 2]) [one, other][number % 2].run("insert into t values (?)", [number]);
            const counts = [one, other].map((connection) => connection.query("select count(*) as n from t").get().n);
            if (other !== one) other.close();
            one.run("vacuum");
            found[`${mode} ${locking}`] = [journal, ...counts];
          }
          return found;
        }
        """,
}


@pytest.mark.parametrize("language", ["python", "javascript"], indirect=True)
def test_every_journal_mode_works_with_one_and_with_two_connections(language: Language) -> None:
    source = WRITING[language.name].replace("MODES", json.dumps(MODES)).replace("LOCKING", json.dumps(LOCKING))
    answer = language.call({language.name: source})
    assert answer.status_code == 200, language.record(answer)["extra"]
    found = answer.json()
    assert {name: counts for name, (_, *counts) in found.items()} == {name: [3, 3] for name in found}
    assert len(found) == len(MODES) * len(LOCKING)
    # Bun's SQLite is built to keep a journal.
    journals = {name: journal for name, (journal, *_) in found.items() if not name.startswith("off")}
    assert journals == {name: name.split()[0] for name in journals}


PROCESSES = """
import multiprocessing, sqlite3

def write(mode, worker):
    connection = sqlite3.connect(f"/tmp/{mode}.db", timeout=60)
    for number in range(20):
        with connection:
            connection.execute("insert into t values (?, ?)", (worker, number))

def Run(engine):
    found = {}
    for mode in ("persist", "wal", "delete"):
        connection = sqlite3.connect(f"/tmp/{mode}.db")
        connection.execute(f"pragma journal_mode={mode}")
        connection.execute("create table t (worker, number)")
        connection.commit()
        workers = [multiprocessing.Process(target=write, args=(mode, worker)) for worker in range(3)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        found[mode] = connection.execute("select count(distinct worker), count(*) from t").fetchone()
        found[mode] += connection.execute("pragma integrity_check").fetchone()
    return found
"""


def test_processes_of_one_run_share_a_database(python: Language) -> None:
    found = python.call({"python": PROCESSES}).json()
    assert found == {mode: [3, 60, "ok"] for mode in ("persist", "wal", "delete")}


# What a process that was killed left half done is taken back by the next one that looks.
HALF_DONE = """
import os, signal, sqlite3

def Run(engine):
    found = {}
    for mode in ("persist", "wal", "delete", "truncate"):
        connection = sqlite3.connect(f"/tmp/{mode}.db", isolation_level=None)
        connection.execute(f"pragma journal_mode={mode}")
        connection.execute("create table t (x)")
        connection.execute("insert into t values ('kept')")
        connection.close()
        child = os.fork()
        if child == 0:
            connection = sqlite3.connect(f"/tmp/{mode}.db", isolation_level=None)
            connection.execute("pragma cache_spill = 1")
            connection.execute("pragma cache_size = 1")
            connection.execute("begin")
            connection.execute("update t set x = 'lost'")
            for _ in range(100):
                connection.execute("insert into t values (randomblob(5000))")
            os.kill(os.getpid(), signal.SIGKILL)
        os.waitpid(child, 0)
        found[mode] = sqlite3.connect(f"/tmp/{mode}.db").execute("select x, count(*) from t").fetchone()
    return found
"""


def test_what_was_half_done_is_taken_back(python: Language) -> None:
    found = python.call({"python": HALF_DONE}).json()
    assert found == {mode: ["kept", 1] for mode in ("persist", "wal", "delete", "truncate")}
