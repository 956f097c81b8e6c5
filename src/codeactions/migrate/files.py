"""The migration files: where they are, which there are, in which order."""

import re
from dataclasses import dataclass
from pathlib import Path

from codeactions.domain.errors import Error, ErrorCode
from codeactions.migrate.failure import NIL_VERSION, MigrationError

# golang-migrate's own pattern. The greedy title makes the last .up. or .down. decide, and any ending
# counts, so an editor's left-over (1_a.up.sql.orig) is a migration and shows up as a duplicate.
NAME = re.compile(r"([0-9]+)_(.*)\.(down|up)\.(.*)")
# The version column is a bigint.
MAX_VERSION = 2**63 - 1


@dataclass(frozen=True)
class Script:
    """One file: one direction of one version."""

    title: str
    path: Path

    def read(self) -> bytes:
        """The text, unchanged: it goes to the server as it is."""
        try:
            return self.path.read_bytes()
        except OSError as error:
            raise MigrationError(
                ErrorCode.INTERNAL, f"cannot read the migration {self.path.name}: {error.strerror}"
            ) from error


@dataclass(frozen=True)
class Migration:
    """One version. A missing half counts as an empty one."""

    version: int
    up: Script | None = None
    down: Script | None = None

    @property
    def title(self) -> str:
        """The words between the number and the direction in its file's name."""
        script = self.up or self.down
        return script.title if script else ""


@dataclass(frozen=True)
class Migrations:
    """All migrations of a folder, in order of their number."""

    items: tuple[Migration, ...]

    @property
    def latest(self) -> int:
        """The highest version that has a file; NIL_VERSION in an empty folder."""
        return self.items[-1].version if self.items else NIL_VERSION

    def find(self, version: int) -> Migration | None:
        """The migration with exactly this version."""
        return next((item for item in self.items if item.version == version), None)

    def below(self, version: int) -> int:
        """The version that undoing everything from `version` upwards leads to."""
        return max((item.version for item in self.items if item.version < version), default=NIL_VERSION)


def find_directory() -> Path:
    """The folder that came with this program: inside an installed package, else in a checkout."""
    package = Path(__file__).parent.parent
    for candidate in (package / "migrations", package.parent.parent / "migrations"):
        if any(candidate.glob("*.up.sql")):
            return candidate
    raise Error(ErrorCode.INTERNAL, "the migrations that belong to codeactions are missing: install it again")


def read_directory(directory: Path) -> Migrations:
    """All migrations of `directory` (not below it). Files that are named otherwise are none of ours."""
    address = f'"file://{directory}"'
    try:
        # In byte order, so that of two duplicates it is always the same one that is named.
        names = sorted((entry.name for entry in directory.iterdir() if not _is_folder(entry)), key=_bytes)
    except OSError as error:
        reason = (error.strerror or "unreadable").lower()
        raise MigrationError(
            ErrorCode.INVALID,
            f"cannot read the migrations in {directory}: {reason}",
            tool=f"failed to open source, {address}: open .: {reason}",
        ) from error
    found: dict[int, dict[str, Script]] = {}
    for name in names:
        match = NAME.fullmatch(name)
        if match is None:
            continue
        version, direction = int(match[1]), match[3]
        # golang-migrate cannot read such a number, and passes over the file.
        if version >= 2**64:
            continue
        problem = None
        if version > MAX_VERSION:
            problem = f"version too large: {name}"
        elif direction in found.setdefault(version, {}):
            problem = f"duplicate migration file: {name}"
        if problem:
            raise MigrationError(
                ErrorCode.INVALID,
                f"{problem} in {directory}",
                tool=f"failed to open source, {address}: {problem}",
            )
        found[version][direction] = Script(match[2], directory / name)
    return Migrations(
        tuple(Migration(version, half.get("up"), half.get("down")) for version, half in sorted(found.items()))
    )


def _is_folder(entry: Path) -> bool:
    # A link is a file, whatever it points to; what is wrong with it shows when it is read.
    return entry.is_dir() and not entry.is_symlink()


def _bytes(name: str) -> bytes:
    return name.encode(errors="surrogateescape")
