"""At start, the server attacks its own sandbox: walls that were put up but do not hold must not be served behind.

The attempts are made by a run like any other, in the server's own language (`Language.wall_test`). A test that only
looked at settings would miss a kernel or a container that grants a call and then does nothing.
"""

import json

from codeactions.domain.errors import Error, ErrorCode
from codeactions.domain.ids import new_id
from codeactions.domain.job import Admission, Job
from codeactions.execution.executor import Executor
from codeactions.runtimes.registry import OWN

_TIMEOUT = 10.0  # seconds


async def check_walls(executor: Executor) -> None:
    """Run the attempts in a sandbox of the server's own language.

    Raises `Error` (internal) that names what got through, or says that a run did not even come to an end.
    """
    job = Job(
        id=new_id(),
        language=OWN.name,
        source=OWN.wall_test,
        timeout=_TIMEOUT,
        admission=Admission(most_waiting=1, wait_seconds=_TIMEOUT),
    )
    outcome = await (await executor.start(job)).outcome()
    if outcome.error is not None:
        lines = "; ".join(line.content for line in outcome.logs)
        raise Error(ErrorCode.INTERNAL, f"the sandbox does not work: {outcome.error.message} {lines}".strip())
    assert outcome.answer is not None
    breaches = json.loads(outcome.answer.body)
    if breaches:
        raise Error(ErrorCode.INTERNAL, f"the sandbox does not hold: a run could {', '.join(breaches)}")
