"""The server's own secrets: from the environment, or made once and kept where only their owner can read them."""

import contextlib
import os
import secrets
import tempfile
from pathlib import Path

from codeactions.domain.errors import Error, ErrorCode


def token_path(data_dir: Path) -> Path:
    """Where an administrator's token that the server made is kept."""
    return data_dir / "token"


def load_or_make_token(data_dir: Path) -> str:
    """The administrator's token; a new one at first start. Raises `Error` when the file cannot be used."""
    return _load_or_make(token_path(data_dir))


def load_or_make_key(data_dir: Path) -> str:
    """The key that encrypts stored secrets; a new one at first start. Raises `Error` when the file cannot be used."""
    return _load_or_make(data_dir / "secret.key")


def _load_or_make(path: Path) -> str:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            _make(path)
        secret = path.read_text().strip()
        if len(secret) < 16:
            raise Error(ErrorCode.INVALID, f"{path} holds no secret: delete it and start again") from None
        os.chmod(path, 0o600)
    except OSError as error:
        raise Error(ErrorCode.INVALID, f"the data folder cannot be used: {path}: {error.strerror}") from None
    return secret


def _make(path: Path) -> None:
    """All of it or nothing, whatever ends this process; should another be quicker, its secret stays."""
    with tempfile.NamedTemporaryFile(
        "w", dir=path.parent, prefix=f"{path.name}."
    ) as file:  # only its owner may read it
        file.write(secrets.token_urlsafe(32) + "\n")
        file.flush()
        os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(file.name, path)
