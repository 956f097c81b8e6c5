"""At start, the server attacks its own sandbox: walls that were put up but do not hold must not be served behind.

The attempts are made by a run like any other, in the server's own language (`Language.wall_test`). A test that only
looked at settings would miss a kernel or a container that grants a call and then does nothing.
"""

import json

from codeactions.domain.errors import Error, ErrorCode
from codeactions.execution.sandbox_run import OutputLimits, SandboxRun
from codeactions.runtimes.registry import OWN
from codeactions.sandbox.server.pool import SandboxPool

_TIMEOUT = 10.0  # seconds


async def check_walls(pool: SandboxPool) -> None:
    """Run the attempts in every kind of zygote's sandbox that can take them.

    Raises `Error` (internal) that names what got through, or says that a run did not even come to an end.
    """
    sandbox = await pool.acquire(OWN.name, _TIMEOUT, 1)
    job = {"run_id": "self-test", "source": OWN.wall_test, "method": "", "path": "", "params": [], "headers": []}
    outcome = await SandboxRun(sandbox, OutputLimits()).outcome(job, b"", _TIMEOUT)
    if outcome.answer is None:
        assert outcome.error is not None
        lines = "; ".join(line.content for line in outcome.logs)
        raise Error(ErrorCode.INTERNAL, f"the sandbox does not work: {outcome.error.message} {lines}".strip())
    breaches = json.loads(outcome.answer.body)
    if breaches:
        raise Error(ErrorCode.INTERNAL, f"the sandbox does not hold: a run could {', '.join(breaches)}")
