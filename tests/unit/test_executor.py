"""The executor, where a sandbox was taken and something goes wrong before the run."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from codeactions.domain.code import Code
from codeactions.domain.run import Call
from codeactions.execution.builds import Prepared
from codeactions.execution.recorded_runs import Executor


class FakeSandbox:
    """Remembers whether it was let go."""

    discarded = False

    def discard(self) -> None:
        """End it."""
        self.discarded = True


class FakePool:
    """Has one sandbox."""

    def __init__(self) -> None:
        self.sandbox = FakeSandbox()

    async def acquire(self, *_: Any) -> FakeSandbox:
        """Hand it out."""
        return self.sandbox


class FakeBuilds:
    """Has nothing to build."""

    async def prepare(self, code: Code) -> Prepared:
        """The source as it is."""
        return Prepared(code.language, code.source)


async def test_a_sandbox_whose_run_cannot_even_be_written_down_is_given_back() -> None:
    def broken_ids() -> UUID:
        raise RuntimeError("no ids today")

    pool: Any = FakePool()
    recorder: Any = object()
    builds: Any = FakeBuilds()
    executor = Executor(pool, recorder, builds=builds, node="n", instance=1, new_run_id=broken_ids)
    now = datetime.now(UTC)
    code = Code(
        id=UUID(int=1),
        name="n",
        type="endpoint",
        source="s",
        language="python",
        url=None,
        project_uuid="p",
        timeout=60,
        created_at=now,
        updated_at=now,
    )
    with pytest.raises(RuntimeError, match="no ids today"):
        await executor.run(code, Call())
    assert pool.sandbox.discarded
    assert executor.running == 0
