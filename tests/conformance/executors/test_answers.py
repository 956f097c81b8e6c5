"""What every executor does with a job: it is sent, it is answered, and its events are told."""

import gc
import pickle
from dataclasses import fields, is_dataclass
from enum import Enum
from uuid import UUID

from conformance.executors.jobs import ENDLESS, HELLO, at_work, error_of, outcome_of
from conformance.executors.sites import Site, job
from harness import until

from codeactions.domain.log import LogLine
from codeactions.domain.run import Call, ErrorType


async def test_a_job_is_answered(site: Site) -> None:
    outcome = await outcome_of(site, HELLO, call=Call(params=(("name", "you"),)))
    assert outcome.error is None
    assert outcome.answer is not None
    assert outcome.answer.body == b'{"hello": "you"}'
    assert (outcome.answer.status_code, outcome.answer.headers) == (201, (("X-A", "1"),))
    assert [(line.level, line.content) for line in outcome.logs] == [("info", "one"), ("error", "two")]
    assert outcome.duration_ms > 0
    await until(lambda: site.busy() == 0)


async def test_a_call_arrives_as_it_was_sent(site: Site) -> None:
    source = """
def Run(engine):
    request = engine.request
    return [request.method, request.path, engine.params.items(), engine.header.get("x-a"), request.content.hex()]
"""
    call = Call("PUT", "/a/b", (("k", "1"), ("ü", "")), (("X-A", "v"),), b"\x00\xff")
    outcome = await outcome_of(site, source, call=call)
    assert outcome.answer is not None, outcome.error
    assert outcome.answer.body.decode() == '["PUT", "/a/b", [["k", "1"], ["ü", ""]], "v", "00ff"]'


def test_a_job_is_plain_data_that_can_be_sent_to_another_machine() -> None:
    sent = job(HELLO, artifact="k", call=Call(body=b"x"))
    assert pickle.loads(pickle.dumps(sent)) == sent

    def look(value: object) -> None:
        if is_dataclass(value):
            for field in fields(value):
                look(getattr(value, field.name))
        elif isinstance(value, tuple):
            for part in value:
                look(part)
        else:
            assert value is None or isinstance(value, (str, bytes, int, float, UUID, Enum)), value

    look(sent)


async def test_events_are_the_log(site: Site) -> None:
    execution = await site.executor.start(job(HELLO))
    for _ in range(2):  # and again from the beginning, when it is over
        assert [line.content async for line in execution.events()] == ["one", "two"]
    assert (await execution.outcome()).answer is not None


async def test_events_come_while_the_code_is_at_work_and_to_every_reader(site: Site) -> None:
    execution = await at_work(site)
    first, second = execution.events(), execution.events()
    assert [(await anext(events)).content for events in (first, second)] == ["at work"] * 2
    execution.cancel()
    assert [event async for event in first] == []
    assert [event async for event in second] == []


async def test_an_execution_goes_on_while_only_its_events_are_read(site: Site) -> None:
    events = (await site.executor.start(job(HELLO))).events()
    gc.collect()
    assert [event.content async for event in events] == ["one", "two"]
    events = (await site.executor.start(job(ENDLESS))).events()
    assert isinstance(await anext(events), LogLine)
    assert site.busy() == 1
    del events
    gc.collect()
    await until(lambda: site.busy() == 0)


async def test_an_execution_that_failed_has_its_log(site: Site) -> None:
    execution = await site.executor.start(job("def Run(engine):\n    print('x')\n    raise ValueError('no')\n"))
    assert [event.content async for event in execution.events()] == ["x"]
    assert await execution.early_answer() is None
    assert error_of(await execution.outcome()).type is ErrorType.EXCEPTION


async def test_a_job_may_name_an_artifact_in_place_of_its_source(site: Site) -> None:
    site.keep("a" * 64, b"export function Run(engine) { return 'built ' + engine.body; }")
    outcome = await outcome_of(site, "", language="javascript", artifact="a" * 64, call=Call(body=b"once"))
    assert outcome.answer is not None, outcome.error
    assert outcome.answer.body == b"built once"
