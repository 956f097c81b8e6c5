"""A server that stops: what runs is ended, and what waits never begins."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sandboxes import config, until

from codeactions.domain.code import Code, new_code
from codeactions.domain.errors import Error
from codeactions.domain.ids import new_id
from codeactions.domain.run import Call, ErrorType
from codeactions.execution.builds import Prepared
from codeactions.execution.recorded_runs import Executor
from codeactions.postgres.coderuns import RunEnd, RunStart
from codeactions.sandbox.server.pool import SandboxPool

SLEEPER = "import time\ndef Run(engine):\n    time.sleep(60)\n"


class FakeRecorder:
    """Remembers what began."""

    def __init__(self) -> None:
        self.begun: list[UUID] = []

    def begin(self, start: RunStart) -> "asyncio.Future[None]":
        """Written at once."""
        self.begun.append(start.id)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    async def finish(self, start: RunStart, end: RunEnd) -> bool:
        """Written at once, too."""
        return True


class FakeBuilds:
    """Has nothing to build."""

    async def prepare(self, code: Code) -> Prepared:
        """The source as it is."""
        return Prepared(code.language, code.source)


async def test_who_waits_for_a_slot_when_the_server_stops_does_not_begin() -> None:
    recorder: Any = FakeRecorder()
    builds: Any = FakeBuilds()
    fields = {"name": "n", "type": "flow", "source": SLEEPER, "language": "python", "project_uuid": "p"}
    code = new_code(fields, id=new_id(), now=datetime.now(UTC))
    pool = SandboxPool(config(slots=1))
    await pool.start()
    try:
        executor = Executor(pool, recorder, builds=builds, node="n", instance=1)
        first, second = (asyncio.create_task(executor.run(code, Call())) for _ in range(2))
        await until(lambda: executor.running == 1 and pool.waiting == 1)
        await executor.close(0.1)
        assert executor.running == 0
        error = (await first).outcome.error
        assert error is not None
        assert error.type is ErrorType.CANCELLED
        with pytest.raises(Error, match="the server is stopping"):
            await second
        assert len(recorder.begun) == 1
        await until(lambda: pool.busy == 0)
    finally:
        await pool.stop()
