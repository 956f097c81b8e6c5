"""Taking over a database whose version other files have made: what it has stays, what it lacks is added.

Whether a migration is applied is told by what it defines, since the recorded number is another program's. All that is
missing is added in one transaction, together with the version and the history.
"""

import time
from dataclasses import dataclass

from codeactions.migrate import failures, foreign
from codeactions.migrate.about import APPLICATION, TOOL
from codeactions.migrate.addition import Added, Addition
from codeactions.migrate.apply import Progress
from codeactions.migrate.contents import Contents, Defined
from codeactions.migrate.database import sql
from codeactions.migrate.database.errors import DatabaseError, ServerError
from codeactions.migrate.database.history import UNKNOWN
from codeactions.migrate.database.libpq import TransactionStatus
from codeactions.migrate.database.session import PATIENCE, Session
from codeactions.migrate.database.things import Difference, differences, in_words
from codeactions.migrate.database.version_table import LOCK_NOT_AVAILABLE, RecordedVersion
from codeactions.migrate.database_state import require_clean, unfinished_step
from codeactions.migrate.errors import ErrorCode, MigrationError
from codeactions.migrate.files.directory import Migrations, checksum
from codeactions.migrate.foreign import Owner
from codeactions.migrate.manner import manner
from codeactions.migrate.plan import Step
from codeactions.migrate.sending import send
from codeactions.migrate.statements.split import is_blank
from codeactions.migrate.versions import NIL_VERSION

ADOPTED = f"{TOOL} (adopt)"
"""In the history: the note that a version was taken over."""


@dataclass(frozen=True)
class Adoption:
    """The consequences of taking over one database."""

    recorded: str
    """The version that is recorded now, in words."""
    kept: tuple[str, ...]
    """The tables of these files that are there already."""
    others: tuple[str, ...]
    """Further tables, which stay as they are."""
    steps: tuple[str, ...]
    """The migrations to apply, as `VERSION TITLE`."""
    version: int
    """The version to record."""
    added: Added
    """What is done besides the migrations."""
    sessions: tuple[str, ...]
    """Other programs that are connected to the database, in words."""
    changes: bool
    """Whether there is anything to do."""


def plan(session: Session, migrations: Migrations, owner: Owner, addition: Addition) -> Adoption:
    """Return what `run` would do. Raises `MigrationError` (conflict) if the database cannot be taken over."""
    recorded = foreign.read_version(session)
    contents, version = Contents(migrations), migrations.latest
    steps = _steps(session, migrations, contents, recorded, owner)
    rows = session.connection.execute(sql.visible_tables())
    ours = {thing.table for thing in contents.latest if thing.kind == "table"}
    own = {session.address.table, session.history.name, session.address.lock_table}
    tables = [str(name) for (name,) in rows if name not in own]
    added = addition.plan(session.connection)
    connected = session.connection.execute(sql.other_sessions(session.connection.literal(APPLICATION)))
    return Adoption(
        recorded=str(recorded),
        kept=tuple(name for name in tables if name in ours),
        others=tuple(name for name in tables if name not in ours and name not in added.tables),
        steps=tuple(f"{step.version} {step.title}" for step in steps),
        version=version,
        added=added,
        sessions=tuple(f"{name or 'unnamed'} (pid {pid})" for pid, name in connected),
        changes=bool(steps) or added.changes or recorded != RecordedVersion(version, False),
    )


def run(
    session: Session,
    migrations: Migrations,
    owner: Owner,
    planned: Adoption,
    progress: Progress,
    addition: Addition,
) -> None:
    """Carry out a plan. The caller holds the lock. Raises `MigrationError`, and then nothing has changed."""
    found = plan(session, migrations, owner, addition)
    if _decisive(found) != _decisive(planned):
        raise MigrationError(ErrorCode.CONFLICT, f"the database has changed meanwhile: run `{owner.takeover}` again")
    if not found.changes:
        return
    recorded, contents = foreign.read_version(session), Contents(migrations)
    steps = _steps(session, migrations, contents, recorded, owner)
    for step in steps:
        if step.script and (why := manner(session, step.script.read()).why):
            raise MigrationError(
                ErrorCode.CONFLICT, f"migration {step} cannot share a transaction ({why}): nothing was changed"
            )
    making = session.table.making_sql() + session.history.making_sql()
    notes = _notes_of_kept(session, migrations, recorded, steps)
    progress.planned(steps)
    session.table.claim(recorded, making=making)
    try:
        session.connection.execute(sql.set_lock_timeout(PATIENCE))
        ran = [_run(session, step, migrations.latest, progress) for step in steps]
        if left := differences(session.connection, contents.latest):
            raise MigrationError(
                ErrorCode.CONFLICT, f"{in_words(left)}, also after the migrations: nothing was changed"
            )
        _add(session, addition)
        notes += [note for note, _, _ in ran]
        session.finish(session.table.replacing_sql(RecordedVersion(migrations.latest, False)), *notes)
    except MigrationError:
        session.roll_back()
        raise
    # Only now: what was rolled back must not be printed as done.
    for step, (_, read, took) in zip(steps, ran, strict=True):
        progress.ends(step, read, took)


def _decisive(found: Adoption) -> tuple[object, ...]:
    return found.recorded, found.kept, found.steps, found.added


def _add(session: Session, addition: Addition) -> None:
    try:
        addition.run(session.connection)
    except DatabaseError as error:
        reason = " ".join(str(error).split())
        raise MigrationError(ErrorCode.CONFLICT, f"copying rows failed: {reason}; nothing was changed") from error


def _steps(
    session: Session, migrations: Migrations, contents: Contents, recorded: RecordedVersion, owner: Owner
) -> list[Step]:
    """Return the migrations to apply. Raises `MigrationError` (conflict) if the database cannot be taken over."""
    unfinished = unfinished_step(session, recorded)
    if unfinished is not None:  # a file of these, of which a part may be there that cannot be seen
        require_clean(migrations, recorded, unfinished)
    if not foreign.has_any_table(session, contents):
        empty = recorded == RecordedVersion(NIL_VERSION, False)
        advice = "start the server, which fills it" if empty else f"use a database of its own for {owner.name}"
        raise MigrationError(
            ErrorCode.CONFLICT, f"no table of {owner.name} is there, so nothing to take over: {advice}"
        )
    if migrations.find(recorded.version) is None and recorded.version in session.history.applied_here():
        raise MigrationError(
            ErrorCode.CONFLICT,
            f"a newer {owner.name} made version {recorded.version}, so nothing is to be taken over: start that release",
        )
    missing = differences(session.connection, contents.latest)
    late = _missing_versions(session, contents, missing)
    return [Step(item.version, "u", item.up, migrations.latest) for item in migrations.items if item.version in late]


def _missing_versions(session: Session, contents: Contents, missing: list[Difference]) -> set[int]:
    """Return the versions of which nothing is there. Raises `MigrationError` (conflict) for one that is there in part.

    A migration that defines nothing, such as a wider check, counts as applied if a later one is there or the history
    says so. It is applied again with a table that it alters.
    """
    gone, late, anew = {one.table for one in missing if one.kind == "table"}, set[int](), set[str]()
    lacking = {(one.kind, one.table, one.name) for one in missing}
    wrong: list[object] = [one for one in missing if one.kind == "not null"]
    states = {item.version: _lacking(item, contents, lacking, gone) for item in contents.items}
    there = [version for version, (lacks, has) in states.items() if has and not lacks]
    applied = session.history.applied_here()
    for item in contents.items:
        lacks, has = states[item.version]
        if lacks and has:
            wrong += _parts(item, missing, gone)
        unseen = not lacks and not has and (item.altered & anew or not _is_applied(item, there, applied))
        if (lacks and not has) or unseen:
            late.add(item.version)
            anew |= {thing.table for thing in item.made if thing.kind == "table"}
    if wrong:
        raise MigrationError(
            ErrorCode.CONFLICT,
            f"the database cannot be taken over, since a part of it has another shape: {in_words(wrong)}; "
            "rename or drop what is in the way, or use a database of its own",
        )
    return late


def _lacking(
    item: Defined, contents: Contents, lacking: set[tuple[str, str, str]], gone: set[str]
) -> tuple[bool, bool]:
    """Return whether the database lacks something, and whether it has something, of what a migration defines."""
    made = item.made & contents.latest  # what a later one has dropped again says nothing
    absent = [thing for thing in made if thing.table in gone or thing[:3] in lacking]
    return bool(absent), len(absent) < len(made)


def _parts(item: Defined, missing: list[Difference], gone: set[str]) -> list[object]:
    """Return what is missing of a migration that is there in part; next to a missing table, what is left of it."""
    names = {thing[:3] for thing in item.made}
    found: list[object] = [one for one in missing if (one.kind, one.table, one.name) in names]
    left = {thing for thing in item.made if thing.kind in ("table", "function") and thing.table not in gone}
    lacking = {(one.kind, one.table, one.name) for one in missing}
    rests = sorted(f"{thing.kind} {thing.name or thing.table}" for thing in left if thing[:3] not in lacking)
    if gone & {thing.table for thing in item.made} and rests:
        found.append(f"but {rests[0]} is there")
    return found


def _is_applied(item: Defined, there: list[int], applied: set[int]) -> bool:
    return item.version in applied or any(version > item.version for version in there)


def _notes_of_kept(session: Session, migrations: Migrations, recorded: RecordedVersion, steps: list[Step]) -> list[str]:
    """Return the statements that note the takeover, and what is kept of earlier migrations."""
    history, latest = session.history, migrations.latest
    known, late = history.applied() or {}, {step.version for step in steps}
    notes = [history.adding_sql(recorded.version, "force", None, latest, duration_ms=0, tool=ADOPTED)]
    for item in migrations.items:
        if item.version not in known and item.version not in late:
            text = checksum(item.up.read()) if item.up else None
            notes.append(history.adding_sql(item.version, "up", item.up, latest, checksum=text, tool=UNKNOWN))
    return notes


def _run(session: Session, step: Step, version: int, progress: Progress) -> tuple[str, int, int]:
    """Run one file in the open transaction.

    Returns the statement that notes it, and the nanoseconds that reading and running took.
    """
    progress.begins(step)
    begin = time.perf_counter_ns()
    text = step.script.read() if step.script else b""
    read = time.perf_counter_ns()
    try:
        if not is_blank(text):
            send(session, text)
    except DatabaseError as error:
        busy = isinstance(error, ServerError) and error.sqlstate == LOCK_NOT_AVAILABLE
        advice = "; a table is in use: stop the programs that use it, and run this again" if busy else ""
        reason = " ".join(str(error).split())
        raise MigrationError(
            ErrorCode.CONFLICT, f"migration {step} failed: {reason}; nothing was changed{advice}"
        ) from error
    if session.connection.status is not TransactionStatus.IN_TRANSACTION:
        raise failures.open_transaction(step, failures.kept_nothing(version))
    took = time.perf_counter_ns() - read
    note = session.history.adding_sql(
        step.version, "up", step.script, version, checksum=checksum(text), duration_ms=took / 1e6
    )
    return note, read - begin, took
