"""The ground of the commands `project`, `permission`, `token` and `audit`: the database, callers and output.

These commands change the database directly, with the administrator's rights. They need no server; a running server is
notified of their changes.
"""

import asyncio
import getpass
import json
import logging
import os
import sys
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from typing import Any, TypeVar

import structlog

from codeactions.cli.database import shared_database
from codeactions.domain.caller import Caller, CallerKind
from codeactions.domain.errors import Error, ErrorCode
from codeactions.domain.moment import text_of
from codeactions.domain.page import Page
from codeactions.node.migrations import DatabaseState, inspect
from codeactions.node.settings import Settings
from codeactions.postgres.database import Database
from codeactions.postgres.pooling import require_sessions
from codeactions.services.audited import AuditedDatabase

_Result = TypeVar("_Result")
_Item = TypeVar("_Item")


def run_as_administrator(settings: Settings, work: Callable[[AuditedDatabase, Caller], Awaitable[_Result]]) -> _Result:
    """Call `work` with the database and the administrator as the caller, and return its result.

    Raises `Error`: conflict when the schema is not of this version; others as `work` does.
    """
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    with shared_database(settings) as url:
        if (found := inspect(url)).state is not DatabaseState.CURRENT:
            raise Error(ErrorCode.CONFLICT, f"the schema of the database is not that of this version: {found.message}")
        require_sessions(url, "the command")
        return asyncio.run(_run(url, work))


async def all_pages(read: Callable[[int], Awaitable[Page[_Item]]]) -> list[_Item]:
    """Return the items of all pages. read: returns the page with a number, from 1."""
    first = await read(1)
    found = list(first.data)
    for number in range(2, first.last_page + 1):
        found += (await read(number)).data
    return found


def print_rows(rows: Iterable[dict[str, Any]], *, as_json: bool) -> None:
    """Print rows, all with the same keys, as a table or as an array of JSON objects."""
    listed = [{name: _plain(value) for name, value in row.items()} for row in rows]
    if as_json:
        print(json.dumps(listed, indent=2))
        return
    if not listed:
        print("none", file=sys.stderr)
        return
    head = list(listed[0])
    cells = [head, *([_cell(row[name]) for name in head] for row in listed)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(head))]
    for line in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def print_fields(fields: dict[str, Any], *, as_json: bool) -> None:
    """Print the fields of one thing, a line for each, or as a JSON object. A list of rows is a table below its name."""
    if as_json:
        print(json.dumps({name: _plain(value) for name, value in fields.items()}, indent=2))
        return
    width = max(map(len, fields))
    for name, value in fields.items():
        if isinstance(value, list):
            print(f"{name.ljust(width)}  {len(value)}")
            for row in value:
                print(f"{'':{width}}  {'  '.join(_cell(_plain(cell)) for cell in row.values())}")
        else:
            print(f"{name.ljust(width)}  {_cell(_plain(value))}")


async def _run(url: str, work: Callable[[AuditedDatabase, Caller], Awaitable[_Result]]) -> _Result:
    database = Database(url, connections=1)
    await database.open()
    try:
        caller = Caller(kind=CallerKind.ADMINISTRATOR, name=f"command line, {_user()}", everywhere=True)
        return await work(AuditedDatabase(database), caller)
    finally:
        await database.close()


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # in a container the user may have no name
        return f"uid {os.getuid()}"


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return text_of(value)
    return value if isinstance(value, str | int | float | list | dict) or value is None else str(value)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    text = value if isinstance(value, str) else json.dumps(value)
    # Names that users chose must not control the terminal.
    return "".join(character if character.isprintable() else "\ufffd" for character in text)
