"""The named statements in `sql/*.sql`: the only SQL the server sends.

In a file each statement follows a line `-- name: the_name`. Other comment lines explain it.
"""

import re
from functools import cache
from importlib import resources
from typing import LiteralString, cast

_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)
_ABOVE = re.compile(r"\A\s*(--.*\n\s*)+")


@cache
def load(file: str) -> dict[str, LiteralString]:
    """Return the statements of `sql/{file}.sql` by name. Raises ValueError if a name occurs twice."""
    text = resources.files("codeactions.postgres").joinpath("sql", f"{file}.sql").read_text()
    _, *parts = _NAME.split(text)
    names, statements = parts[::2], parts[1::2]
    if len(set(names)) != len(names):
        raise ValueError(f"sql/{file}.sql names a statement twice")
    # LiteralString: the driver accepts only statements that are part of the program, as these are.
    # The comments above a statement go: its first word tells whether it may be sent twice (database.py).
    bare = [_ABOVE.sub("", statement).strip() for statement in statements]
    return cast("dict[str, LiteralString]", dict(zip(names, bare, strict=True)))
