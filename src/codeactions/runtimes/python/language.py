"""Python as a language."""

from __future__ import annotations

from typing import TYPE_CHECKING

from codeactions.runtimes.language import Language
from codeactions.runtimes.python.wall_test import WALL_TEST

if TYPE_CHECKING:
    from pathlib import Path

    from codeactions.runtimes.runtime import Runtime


def _find(_: Path) -> Runtime:
    from codeactions.runtimes.python.runtime import find  # the command line needs the rest of this module alone

    return find()


PYTHON = Language(
    name="python",
    aliases=("py", "python3"),
    endings=(".py",),
    find=_find,
    own_variables="PYTHON.*",
    wall_test=WALL_TEST,
)
