"""The server's own secrets in files that only their owner can read, made at the first start."""

import contextlib
import os
import secrets
import tempfile
from pathlib import Path

from codeactions.domain.errors import Error, ErrorCode

SHORTEST = 16
"""Characters of a secret."""


def token_path(data_dir: Path) -> Path:
    """Return the path of the administrator's token."""
    return data_dir / "token"


def load_or_make_token(data_dir: Path) -> str:
    """Return the administrator's token, and make it if there is none. Raises `Error` when the file cannot be used."""
    return load_or_make(token_path(data_dir))


def load_or_make(path: Path, *, mend: str = "delete it and start again") -> str:
    """Return the secret in a file, and make it if there is none. Raises `Error` when the file cannot be used.

    mend: what to do with a file that is damaged.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            _make(path)
        secret = path.read_text().strip()
        if len(secret) < SHORTEST:
            raise Error(ErrorCode.INVALID, f"{path} holds no secret: {mend}")
        os.chmod(path, 0o600)
    except UnicodeDecodeError:
        raise Error(ErrorCode.INVALID, f"{path} is no text: {mend}") from None
    except OSError as error:
        raise Error(ErrorCode.INVALID, f"the data folder cannot be used: {path}: {error.strerror}") from None
    return secret


def _make(path: Path) -> None:
    """Write a new secret, whole or not at all. A file that another process has made in the meantime stays."""
    # A temporary file can be read by its owner only.
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f"{path.name}.") as file:
        file.write(secrets.token_urlsafe(32) + "\n")
        file.flush()
        os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(file.name, path)
