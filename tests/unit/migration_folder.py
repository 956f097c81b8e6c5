"""A folder of migrations."""

from pathlib import Path


def folder(path: Path, *names: str) -> Path:
    for name in names:
        (path / name).write_text("SELECT 1;\n")
    return path
