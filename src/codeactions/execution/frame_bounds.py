"""The largest frame of each kind that a run may send."""

from codeactions.domain.job import OutputLimits
from codeactions.runtimes.protocol import CHUNK_BYTES, META_LIMIT, Kind


def frame_bounds(limits: OutputLimits) -> dict[Kind, int]:
    """Return the largest payload of each kind, in bytes."""
    line = 1 + 4 * (limits.log_characters + 1)
    return {
        Kind.LOG: line,
        Kind.TEXT: line + 1,  # with its line feed
        Kind.RESULT: limits.result_bytes + META_LIMIT,
        Kind.FAILURE: META_LIMIT,
        Kind.STREAM: META_LIMIT,
        Kind.CHUNK: CHUNK_BYTES,
        Kind.ANSWERED: 0,
        Kind.END: META_LIMIT,
    }
