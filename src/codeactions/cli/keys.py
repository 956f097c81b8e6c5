"""The server's keys for a command that encrypts secrets: those of the running server, or none at all."""

import os
from pathlib import Path

from codeactions.cli.logging import say
from codeactions.domain.errors import Error, ErrorCode
from codeactions.identity.cipher import Cipher, Keys
from codeactions.node.secret_keys import KeyFile, key_path, keys_in, load_or_make_keys
from codeactions.node.settings import Settings
from codeactions.postgres.database import Statements
from codeactions.postgres.stored_secrets import StoredSecrets
from codeactions.services.key_rotation import require_readable


async def command_keys(settings: Settings, database: Statements) -> Keys:
    """Return the keys. A new file is made only for a database without secrets. Raises `Error` (conflict, invalid)."""
    path = key_path(settings.data_dir)
    if settings.secret_key is not None:
        keys = keys_in(settings.secret_key)
        return lambda: keys
    is_new = not _exists(path)
    if is_new and await StoredSecrets(database).samples():
        raise Error(
            ErrorCode.CONFLICT,
            f"there is no {path}, and this database has secrets: set CODEACTIONS_SECRET_KEY as the server has it, or "
            "CODEACTIONS_DATA_DIR to its data folder",
        )
    file = load_or_make_keys(settings.data_dir)
    if is_new:
        say(f"made the key {path}, which the server needs to read secrets")
    return file


async def command_cipher(settings: Settings, database: Statements) -> tuple[Cipher, Keys]:
    """Return the cipher with the keys, which are those of the database. Raises `Error` (conflict, invalid)."""
    keys = await command_keys(settings, database)
    cipher = Cipher(keys)
    place = f"a key of {keys.path}" if isinstance(keys, KeyFile) else "CODEACTIONS_SECRET_KEY"
    await require_readable(StoredSecrets(database), cipher, place)
    return cipher, keys


def _exists(path: Path) -> bool:
    return os.path.exists(path)  # unlike Path.exists, it raises nothing in a folder that is closed
