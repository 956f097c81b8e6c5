"""The administrator's token: from the environment, or made once and kept where only its owner can read it."""

import os
import secrets
from pathlib import Path

from codeactions.domain.errors import Error, ErrorCode

_FILE = "token"


def token_path(data_dir: Path) -> Path:
    """Where a token that the server made is kept."""
    return data_dir / _FILE


def load_or_make_token(data_dir: Path) -> str:
    """The kept token; a new one at first start. Raises `Error` when the file cannot be used."""
    path = token_path(data_dir)
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            token = path.read_text().strip()
            if len(token) < 16:
                raise Error(ErrorCode.INVALID, f"{path} holds no token: delete it and start again") from None
            os.chmod(path, 0o600)
            return token
        with os.fdopen(fd, "w") as file:
            token = secrets.token_urlsafe(32)
            file.write(token + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise Error(ErrorCode.INVALID, f"the data folder cannot be used: {path}: {error.strerror}") from None
    return token
