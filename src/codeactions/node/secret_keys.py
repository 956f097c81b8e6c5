"""The keys with which stored secrets are encrypted: in a file of the data folder, or in a setting."""

import contextlib
import os
import re
import secrets
import tempfile
from collections.abc import Sequence
from pathlib import Path

from codeactions.domain.errors import Error, ErrorCode
from codeactions.identity.cipher import Keys
from codeactions.node.secrets import SHORTEST, load_or_make

_MEND = "restore it from a backup; without it, what is encrypted with its keys is lost"


def server_keys(setting: str | None, data_dir: Path) -> Keys:
    """Return the server's keys: those of the setting, or else of the file, which is made if there is none.

    Raises `Error` when the file cannot be used.
    """
    if setting is None:
        return load_or_make_keys(data_dir)
    keys = keys_in(setting)
    return lambda: keys


def key_path(data_dir: Path) -> Path:
    """Return the path of the keys of stored secrets."""
    return data_dir / "secret.key"


def load_or_make_keys(data_dir: Path) -> "KeyFile":
    """Return the keys of stored secrets, and make one if there is none. Raises `Error` when the file cannot be used."""
    load_or_make(key_path(data_dir), mend=_MEND)
    return KeyFile(key_path(data_dir))


def keys_in(setting: str) -> tuple[str, ...]:
    """Return the keys in a setting, newest first.

    They are separated by commas or white space, and have 16 characters or more. What has a shorter part is one key, as
    in earlier versions, which knew only one. What they encrypted with a text that looks like several stays readable.
    """
    whole = setting.strip()
    parts = [part for part in re.split(r"[\s,]+", whole) if part]
    if len(parts) < 2 or any(len(part) < SHORTEST for part in parts):
        return (setting,)
    return (*parts, setting)


class KeyFile:
    """The keys of stored secrets in a file, one a line, newest first. It may change while a server runs."""

    def __init__(self, path: Path) -> None:
        """Read the file. Raises `Error` (invalid) when it holds no key."""
        self.path = path
        self._state: tuple[int, ...] = ()
        self._keys: tuple[str, ...] = ()
        if not self():
            raise Error(ErrorCode.INVALID, f"{path} holds no key: {_MEND}")

    def __repr__(self) -> str:
        return f"<KeyFile {self.path}: {len(self._keys)} keys>"

    def __call__(self) -> Sequence[str]:
        """Return the keys as they are now. Of a file that is gone or holds none, those that were read last stay."""
        with contextlib.suppress(OSError, UnicodeDecodeError):
            found = os.stat(self.path)
            state = (found.st_ino, found.st_mtime_ns, found.st_size)
            if state != self._state:
                lines = [line.strip() for line in self.path.read_text().splitlines()]
                keys = tuple(line for line in lines if len(line) >= SHORTEST)
                self._state, self._keys = state, keys or self._keys
        return self._keys

    def add(self) -> None:
        """Make a new key and put it before the others, at once or not at all. Raises `Error`.

        The others stay: backups, and what is not yet encrypted anew, need them.
        """
        content = "\n".join((secrets.token_urlsafe(32), *self())) + "\n"
        try:
            path = self.path.resolve()  # a link stays one: the keys belong where it leads
            before = os.stat(path)
            with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f"{path.name}.", delete=False) as file:
                try:
                    if (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
                        os.fchown(file.fileno(), before.st_uid, before.st_gid)
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                    os.replace(file.name, path)
                except BaseException:  # Ctrl-C included: no key may lie around under another name
                    os.unlink(file.name)
                    raise
            _sync_folder(path.parent)
        except OSError as error:
            raise Error(ErrorCode.INVALID, f"{self.path} cannot be written: {error.strerror}") from None


def _sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
