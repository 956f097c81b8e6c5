"""JavaScript and TypeScript as a language."""

from __future__ import annotations

from typing import TYPE_CHECKING

from codeactions.runtimes.language import Language

if TYPE_CHECKING:
    from pathlib import Path

    from codeactions.runtimes.runtime import Runtime


def _find(cache_dir: Path) -> Runtime:
    from codeactions.runtimes.javascript.runtime import find  # the command line needs the rest of this module alone

    return find(cache_dir)


JAVASCRIPT = Language(
    name="javascript",
    aliases=("js", "node", "bun", "typescript", "ts"),
    endings=(".js", ".mjs", ".cjs", ".ts", ".mts", ".cts"),
    find=_find,
    own_variables="(?:BUN|NODE)_.*",
)
