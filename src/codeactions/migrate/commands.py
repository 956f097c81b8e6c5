"""The commands of `migrate`, one function each, called with the database open and the files read.

Each returns the exit code, or raises what goes behind `error: `. Numbers are checked only here, because the
Go tool, too, looks at them after it has opened both.
"""

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from codeactions.domain.errors import Error, ErrorCode, invalid
from codeactions.migrate import apply, files, lock, plan, session, state
from codeactions.migrate.failure import NIL_VERSION
from codeactions.migrate.version import Recorded


@dataclass(frozen=True)
class Call:
    """What a command works on."""

    words: Sequence[str]
    """Its arguments, without flags."""
    everything: bool
    """`-all`."""
    migrations: files.Migrations
    session: session.Session
    lock_timeout: float
    say: Callable[[str], None]

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock for the block, and have the version table there."""
        with lock.held(self.session.connection, self.session.lock_number, self.lock_timeout):
            self.session.table.ensure()
            yield


def up(call: Call) -> int:
    """Apply all, or the next N; more arguments are ignored."""
    limit = _limit(call.words)
    return _go(call, plan.up, limit)


def down(call: Call) -> int:
    """Undo the last N, or all after asking."""
    if call.everything and call.words:
        raise invalid("-all cannot be used with other arguments")
    if len(call.words) > 1:
        raise invalid("too many arguments")
    limit = _limit(call.words)
    if limit is None and not call.everything:
        call.say("Are you sure you want to apply all down migrations? [y/N]")
        if _answer() != "y":
            call.say("Not applying all down migrations")
            return 1
        call.say("Applying all down migrations")
    return _go(call, plan.down, limit)


def force(call: Call) -> int:
    """Record a version as clean, whatever is recorded now and whether or not it has a file."""
    if not call.words:
        raise invalid("please specify version argument V")
    word = call.words[0]
    if not re.fullmatch(r"[+-]?[0-9]+", word) or int(word) > files.MAX_VERSION:
        raise invalid("can't read version argument V")
    version = int(word)
    if version < NIL_VERSION:
        raise invalid("argument V must be >= -1")
    with call.locked():
        call.session.table.write(Recorded(version, False))
    return 0


def version(call: Call) -> int:
    """Say the recorded version. Only reads, so it works for a role that may do no more, and at any time."""
    recorded = call.session.table.read()
    if recorded.version == NIL_VERSION:
        raise Error(ErrorCode.NOT_FOUND, "no migration")
    call.say(f"{recorded.version} (dirty)" if recorded.dirty else str(recorded.version))
    return 0


def status(call: Call) -> int:
    """Say how the database compares with the files. Only reads. Not in golang-migrate."""
    found = state.compare(call.migrations, call.session.table.read())
    call.say(f"{found.standing}: {found.message}")
    for number in found.pending:
        migration = call.migrations.find(number)
        call.say(f"{number} {migration.title if migration else ''}")
    return 0 if found.standing is state.Standing.CURRENT else 1


def _go(call: Call, route: Callable[[files.Migrations, int], list[plan.Step]], limit: int | None) -> int:
    """Run the steps of `route`. Fewer than asked for is an error, after doing them; none at all is not."""
    if limit == 0:
        call.say("no change")
        return 0
    with call.locked():
        recorded = call.session.table.read()
        state.require_usable(call.migrations, recorded)
        if not call.migrations.items and route is plan.up:
            raise invalid("first .: file does not exist")
        steps = route(call.migrations, recorded.version)
        if not steps and limit is not None:
            raise invalid("file does not exist")
        if not steps:
            call.say("no change")
        apply.run(call.session, steps[:limit], recorded, call.say)
    if limit is not None and len(steps) < limit:
        raise invalid(f"limit {limit - len(steps)} short")
    return 0


def _limit(words: Sequence[str]) -> int | None:
    if not words:
        return None
    # The Go tool takes numbers from 2^63 on for "all"; that is nobody's wish.
    if not re.fullmatch("[0-9]+", words[0]) or int(words[0]) > files.MAX_VERSION:
        raise invalid("can't read limit argument N")
    return int(words[0])


def _answer() -> str:
    """The first word of the next line of the input; an end of the input is no answer."""
    line = sys.stdin.readline() if sys.stdin is not None else ""
    return (line.split() or [""])[0].lower()
