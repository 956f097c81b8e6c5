"""The migration files in a folder, in order."""

import os
import re
from bisect import bisect_left
from typing import NamedTuple

from codeactions.migrate.errors import ErrorCode, MigrationError
from codeactions.migrate.go_compat.quoting import quoted
from codeactions.migrate.versions import MAX_VERSION, NIL_VERSION

# golang-migrate's own pattern. The greedy title makes the last .up. or .down. decide, and any ending
# counts, so an editor's left-over (1_a.up.sql.orig) is a migration and shows up as a duplicate.
_NAME = re.compile(r"([0-9]+)_(.*)\.(down|up)\.(.*)")


class Script(NamedTuple):
    """One file: one direction of one version."""

    title: str
    file: str
    """The file's path: a text, since a path object for each file takes longer than listing the folder."""

    @property
    def name(self) -> str:
        """The file's name, for messages."""
        return printable(os.path.basename(self.file))

    def read(self) -> bytes:
        """Return the text as it goes to the server. Raises `MigrationError` (internal)."""
        from codeactions.migrate.statements.psql import for_server  # with patterns that only a file needs

        try:
            with open(self.file, "rb") as file:
                return for_server(file.read())
        except OSError as error:
            raise MigrationError(
                ErrorCode.INTERNAL, f"cannot read the migration {self.name}: {error.strerror}"
            ) from error

    def checksum(self) -> str:
        """Return the checksum of the text as it is now. Raises what `read` raises."""
        return checksum(self.read())


class Migration(NamedTuple):
    """The files of one version. A missing half counts as an empty one."""

    version: int
    up: Script | None = None
    down: Script | None = None

    @property
    def title(self) -> str:
        """The words between number and direction in the file's name."""
        script = self.up or self.down
        return script.title if script else ""


class Migrations(NamedTuple):
    """All migrations of a folder, in order of their versions."""

    items: tuple[Migration, ...]

    @property
    def latest(self) -> int:
        """The highest version that has a file; NIL_VERSION in an empty folder."""
        return self.items[-1].version if self.items else NIL_VERSION

    def find(self, version: int) -> Migration | None:
        """Return the migration with exactly this version, or None."""
        at = self._place(version)
        found = at < len(self.items) and self.items[at].version == version
        return self.items[at] if found else None

    def below(self, version: int) -> int:
        """Return the version that undoing everything from `version` upwards leads to."""
        at = self._place(version)
        return self.items[at - 1].version if at else NIL_VERSION

    def _place(self, version: int) -> int:
        return bisect_left(self.items, version, key=_version)


def printable(name: str) -> str:
    """Return a file's name as text for any output: bytes that are not UTF-8 (surrogates) become `\\xe9`."""
    return name.encode(errors="surrogateescape").decode(errors="backslashreplace")


def checksum(text: bytes) -> str:
    """Return the SHA-256 of `text`, in hex."""
    from hashlib import sha256  # loads OpenSSL, which not every command needs

    return sha256(text).hexdigest()


def read_directory(directory: str | os.PathLike[str], address: str | None = None) -> Migrations:
    """Return all migrations of `directory`, without its subfolders. Files with other names are passed over.

    `address` is the folder's name in errors: the URL, as golang-migrate was given it. Raises `MigrationError` (invalid)
    if the folder cannot be read, if two files are the same half of one version, or if a version is too large.
    """
    in_go = f"failed to open source, {quoted(f'file://{directory}' if address is None else address)}"
    folder = os.path.join(directory, "")
    found: dict[int, dict[str, Script]] = {}
    for name in _names(directory, in_go):
        match = _NAME.fullmatch(name)
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
            raise MigrationError(ErrorCode.INVALID, f"{problem} in {directory}{other}", go_text=f"{in_go}: {problem}")
        half[direction] = Script(printable(match[2]), folder + name)
    return Migrations(
        tuple(Migration(version, half.get("up"), half.get("down")) for version, half in sorted(found.items()))
    )


def _names(directory: str | os.PathLike[str], in_go: str) -> list[str]:
    try:
        with os.scandir(directory) as entries:
            # A link counts as a file, whatever it points to; a broken one shows when it is read.
            names = [entry.name for entry in entries if not entry.is_dir(follow_symlinks=False)]
    except (OSError, ValueError) as error:
        # A ValueError is a NUL in the path, which a URL can hold as %00.
        reason = (getattr(error, "strerror", None) or "invalid argument").lower()
        raise MigrationError(
            ErrorCode.INVALID,
            f"cannot read the migrations in {directory}: {reason}",
            go_text=f"{in_go}: open .: {reason}",
        ) from error
    # In byte order, so that always the same one of two duplicates is named.
    return sorted(names, key=os.fsencode)


def _version(item: Migration) -> int:
    return item.version
