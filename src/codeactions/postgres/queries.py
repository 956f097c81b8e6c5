"""The named statements in `sql/*.sql`: the only SQL the server sends.

A file holds statements that each follow a line `-- name: the_name`; other comment lines say what and why.
"""

import re
from functools import cache
from importlib import resources
from typing import LiteralString, cast

_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)
_ABOVE = re.compile(r"\A\s*(--.*\n\s*)+")


@cache
def load(file: str) -> dict[str, LiteralString]:
    """The statements of `sql/{file}.sql`, by name. Each name occurs once."""
    text = resources.files("codeactions.postgres").joinpath("sql", f"{file}.sql").read_text()
    _, *parts = _NAME.split(text)
    names, statements = parts[::2], parts[1::2]
    if len(set(names)) != len(names):
        raise ValueError(f"sql/{file}.sql names a statement twice")
    # LiteralString: the drivers want statements that come from the program, and these do.
    # Without what is said above them: how a statement begins tells whether it may be sent twice (database.py).
    bare = [_ABOVE.sub("", statement).strip() for statement in statements]
    return cast("dict[str, LiteralString]", dict(zip(names, bare, strict=True)))
