"""A server that stops: what runs is ended, and what waits for a real slot never begins."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from harness import until
from recording import CODE, FakeBuilds, FakeRecorder, FakeValues
from sandboxes import config

from codeactions.domain.errors import Error
from codeactions.domain.run import Call, ErrorType
from codeactions.execution.artifacts import ArtifactStore
from codeactions.execution.local import LocalExecutor
from codeactions.execution.recorded_runs import RecordedRuns
from codeactions.runtimes import registry
from codeactions.sandbox.server.pool import SandboxPool

SLEEPER = "import time\ndef Run(engine):\n    time.sleep(60)\n"


async def test_a_run_that_waits_for_a_slot_when_the_server_stops_does_not_begin(tmp_path: Path) -> None:
    recorder = FakeRecorder()
    code = replace(CODE, source=SLEEPER)
    pool = SandboxPool(config(slots=1))
    await pool.start()
    try:
        executor = LocalExecutor(pool, registry.find(["python"], tmp_path), ArtifactStore(tmp_path, 0))
        runs = RecordedRuns(executor, recorder, builds=FakeBuilds(), values=FakeValues(), node="n", instance=1)
        first, second = (asyncio.create_task(runs.run(code, Call())) for _ in range(2))
        await until(lambda: runs.running == 1 and pool.waiting == 1)
        await runs.close(0.1)
        assert runs.running == 0
        error = (await first).outcome.error
        assert error is not None
        assert error.type is ErrorType.CANCELLED
        with pytest.raises(Error, match="the server is stopping"):
            await second
        assert len(recorder.begun) == 1
        await until(lambda: pool.busy == 0)
    finally:
        await pool.stop()
