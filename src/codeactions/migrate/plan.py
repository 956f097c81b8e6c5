"""The plan: the files that lead from one version to another, in their order."""

from collections.abc import Sequence
from typing import NamedTuple

from codeactions.migrate.files.directory import Migration, Migrations, Script


class Step(NamedTuple):
    """One file to run. A step without a script sends nothing and only moves the version."""

    version: int
    direction: str
    """`u` or `d`, as it is printed."""
    script: Script | None
    target: int
    """The version to record after the step."""
    late: bool = False
    """Whether the step applies a file that was passed over. The recorded version then stays as it is."""

    def __str__(self) -> str:
        return f"{self.version}/{self.direction} {self.title}"

    @property
    def title(self) -> str:
        """The file's title, as it is printed."""
        return self.script.title if self.script else "<empty>"

    @property
    def word(self) -> str:
        """The direction as a word: `up` or `down`."""
        return "up" if self.direction == "u" else "down"


def up(migrations: Migrations, version: int, late: Sequence[int] = ()) -> list[Step]:
    """Return the steps for everything above `version`, after those for the passed-over versions in `late`."""
    missed = [migrations.find(number) for number in late]
    steps = [Step(item.version, "u", item.up, version, late=True) for item in missed if item]
    return steps + [_up(item) for item in migrations.items if item.version > version]


def down(migrations: Migrations, version: int, never_applied: Sequence[int] = ()) -> list[Step]:
    """Return the steps for everything from `version` downwards, the newest first.

    A step of a version in `never_applied` has no script, because there is nothing to undo.
    """
    return [
        Step(item.version, "d", None if item.version in never_applied else item.down, migrations.below(item.version))
        for item in reversed(migrations.items)
        if item.version <= version
    ]


def goto(migrations: Migrations, version: int, goal: int, late: Sequence[int] = ()) -> list[Step]:
    """Return the steps from `version` to `goal`. Both have files, or `version` is that of an empty database."""
    if goal < version:
        return [step for step in down(migrations, version, late) if step.version > goal]
    return [step for step in up(migrations, version, late if goal > version else ()) if step.version <= goal]


def _up(item: Migration) -> Step:
    return Step(item.version, "u", item.up, item.version)
