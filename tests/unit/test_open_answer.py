"""An answer that goes out as it comes, up to the HTTP server that sends it."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest
from recording import CODE, NOW, FakeAnswer, FakeExecution

from codeactions.domain.ids import new_id
from codeactions.domain.job import Job
from codeactions.domain.record import start_run
from codeactions.domain.run import Call
from codeactions.execution.open_run import CLIENT_LEFT, OpenRun
from codeactions.http.endpoint import open_answer
from codeactions.http.endpoint.open_answer import OpenAnswer

SCOPE = {"type": "http", "method": "GET"}
CLOSED = RuntimeError("unable to perform operation on a closed transport")


class Client:
    """The HTTP server's side: it cannot send, and may tell afterwards that its client has left."""

    def __init__(self, *, leaves: bool) -> None:
        self._leaves = leaves
        self._has_failed = asyncio.Event()

    async def send(self, message: MutableMapping[str, Any]) -> None:
        """Fail, as the server's transport does in the moment in which it is closed."""
        self._has_failed.set()
        raise CLOSED

    async def receive(self) -> MutableMapping[str, Any]:
        """Tell that the client has left, if it has."""
        await self._has_failed.wait()
        if not self._leaves:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}


def opened() -> OpenRun:
    """A run that has begun to answer."""
    execution = FakeExecution(Job(id=new_id(), language="python", timeout=60))
    run = start_run(CODE, Call(), id=new_id(), at=NOW, node="n", instance=1, queue_ms=0)
    return OpenRun(run, execution, FakeAnswer())


async def test_a_client_that_leaves_while_something_is_sent_ends_the_run_and_is_no_error() -> None:
    run, client = opened(), Client(leaves=True)
    await OpenAnswer(run)(SCOPE, client.receive, client.send)
    assert (await run.execution.outcome()).error is CLIENT_LEFT


async def test_what_cannot_be_sent_to_a_client_that_is_there_is_an_error_and_ends_the_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(open_answer, "_LEAVING_SECONDS", 0.0)
    run, client = opened(), Client(leaves=False)
    with pytest.raises(RuntimeError, match="closed transport"):
        await OpenAnswer(run)(SCOPE, client.receive, client.send)
    assert (await run.execution.outcome()).error is CLIENT_LEFT
