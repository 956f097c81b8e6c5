"""Compiled libraries of toolchains that are not used any more. Each takes some 170 MB."""

import shutil
from pathlib import Path

READY = "ready"
"""The file in a library's folder that says it is complete; its time is that of the library's last use."""
KEPT_SECONDS = 30 * 86400.0


def drop_unused(own: Path, now: float) -> list[str]:
    """Empty the folders beside `own` that were not used for 30 days, and return their names. Blocks.

    now: seconds since 1970. The folders themselves stay: they may be mounted somewhere, and a server that does use one
    finds `READY` gone and compiles it again. Raises `OSError`.
    """
    dropped = []
    for ready in own.parent.glob(f"go-*/{READY}"):
        if ready.parent != own and now - ready.stat().st_mtime > KEPT_SECONDS:
            ready.unlink()  # first: without it, no server takes the rest for a library
            for path in ready.parent.iterdir():
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink()
            dropped.append(ready.parent.name)
    return dropped
