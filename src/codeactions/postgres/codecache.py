"""Codes kept in memory for their calls, by id and by name."""

from uuid import UUID

from codeactions.postgres.cache import Cache
from codeactions.postgres.codes import CodeName, CodeStore, CodeWithProtection

_MOST_NAMES = 10_000


class CodeCache(Cache[UUID, CodeWithProtection]):
    """Codes with their protections by id, and ids by name; hears of changes of codes for both.

    bytes_kept: of sources, with 512 for each code.
    """

    def __init__(self, store: CodeStore, *, bytes_kept: int) -> None:
        super().__init__(store.get_with_protection, parse=UUID, capacity=bytes_kept, size=_size)
        self._names: Cache[CodeName, UUID] = Cache(store.id_of, parse=_no_name, capacity=_MOST_NAMES)

    def known(self, name: CodeName) -> UUID | None:
        """Return the id of a name that is kept. While it is, no code has the name's project for an id."""
        return self._names.kept(name)

    async def id_of(self, name: CodeName) -> UUID:
        """Return the id of the one code of this name. Raises `Error`: not_found, conflict if there are several."""
        return await self._names.get(name)

    def forget(self, key: UUID) -> None:
        """Drop a code, and all names: this code, be it new, may have another one now, and then others are its own."""
        super().forget(key)
        self._names.forget_all()

    def forget_all(self) -> None:
        """Drop everything."""
        super().forget_all()
        self._names.forget_all()

    def on_hearing(self, *, is_hearing: bool) -> None:
        """Start or stop keeping values; either way, drop those that are kept."""
        super().on_hearing(is_hearing=is_hearing)
        self._names.on_hearing(is_hearing=is_hearing)


def _size(found: CodeWithProtection) -> int:
    return 512 + len(found.code.source or "")


def _no_name(payload: str) -> CodeName:
    """Refuse a payload: it is the id of a code."""
    raise ValueError(payload)
