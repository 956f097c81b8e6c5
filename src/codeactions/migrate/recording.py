"""The mark of a step that has begun and is not finished."""

from codeactions.migrate.database.session import Session
from codeactions.migrate.database.version_table import RecordedVersion
from codeactions.migrate.files.directory import checksum
from codeactions.migrate.plan import Step


def begun_sql(session: Session, step: Step, text: bytes) -> str:
    """Return the statements that mark the version as dirty, and note the step as begun."""
    note = session.history.adding_sql(
        step.version, step.word, step.script, step.target, checksum=checksum(text), duration_ms=0, done=False
    )
    return session.table.replacing_sql(RecordedVersion(step.target, True)) + note
