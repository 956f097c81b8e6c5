"""Quotas: the rest of a limit, from the counts of a sliding window."""

import math
from dataclasses import asdict, dataclass

from codeactions.domain.errors import Error, ErrorCode

MINUTE = 60
# Previous count, seconds it still weighs, current count, seconds until that is forgotten: as `limits` has it.
Counts = tuple[int, float, int, float]


@dataclass(frozen=True, slots=True)
class Quota:
    """A limit in calls a minute, how many of them are left, and the seconds, rounded up, until all of them are."""

    limit: int
    remaining: int
    reset_seconds: int


def quota_left(limit: int, counts: Counts) -> Quota:
    """Return what is left of a limit."""
    previous, weighs, current, _ = counts
    used = math.floor(previous * weighs / MINUTE) + current
    return Quota(limit, min(limit, max(0, limit - used)), math.ceil(_seconds_until_below(1, counts)))


def limit_exceeded(what: str, limit: int, counts: Counts) -> Error:
    """Return the error for a call beyond a limit. Its message begins with `what`, such as "this code takes"."""
    # Not rounded up: at the very moment that a count comes down to the limit, a call is still refused.
    seconds = math.floor(_seconds_until_below(limit, counts)) + 1
    message = f"{what} {limit} call{'s' * (limit != 1)} a minute; try again in {seconds} s"
    quota = Quota(limit, 0, quota_left(limit, counts).reset_seconds)
    return Error(ErrorCode.RATE_LIMITED, message, retry_after=seconds, quota=asdict(quota))


def _seconds_until_below(below: int, counts: Counts) -> float:
    """Return the seconds after which fewer calls than `below` count, if no more are made."""
    previous, weighs, current, forgotten = counts
    if previous * weighs / MINUTE + current < below:
        return 0.0
    if current < below:
        return weighs - (below - current) * MINUTE / previous
    return forgotten - below * MINUTE / current  # they weigh less and less from the end of their minute on
