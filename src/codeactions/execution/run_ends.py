"""How a run ended without an answer: by its own account, or by what the kernel says of its process."""

import signal
from typing import Any

from codeactions.domain.run import ErrorType, RunError
from codeactions.sandbox.server.sandbox import Ended

_FROM_RUNS = {name: ErrorType(name) for name in ("exception", "invalid_source", "memory", "output_limit")}


def read_failure(meta: dict[str, Any]) -> RunError:
    """Read a run's description of its own failure. It may name only those types that are its own to name."""
    kind, message, trace = (
        text if isinstance(text := meta.get(name), str) else "" for name in ("type", "message", "traceback")
    )
    line, column = (number if type(number := meta.get(name)) is int else None for name in ("line", "column"))
    return RunError(_FROM_RUNS.get(kind, ErrorType.EXCEPTION), message, trace, line, column)


def death(ended: Ended) -> RunError:
    """Tell why a run that gave no end is dead."""
    if ended.memory_kills:
        return RunError(ErrorType.MEMORY, "the run used more memory than it may")
    if ended.status is None:
        return RunError(ErrorType.LOST, f"the run was lost: {ended.why}")
    if ended.status < 0:
        try:
            name = signal.Signals(-ended.status).name
        except ValueError:
            name = f"signal {-ended.status}"
        return RunError(ErrorType.KILLED, f"the run's process was ended by {name} before it gave a result")
    return RunError(ErrorType.KILLED, f"the run's process exited with code {ended.status} before it gave a result")
