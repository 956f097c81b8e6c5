"""The migration files: where they are, which there are, in which order."""

import os
import re
from bisect import bisect_left
from dataclasses import dataclass
from pathlib import Path

from codeactions.domain.errors import Error, ErrorCode
from codeactions.migrate.failure import NIL_VERSION, MigrationError
from codeactions.migrate.source.address import quoted

# golang-migrate's own pattern. The greedy title makes the last .up. or .down. decide, and any ending
# counts, so an editor's left-over (1_a.up.sql.orig) is a migration and shows up as a duplicate.
NAME = re.compile(r"([0-9]+)_(.*)\.(down|up)\.(.*)")
# The version column is a bigint.
MAX_VERSION = 2**63 - 1


@dataclass(frozen=True)
class Script:
    """One file: one direction of one version."""

    title: str
    file: str | Path
    """As text where there are many: a path object for each takes longer than listing the folder."""

    @property
    def path(self) -> Path:
        """Where it is."""
        return Path(self.file)

    @property
    def name(self) -> str:
        """Its last part, to be shown."""
        return printable(self.path.name)

    def read(self) -> bytes:
        """The text, unchanged: it goes to the server as it is."""
        try:
            return self.path.read_bytes()
        except OSError as error:
            raise MigrationError(
                ErrorCode.INTERNAL, f"cannot read the migration {self.name}: {error.strerror}"
            ) from error

    def checksum(self) -> str:
        """That of the text as it is now. Raises what `read` raises."""
        return checksum(self.read())


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
        at = self._place(version)
        found = at < len(self.items) and self.items[at].version == version
        return self.items[at] if found else None

    def below(self, version: int) -> int:
        """The version that undoing everything from `version` upwards leads to."""
        at = self._place(version)
        return self.items[at - 1].version if at else NIL_VERSION

    def _place(self, version: int) -> int:
        return bisect_left(self.items, version, key=_version)


def printable(name: str) -> str:
    """A file's name as text that can go anywhere: bytes that are no UTF-8, surrogates in `name`, become `\\xe9`."""
    return name.encode(errors="surrogateescape").decode(errors="backslashreplace")


def checksum(text: bytes) -> str:
    """SHA-256, in hex."""
    from hashlib import sha256  # brings OpenSSL with it, which not every command needs

    return sha256(text).hexdigest()


def find_directory() -> Path:
    """The folder that came with this program: inside an installed package, else in a checkout."""
    package = Path(__file__).parents[2]
    for candidate in (package / "migrations", package.parent.parent / "migrations"):
        if any(candidate.glob("*.up.sql")):
            return candidate
    raise Error(ErrorCode.INTERNAL, "the migrations that belong to codeactions are missing: install it again")


def read_directory(directory: Path, address: str | None = None) -> Migrations:
    """All migrations of `directory` (not below it). Files that are named otherwise are none of ours.

    `address` is what errors call it: the URL, as golang-migrate was given it. `MigrationError` (invalid) if the
    folder cannot be read, if two files are the same half of one version, or if a version is too large.
    """
    in_go = f"failed to open source, {quoted(f'file://{directory}' if address is None else address)}"
    folder = os.path.join(directory, "")
    found: dict[int, dict[str, Script]] = {}
    for name in _names(directory, in_go):
        match = NAME.fullmatch(name)
        if match is None:
            continue
        version, direction = int(match[1]), match[3]
        # golang-migrate cannot read such a number, and passes over the file.
        if version >= 2**64:
            continue
        half = found.setdefault(version, {})
        problem = other = ""
        if version > MAX_VERSION:
            problem = f"version too large: {printable(name)}"
        elif direction in half:
            problem = f"duplicate migration file: {printable(name)}"
            other = f": {half[direction].name} is the {direction} of version {version} already"
        if problem:
            raise MigrationError(ErrorCode.INVALID, f"{problem} in {directory}{other}", tool=f"{in_go}: {problem}")
        half[direction] = Script(printable(match[2]), folder + name)
    return Migrations(
        tuple(Migration(version, half.get("up"), half.get("down")) for version, half in sorted(found.items()))
    )


def _names(directory: Path, in_go: str) -> list[str]:
    try:
        with os.scandir(directory) as entries:
            # A link is a file, whatever it points to; what is wrong with it shows when it is read.
            names = [entry.name for entry in entries if not entry.is_dir(follow_symlinks=False)]
    except (OSError, ValueError) as error:
        # A ValueError is a NUL in the path, which a URL can hold as %00.
        reason = (getattr(error, "strerror", None) or "invalid argument").lower()
        raise MigrationError(
            ErrorCode.INVALID, f"cannot read the migrations in {directory}: {reason}", tool=f"{in_go}: open .: {reason}"
        ) from error
    # In byte order, so that of two duplicates it is always the same one that is named.
    return sorted(names, key=os.fsencode)


def _version(item: Migration) -> int:
    return item.version
