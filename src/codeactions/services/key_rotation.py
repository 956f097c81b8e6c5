"""Rotation of the server's key: every stored secret is encrypted anew with the newest one.

It may be ended at any moment and run again: each batch is a transaction, and old keys stay known.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from codeactions.domain.errors import Error, ErrorCode
from codeactions.identity.cipher import Cipher
from codeactions.postgres.database import Connection, Transaction
from codeactions.postgres.stored_secrets import SecretTable, StoredSecrets

_BATCH = 100


@dataclass(slots=True)
class Rotated:
    """The result of a rotation. unreadable: the secrets that no known key opens, in words; they stay as they are."""

    done: int = 0
    unreadable: list[str] = field(default_factory=list)


async def unreadable(secrets: StoredSecrets, cipher: Cipher) -> tuple[list[str], int]:
    """Try a secret of each key. Return those that cannot be read, in words, and the number of those that were tried."""
    samples = await secrets.samples()
    lost = []
    for sample in samples:
        try:
            cipher.decrypt(sample.encrypted, sample.identity)
        except Error:
            lost.append(sample.noun)
    return lost, len(samples)


async def require_readable(secrets: StoredSecrets, cipher: Cipher, keys: str) -> None:
    """Check that the keys are those of the database. keys: where they are, for the message.

    Raises `Error` (conflict) if there are secrets, and none can be read: what is encrypted with these keys would be
    unreadable to the server.
    """
    lost, tried = await unreadable(secrets, cipher)
    if tried and len(lost) == tried:
        raise Error(
            ErrorCode.CONFLICT,
            f"the secrets of this database are not encrypted with {keys}: give the key that the server has",
        )


async def rotate(
    connection: Connection,
    cipher: Cipher,
    *,
    add_key: Callable[[], None] | None,
    say: Callable[[str], None],
    progress: Callable[[int, int], None],
) -> Rotated:
    """Make a new key, and encrypt every stored secret anew with it.

    add_key: puts a new key before the others; None where that is done already. It is not called if secrets are left
    over from a rotation before, which is finished instead. say: called with lines for people. progress: called with the
    number of secrets that are done, and of all. Raises `Error`: conflict while another rotation runs.
    """
    secrets = StoredSecrets(Transaction(connection))
    if not await secrets.lock():
        raise Error(ErrorCode.CONFLICT, "another rotation of keys runs right now: wait for its end")
    try:
        if add_key is not None:
            left_over = await _rotate_all(connection, cipher, progress) if cipher.number > 1 else Rotated()
            if left_over.done:
                say("no new key was made: a rotation before this one had not come to its end, and is finished now")
                return left_over
            add_key()
            say("a new key was made")
        return await _rotate_all(connection, cipher, progress)
    finally:
        if not connection.broken:
            await secrets.unlock()


async def _rotate_all(connection: Connection, cipher: Cipher, progress: Callable[[int, int], None]) -> Rotated:
    total = await StoredSecrets(Transaction(connection)).count_stale(cipher.newest)
    rotated = Rotated()
    for table in SecretTable:
        await _rotate(connection, cipher, table, rotated, lambda done: progress(done, total))
    return rotated


async def _rotate(
    connection: Connection, cipher: Cipher, table: SecretTable, rotated: Rotated, progress: Callable[[int], None]
) -> None:
    after: UUID | None = None
    while True:
        async with connection.transaction():
            secrets = StoredSecrets(Transaction(connection))
            batch = await secrets.stale(table, cipher.newest, after, _BATCH)
            if not batch:
                return
            ids, fresh = [], []
            for one in batch:
                try:
                    plain = cipher.decrypt(one.encrypted, one.identity).decode()
                except Error:
                    rotated.unreadable.append(one.noun)
                    continue
                ids.append(one.id)
                fresh.append(cipher.encrypt(plain, one.identity))
            await secrets.replace(table, ids, fresh)
        rotated.done += len(ids)
        after = batch[-1].id
        progress(rotated.done)
