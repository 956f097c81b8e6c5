"""The recorder on a real database: what is begun, answered and finished, durably and in any mixture."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from harness import until
from migrations import Connection
from recording import CODE, NOW

from codeactions.domain.ids import new_id
from codeactions.domain.record import answer_run, finish_run, start_run
from codeactions.domain.run import Answer, Call, ErrorType, Outcome, Run, RunError
from codeactions.postgres.recording.recorder import Recorder

ANSWER = Answer(b"answer", 201, "text/plain", (("X-A", "1"),))
_CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
_CODE = "INSERT INTO codes (name, type, source, language, project_uuid) VALUES ('n', 'flow', 's', 'python', 'p')"


@pytest.fixture
async def recorder(migrated_url: str, tables: Connection) -> AsyncIterator[Recorder]:
    recorder = Recorder(migrated_url)
    await recorder.start()
    run = run_of(new_id())
    await asyncio.gather(recorder.begin(run), recorder.begin(run, durable=True), return_exceptions=True)
    # A lane that is told to stop while it connects would leave a connection behind.
    await until(lambda: tables.execute(_CONNECTIONS).fetchone() == (4,), what="the connection of every lane")
    yield recorder
    await recorder.stop()
    tables.execute("DELETE FROM codes")


@pytest.fixture
def code_id(tables: Connection) -> UUID:
    row = tables.execute(f"{_CODE} RETURNING id").fetchone()
    assert row is not None
    return UUID(str(row[0]))


def run_of(code_id: UUID) -> Run:
    return start_run(replace(CODE, id=code_id), Call(), id=new_id(), at=NOW, node="n", instance=1, queue_ms=0)


def row_of(tables: Connection, run: Run) -> Any:
    return tables.execute("SELECT status, result, extra FROM coderuns WHERE id = %s", [run.id]).fetchone()


@pytest.mark.parametrize("durable", [False, True])
async def test_an_answer_is_put_into_the_row_of_a_run_that_goes_on(
    recorder: Recorder, tables: Connection, code_id: UUID, durable: bool
) -> None:
    run = run_of(code_id)
    await recorder.begin(run, durable=durable)
    assert row_of(tables, run)[:2] == ("started", None)
    for _ in range(2):  # as when the connection breaks after the commit
        assert await recorder.answer(answer_run(run, ANSWER, NOW))
    status, result, extra = row_of(tables, run)
    assert (status, result, extra["status_code"], extra["headers"]) == ("started", "answer", 201, {"X-A": "1"})
    assert extra["node"] == "n"
    assert run.id in recorder.open_runs
    error = RunError(ErrorType.EXCEPTION, "no")
    assert await recorder.finish(finish_run(run, Outcome(answer=ANSWER, error=error), NOW))
    status, result, extra = row_of(tables, run)
    assert (status, result, extra["status_code"], extra["error"]["message"]) == ("failed", "answer", 201, "no")
    assert run.id not in recorder.open_runs


async def test_an_answer_whose_begin_the_database_has_lost_is_written_with_it(
    recorder: Recorder, tables: Connection, code_id: UUID
) -> None:
    run = run_of(code_id)
    assert await recorder.answer(answer_run(run, ANSWER, NOW))
    assert row_of(tables, run)[:2] == ("started", "answer")


async def test_an_answer_changes_no_run_that_is_over(recorder: Recorder, tables: Connection, code_id: UUID) -> None:
    run = run_of(code_id)
    await recorder.begin(run)
    await recorder.finish(finish_run(run, Outcome(error=RunError(ErrorType.LOST, "lost")), NOW))
    assert not await recorder.answer(answer_run(run, ANSWER, NOW))
    assert row_of(tables, run)[:2] == ("failed", None)


async def test_begins_answers_and_ends_share_commits_and_each_has_its_own_result(
    recorder: Recorder, tables: Connection, code_id: UUID
) -> None:
    over = run_of(code_id)
    await recorder.begin(over)
    await recorder.finish(finish_run(over, Outcome(answer=ANSWER), NOW))
    runs = [run_of(code_id) for _ in range(9)]
    await asyncio.gather(*[recorder.begin(run) for run in runs[3:]])
    wanted: list[Any] = []
    for begun, answered, ended in zip(runs[:3], runs[3:6], runs[6:], strict=True):
        wanted += [
            recorder.begin(begun, durable=True),
            recorder.answer(answer_run(answered, ANSWER, NOW)),
            recorder.answer(answer_run(over, ANSWER, NOW)),
            recorder.finish(finish_run(ended, Outcome(answer=ANSWER), NOW)),
        ]
    assert await asyncio.gather(*wanted) == [True, True, False, True] * 3
    rows = [row_of(tables, run)[:2] for run in runs]
    assert rows == [("started", None)] * 3 + [("started", "answer")] * 3 + [("completed", "answer")] * 3


async def test_a_begin_that_is_refused_harms_no_other(recorder: Recorder, tables: Connection, code_id: UUID) -> None:
    good, bad = run_of(code_id), run_of(new_id())  # there is no such code
    results = await asyncio.gather(
        recorder.begin(good, durable=True), recorder.begin(bad, durable=True), return_exceptions=True
    )
    assert results[0] is True
    assert isinstance(results[1], Exception)
    assert row_of(tables, good)[0] == "started"
