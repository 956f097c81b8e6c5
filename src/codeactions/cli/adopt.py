"""`codeactions adopt`: a database whose version another program made becomes one of this server."""

import asyncio
import sys
from collections.abc import Sequence

from codeactions.cli.database import shared_database
from codeactions.cli.keys import command_cipher
from codeactions.cli.logging import say
from codeactions.domain.errors import Error, ErrorCode
from codeactions.identity.cipher import Cipher
from codeactions.node.adopted_secrets import AdoptedSecrets
from codeactions.node.migrations import Adoption, adopt, plan_adoption
from codeactions.node.settings import Settings
from codeactions.postgres.database import Database


def take_over(settings: Settings, *, dry_run: bool, yes: bool) -> None:
    """Print what is to be done, ask on a terminal, and do it. Raises `Error`, after which nothing has changed."""
    with shared_database(settings) as url:
        planned = plan_adoption(url, AdoptedSecrets())
        if not planned.changes:
            say(f"nothing to take over: the database is at {planned.recorded}, and everything is there")
            for line in planned.added.lines[1:]:  # without the number of copies, of which there are none
                say(line)
            return
        for line in _described(planned):
            say(line)
        if dry_run:
            say("nothing was changed: this was a dry run")
            return
        if not yes and sys.stdin is not None and sys.stdin.isatty():
            _confirm()
        cipher = asyncio.run(_cipher(settings, url)) if planned.added.changes else None
        adopt(url, planned, AdoptedSecrets(cipher), progress=say)
        say(f"the database is at version {planned.version}")


async def _cipher(settings: Settings, url: str) -> Cipher:
    database = Database(url, connections=1)
    await database.open()
    try:
        cipher, _ = await command_cipher(settings, database)
        return cipher
    finally:
        await database.close()


def _described(planned: Adoption) -> Sequence[str]:
    lines = [
        f"now:      {planned.recorded}",
        f"kept:     {', '.join(planned.kept)}, with all their rows",
        f"          {', '.join(planned.others)}, which this server does not use" if planned.others else "",
        *(f"{'applied:' if number == 0 else '':9} {step}" for number, step in enumerate(planned.steps)),
        *(f"{'secrets:' if number == 0 else '':9} {line}" for number, line in enumerate(planned.added.lines)),
        f"recorded: version {planned.version}",
    ]
    if planned.sessions:
        lines.append(
            f"warning: other programs are connected: {', '.join(planned.sessions)}. Stop those that write here"
        )
    return [line for line in lines if line]


def _confirm() -> None:
    print("Take this database over? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Error(ErrorCode.CONFLICT, "nothing was changed")
