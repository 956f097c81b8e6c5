"""A file that gets its name only when it is complete."""

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from codeactions.domain.errors import Error, ErrorCode, invalid

_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


def require_new(path: Path) -> None:
    """Raise `Error` (conflict) if the path exists. `new_file` does so too, but also at its end."""
    if os.path.lexists(path):
        raise Error(ErrorCode.CONFLICT, f"{path} exists already: give another name, nothing is ever overwritten")


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[IO[bytes]]:
    """Provide a file to write to for the block; at the end it is synchronised to disk and gets its name.

    Until then it is `.codeactions-….part` in the same folder, which a kill -9 leaves behind; after an error it is
    deleted. Only its owner can read it. It never replaces a file. Raises `Error`: conflict if the path exists; invalid
    for an OSError, including those of the block.
    """
    require_new(path)
    try:
        handle, temporary = tempfile.mkstemp(prefix=".codeactions-", suffix=".part", dir=path.parent)  # mode 0600
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                os.fsync(handle)
            _name(temporary, path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise invalid(f"{path} cannot be written: {error.strerror or error}") from error


def _name(temporary: str, path: Path) -> None:
    try:
        os.link(temporary, path)  # unlike a rename, this fails if the name was taken in the meantime
    except FileExistsError:
        require_new(path)
        raise
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        require_new(path)
        os.rename(temporary, path)
