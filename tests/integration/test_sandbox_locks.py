"""The process that answers what runs ask about locks: there is none until it is asked, and it is replaced."""

import os
import signal

from harness import until
from sandboxes import acquire, answer, pool, run, zygotes_of

from codeactions.sandbox.server.pool import SandboxPool

__all__ = ["pool"]  # fixtures

SOURCE = """
import sqlite3
def Run(engine):
    connection = sqlite3.connect("/tmp/x.db")
    mode = connection.execute("pragma journal_mode=wal").fetchone()
    connection.execute("create table t (x)")
    return mode
"""


async def test_it_is_started_by_the_first_question_and_again_after_its_death(pool: SandboxPool) -> None:
    await run(await acquire(pool))
    before = zygotes_of(pool)
    for _ in range(3):
        assert answer(await run(await acquire(pool), SOURCE)) == ["wal"]
        (helper,) = set(zygotes_of(pool)) - set(before)
        os.kill(helper, signal.SIGKILL)
    assert pool.restarts == 0


async def test_it_survives_a_zygote(pool: SandboxPool) -> None:
    assert answer(await run(await acquire(pool), SOURCE)) == ["wal"]
    zygote, helper = zygotes_of(pool)
    os.kill(zygote, signal.SIGKILL)
    await until(lambda: zygote not in (there := zygotes_of(pool)) and len(there) == 2)
    assert answer(await run(await acquire(pool), SOURCE)) == ["wal"]
    assert zygotes_of(pool)[0] == helper
