"""Folders of migrations as `migrate create` finds and leaves them, and the time at which it does."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

# A Sunday in November, 18:26:41.012345678 UTC; the recorded runs were made then.
SECONDS = int(datetime(2026, 11, 22, 18, 26, 41, tzinfo=UTC).timestamp())
NOW = SECONDS * 10**9 + 12345678
Run = Callable[..., tuple[int, list[str]]]


def touch(folder: Path, *names: str) -> None:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_text("")


def entries(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def pair(stem: str, ending: str = "sql") -> tuple[int, list[str]]:
    """What is said of two files that were made."""
    return 0, [f"$CWD/{stem}.up.{ending}", f"$CWD/{stem}.down.{ending}"]
