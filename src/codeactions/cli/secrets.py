"""The server's own secrets: from the environment, or made once and kept where only their owner can read them."""

import os
import secrets
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
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            secret = path.read_text().strip()
            if len(secret) < 16:
                raise Error(ErrorCode.INVALID, f"{path} holds no secret: delete it and start again") from None
            os.chmod(path, 0o600)
            return secret
        with os.fdopen(fd, "w") as file:
            secret = secrets.token_urlsafe(32)
            file.write(secret + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise Error(ErrorCode.INVALID, f"the data folder cannot be used: {path}: {error.strerror}") from None
    return secret
