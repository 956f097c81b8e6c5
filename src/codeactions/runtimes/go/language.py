"""Go as a language."""

from __future__ import annotations

from typing import TYPE_CHECKING

from codeactions.runtimes.language import Language

if TYPE_CHECKING:
    from pathlib import Path

    from codeactions.runtimes.runtime import Runtime


def _find(cache_dir: Path) -> Runtime:
    from codeactions.runtimes.go.runtime import find  # the command line needs the rest of this module alone

    return find(cache_dir)


# Its variables have no underscore: GOFLAGS is one, GOOGLE_API_KEY is none. ZONEINFO is where it looks for time zones.
_OWN_VARIABLES = "GO[A-Z0-9]*|CGO_.*|ZONEINFO"
GO = Language(name="go", aliases=("golang",), endings=(".go",), find=_find, own_variables=_OWN_VARIABLES)
