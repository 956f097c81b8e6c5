"""Where the time of one tiny migration goes: what `upgrade` sends for it, by its own code, text by text."""

from statistics import mean

from bench.migrate import results
from bench.migrate.results import Part, Took, timed
from codeactions.migrate.database import session
from codeactions.migrate.database.version_table import RecordedVersion
from codeactions.migrate.files.directory import Script, checksum
from codeactions.migrate.versions import NIL_VERSION

_NAMES = (results.ROUND_TRIP, results.CLAIM, results.FILE, results.RECORD, results.NO_DISK, results.NO_HISTORY)
# Migrations of each kind in a round. It counts with their mean, in which the disk's slow moments are, as in a run.
_MANY = 20


def measure(url: str, rounds: int) -> Part:
    """Migrations that each make a table, of three kinds that take turns and differ in how they end."""
    part: Part = {name: [] for name in _NAMES}
    with session.opened(url) as opened:
        opened.table.ensure()
        opened.history.ensure()
        run = _Run(opened)
        for _ in range(rounds):
            found = [run.three() for _ in range(_MANY)]
            for name, steps in zip(_NAMES, zip(*found, strict=True), strict=True):
                part[name].append(Took(mean(step.wall for step in steps), mean(step.cpu for step in steps)))
    return part


class _Run:
    """An endless run of migrations."""

    def __init__(self, opened: session.Session) -> None:
        self._opened = opened
        self._recorded = RecordedVersion(NIL_VERSION, False)

    def three(self) -> tuple[Took, ...]:
        """One of each kind; in the order of the names."""
        nothing = timed(lambda: self._opened.connection.execute(""))
        return (nothing, *self._next(), self._next(durable=False)[-1], self._next(history=False)[-1])

    def _next(self, *, durable: bool = True, history: bool = True) -> tuple[Took, Took, Took]:
        """One more: its begin, its file, its end."""
        connection, version = self._opened.connection, max(self._recorded.version, 0) + 1
        text, after = f"CREATE TABLE t_{version} (id int)".encode(), RecordedVersion(version, False)
        connection.execute(f"SET synchronous_commit = {'on' if durable else 'off'}")
        claim = timed(lambda: self._opened.table.claim(self._recorded))
        file = timed(lambda: connection.execute_script(text))
        note = self._opened.history.adding_sql(
            version, "up", Script("tiny", "tiny"), version, checksum=checksum(text), duration_ms=1.0
        )
        record = self._opened.table.replacing_sql(after) + (note if history else "") + "COMMIT"
        end = timed(lambda: connection.execute(record))
        self._recorded = after
        return claim, file, end
