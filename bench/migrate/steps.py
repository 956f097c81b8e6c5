"""The time of one tiny migration, step by step: each text that `upgrade` sends, made by its own code."""

from statistics import mean

from bench.migrate import results
from bench.migrate.results import Part, Took, timed
from codeactions.migrate.database import session
from codeactions.migrate.database.version_table import RecordedVersion
from codeactions.migrate.files.directory import Script, checksum
from codeactions.migrate.versions import NIL_VERSION

_NAMES = (results.ROUND_TRIP, results.CLAIM, results.FILE, results.RECORD, results.NO_DISK, results.NO_HISTORY)
# Migrations of each kind in a round. Their mean counts: as in a real run, it includes the slow moments of the disk.
_MANY = 20


def measure(url: str, rounds: int) -> Part:
    """Measure migrations that each create a table. Three kinds, which differ in how they end, take turns."""
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
    """A series of migrations without an end."""

    def __init__(self, opened: session.Session) -> None:
        self._opened = opened
        self._recorded = RecordedVersion(NIL_VERSION, False)

    def three(self) -> tuple[Took, ...]:
        """Apply one migration of each kind. Returns the steps in the order of the names."""
        nothing = timed(lambda: self._opened.connection.execute(""))
        return (nothing, *self._next(), self._next(durable=False)[-1], self._next(history=False)[-1])

    def _next(self, *, durable: bool = True, history: bool = True) -> tuple[Took, Took, Took]:
        """Apply one more migration. Returns its begin, its file and its end."""
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
