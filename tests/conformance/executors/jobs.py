"""Jobs for every executor, and waits for what becomes of them."""

import asyncio
from contextlib import aclosing
from typing import Any, cast

from conformance.executors.sites import Site, job

from codeactions.domain.log import LogLine
from codeactions.domain.run import Outcome, RunError
from codeactions.execution.executor import Execution

HELLO = """
def Run(engine):
    engine.log.info("one")
    engine.log.error("two")
    engine.result.set({"hello": engine.params.get("name")}, status_code=201, headers={"X-A": "1"})
"""
ENDLESS = """
import time
def Run(engine):
    engine.log.info("at work")
    while True:
        time.sleep(1)
"""
BEGUN = """
import time
def Run(engine):
    print("step 1 done")
    print("step 2 ... ", end="")
    engine.log.info("at work")
    while True:
        time.sleep(1)
"""


async def outcome_of(site: Site, source: str, **changes: Any) -> Outcome:
    async with asyncio.timeout(60):
        return await (await site.executor.start(job(source, **changes))).outcome()


async def at_work(site: Site, source: str = ENDLESS) -> Execution:
    """An execution without end that has begun its code, and written something to the log."""
    execution = await site.executor.start(job(source))
    events = execution.events()
    async with aclosing(cast("Any", events)):
        event = await anext(events)
    assert isinstance(event, LogLine)
    return execution


def error_of(outcome: Outcome) -> RunError:
    assert outcome.answer is None
    assert outcome.error is not None
    return outcome.error
