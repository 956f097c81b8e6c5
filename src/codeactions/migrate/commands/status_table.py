"""The table that `status` prints."""

from codeactions.migrate.file_state import FileReport, FileState, StatusReport
from codeactions.migrate.go_compat.duration import duration_text

_HEAD = ("VERSION", "STATE", "APPLIED AT (UTC)", "TOOK", "TOOL", "TITLE")
# In this order, and only those that occur.
_COUNTED = (
    FileState.APPLIED,
    FileState.PENDING,
    FileState.LATE,
    FileState.MISSING,
    FileState.CHANGED,
    FileState.DIRTY,
)


def status_table(report: StatusReport) -> str:
    """Return one line for each version, then the state of the database with the counts."""
    rows = [_HEAD, *(_row(file) for file in report.files)] if report.files else []
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))] if rows else []
    text = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    counts = ", ".join(f"{report.count(state)} {state}" for state in _COUNTED if report.count(state))
    text.append(f"{report.database.state}: {report.database.message}" + (f" ({counts})" if counts else ""))
    return "\n".join(text)


def _row(file: FileReport) -> tuple[str, ...]:
    entry = file.entry
    when = (entry.begun_at or "-")[:19].replace("T", " ") if entry else "-"
    took = "-" if entry is None or entry.duration_ms is None else duration_text(round(entry.duration_ms * 1000) * 1000)
    return str(file.version), file.state, when, took, entry.tool if entry else "-", file.title
