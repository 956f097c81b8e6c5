"""Codes in memory by id and by name: a change of one drops every name."""

from typing import Any
from uuid import UUID

import pytest
from unit.calls import ID, stored

from codeactions.domain.errors import Error, ErrorCode
from codeactions.postgres.codecache import CodeCache
from codeactions.postgres.codes import CodeName, CodeWithProtection

NAME = CodeName("p", "n")


class Store:
    """One code, and a note of what was read."""

    def __init__(self) -> None:
        self.reads: list[object] = []

    async def get_with_protection(self, key: UUID) -> CodeWithProtection:
        """The code."""
        self.reads.append(key)
        return stored()

    async def id_of(self, name: CodeName) -> UUID:
        """Its id."""
        self.reads.append(name)
        if name != NAME:
            raise Error(ErrorCode.NOT_FOUND, "no such name")
        return ID


@pytest.fixture
def store() -> Store:
    """What is in the database."""
    return Store()


@pytest.fixture
def cache(store: Any) -> CodeCache:
    """A cache that hears of changes."""
    found = CodeCache(store, bytes_kept=10_000)
    found.on_hearing(is_hearing=True)
    return found


async def test_a_name_is_read_once_and_known_from_then_on(cache: CodeCache, store: Store) -> None:
    assert cache.known(NAME) is None
    assert [await cache.id_of(NAME) for _ in range(2)] == [ID, ID]
    assert cache.known(NAME) == ID
    assert store.reads == [NAME]


async def test_a_name_that_is_not_found_is_read_again(cache: CodeCache, store: Store) -> None:
    for _ in range(2):
        with pytest.raises(Error):
            await cache.id_of(CodeName("p", "other"))
    assert len(store.reads) == 2


@pytest.mark.parametrize("heard", [str(ID), str(UUID(int=9)), "*"], ids=["this code", "another code", "everything"])
async def test_any_change_of_a_code_drops_every_name(cache: CodeCache, store: Store, heard: str) -> None:
    await cache.id_of(NAME)
    cache.on_change(heard)
    assert cache.known(NAME) is None
    await cache.id_of(NAME)
    assert store.reads == [NAME, NAME]


async def test_what_is_changed_here_drops_them_too(cache: CodeCache) -> None:
    await cache.id_of(NAME)
    cache.forget(UUID(int=9))
    assert cache.known(NAME) is None


async def test_nothing_is_kept_while_changes_are_not_heard(cache: CodeCache, store: Store) -> None:
    await cache.id_of(NAME)
    cache.on_hearing(is_hearing=False)
    for _ in range(2):
        assert cache.known(NAME) is None
        await cache.id_of(NAME)
        await cache.get(ID)
    assert store.reads == [NAME, NAME, ID, NAME, ID]
