"""Which files have to run, in which order, to get from one version to another."""

from dataclasses import dataclass

from codeactions.migrate.files import Migrations, Script


@dataclass(frozen=True)
class Step:
    """One file to run. Without a script there is nothing to send, and only the version moves."""

    version: int
    direction: str
    """`u` or `d`, as it is printed."""
    script: Script | None
    target: int
    """The version to record when it is done."""

    def __str__(self) -> str:
        return f"{self.version}/{self.direction} {self.script.title if self.script else '<empty>'}"


def up(migrations: Migrations, version: int) -> list[Step]:
    """Everything above `version`. A file below it that never ran stays unnoticed, as in golang-migrate."""
    return [Step(item.version, "u", item.up, item.version) for item in migrations.items if item.version > version]


def down(migrations: Migrations, version: int) -> list[Step]:
    """Everything from `version` downwards, the newest first."""
    return [
        Step(item.version, "d", item.down, migrations.below(item.version))
        for item in reversed(migrations.items)
        if item.version <= version
    ]
