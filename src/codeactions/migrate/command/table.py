"""The table that `status` prints."""

from codeactions.migrate import duration
from codeactions.migrate.status import Fate, Line, Status

HEAD = ("VERSION", "STATE", "APPLIED AT (UTC)", "TOOK", "TOOL", "TITLE")
# In this order, and only those that there are.
COUNTED = (Fate.APPLIED, Fate.PENDING, Fate.LATE, Fate.MISSING, Fate.CHANGED, Fate.DIRTY)


def table(status: Status) -> str:
    """One line for each version, then what it comes to."""
    rows = [HEAD, *(_row(line) for line in status.lines)] if status.lines else []
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))] if rows else []
    text = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    counts = ", ".join(f"{status.count(fate)} {fate}" for fate in COUNTED if status.count(fate))
    text.append(f"{status.state.standing}: {status.state.message}" + (f" ({counts})" if counts else ""))
    return "\n".join(text)


def _row(line: Line) -> tuple[str, ...]:
    entry = line.entry
    when = (entry.begun_at or "-")[:19].replace("T", " ") if entry else "-"
    took = "-" if entry is None or entry.duration_ms is None else duration.text(round(entry.duration_ms * 1000) * 1000)
    return str(line.version), line.state, when, took, entry.tool if entry else "-", line.title
