"""Durations as Go prints them; scripts cut them out of the output by that form."""


def duration_text(nanoseconds: int) -> str:
    """Return `0s`, `850ns`, `1.5µs`, `7.074163ms`, `2.5s`, `1m2.5s`, `1h0m3s`."""
    for unit, size in (("ns", 1), ("µs", 10**3), ("ms", 10**6)):
        if 0 < nanoseconds < size * 1000:
            return _decimal(nanoseconds, size) + unit
    minutes, rest = divmod(nanoseconds, 60 * 10**9)
    hours, minutes = divmod(minutes, 60)
    head = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return head + _decimal(rest, 10**9) + "s"


def _decimal(value: int, size: int) -> str:
    whole, fraction = divmod(value, size)
    digits = str(fraction).zfill(len(str(size)) - 1).rstrip("0") if fraction else ""
    return f"{whole}.{digits}" if digits else str(whole)
