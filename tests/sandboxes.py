"""One run in a sandbox that a test took from a pool itself."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from codeactions.domain.job import OutputLimits
from codeactions.domain.run import Outcome
from codeactions.execution.sandbox_run import SandboxRun
from codeactions.runtimes.protocol import Kind, pack_described
from codeactions.sandbox.server.pool import Sandbox


async def run_in(sandbox: Sandbox, source: str, *, body: bytes = b"", seconds: float = 10.0) -> Outcome:
    """Send a job as the executor does, and wait for the outcome."""
    limits = OutputLimits()
    job: dict[str, Any] = {"run_id": "test", "source": source, "method": "POST", "path": "/"}
    job |= {"params": [], "headers": [], "limits": asdict(limits)}
    run = SandboxRun(sandbox, limits, lambda: datetime.now(UTC))
    run.begin(pack_described(Kind.JOB, job, body), seconds)
    return await run.outcome
