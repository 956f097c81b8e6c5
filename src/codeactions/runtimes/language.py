"""A language: what is known of it on every node, whether or not the node can run it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the command line asks for names and endings alone, and need not load the rest
    from pathlib import Path

    from codeactions.runtimes.runtime import Runtime


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """A language that codes can be written in.

    name: as codes have it. aliases: other names that people may give it, in lower case.
    endings: of files with its sources, in lower case, with the dot.
    find: returns the runtime of this node; gets the folder where runtimes keep what is compiled of themselves, and
        raises `Error` (busy) that says what is missing.
    own_variables: a regular expression of the environment variables that mean something to its runtime, in any case.
    wall_test: a source that tries to get through the sandbox's walls and returns the list of what it managed. Needed of
        the server's own language alone; it is run without a build.
    """

    name: str
    aliases: tuple[str, ...] = ()
    endings: tuple[str, ...]
    find: Callable[[Path], Runtime]
    own_variables: str = ""
    wall_test: str = ""
