"""Tables of text for people."""

from collections.abc import Iterable, Mapping, Sequence

from bench.results import Recorded


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Format a table: an underlined head, and columns as wide as their widest cell."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    lines = [head, ["─" * width for width in widths], *rows]
    padded = ("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)
    return "\n".join(line.rstrip() for line in padded)


def recorded_table(recorded: Mapping[str, Recorded], complaints: Iterable[str]) -> str:
    """Format the numbers of recorded calls of each server, and the complaints about wrong answers."""
    rows = [
        [name, str(found.calls), str(found.completed), str(found.other), "yes" if found.ok else "NO"]
        for name, found in recorded.items()
    ]
    lines = [f"  {complaint}" for complaint in complaints]
    verdict = "WRONG ANSWERS:" if lines else "every answer was right"
    return "\n".join([table(["on record", "calls", "completed", "other", "exact"], rows), verdict, *lines])
