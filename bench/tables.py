"""Tables for people."""

from collections.abc import Iterable, Mapping, Sequence

from bench.results import Recorded


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell, under a head that is underlined."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    lines = [head, ["─" * width for width in widths], *rows]
    padded = ("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)
    return "\n".join(line.rstrip() for line in padded)


def recorded_table(recorded: Mapping[str, Recorded], complaints: Iterable[str]) -> str:
    """What is on record of the calls of each server, and what was wrong with answers."""
    rows = [
        [name, str(found.calls), str(found.completed), str(found.other), "yes" if found.ok else "NO"]
        for name, found in recorded.items()
    ]
    lines = [f"  {complaint}" for complaint in complaints]
    verdict = "WRONG ANSWERS:" if lines else "every answer was right"
    return "\n".join([table(["on record", "calls", "completed", "other", "exact"], rows), verdict, *lines])
