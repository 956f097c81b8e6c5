"""Which files have to run, in which order, to get from one version to another."""

from collections.abc import Sequence
from dataclasses import dataclass

from codeactions.migrate.source.files import Migration, Migrations, Script


@dataclass(frozen=True)
class Step:
    """One file to run. Without a script there is nothing to send, and only the version moves."""

    version: int
    direction: str
    """`u` or `d`, as it is printed."""
    script: Script | None
    target: int
    """The version to record when it is done."""
    late: bool = False
    """Whether it applies a file that was passed over, in which case the recorded version stays."""

    def __str__(self) -> str:
        return f"{self.version}/{self.direction} {self.title}"

    @property
    def title(self) -> str:
        """As it is printed."""
        return self.script.title if self.script else "<empty>"


def up(migrations: Migrations, version: int, late: Sequence[int] = ()) -> list[Step]:
    """Everything above `version`. Before that, those up to it that are to be made up for: `late`."""
    missed = [migrations.find(number) for number in late]
    steps = [Step(item.version, "u", item.up, version, late=True) for item in missed if item]
    return steps + [_up(item) for item in migrations.items if item.version > version]


def down(migrations: Migrations, version: int, never_applied: Sequence[int] = ()) -> list[Step]:
    """Everything from `version` downwards, the newest first. Of `never_applied`, nothing is there to be undone."""
    return [
        Step(item.version, "d", None if item.version in never_applied else item.down, migrations.below(item.version))
        for item in reversed(migrations.items)
        if item.version <= version
    ]


def goto(migrations: Migrations, version: int, goal: int, late: Sequence[int] = ()) -> list[Step]:
    """The way from `version` to `goal`, which both have files (or `version` is that of an empty database)."""
    if goal < version:
        return [step for step in down(migrations, version, late) if step.version > goal]
    return [step for step in up(migrations, version, late if goal > version else ()) if step.version <= goal]


def _up(item: Migration) -> Step:
    return Step(item.version, "u", item.up, item.version)
