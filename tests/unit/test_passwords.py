"""Passwords of protected endpoints: how many are hashed at a time, and which are remembered."""

import base64
from datetime import UTC, datetime
from uuid import UUID

import pytest

from codeactions.domain.errors import Error, ErrorCode
from codeactions.domain.protection import Protection, ProtectionKind, hash_password
from codeactions.identity import passwords
from codeactions.identity.passwords import PasswordCheck

NOW = datetime(2026, 1, 2, tzinfo=UTC)
PASSWORD = "a password of some length"


def protection(password: str = PASSWORD, username: str = "ana") -> Protection:
    """A protection with this user name and password."""
    return Protection(
        code_id=UUID(int=1),
        kind=ProtectionKind.BASIC,
        username=username,
        secret=hash_password(password),
        created_at=NOW,
        updated_at=NOW,
    )


def credentials(password: str = PASSWORD, username: str = "ana") -> str:
    """The Authorization header that presents them."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The passwords that were hashed to be checked."""
    found: list[str] = []
    check = passwords.is_password

    def is_password(password: str, stored: bytes) -> bool:
        found.append(password)
        return check(password, stored)

    monkeypatch.setattr(passwords, "is_password", is_password)
    return found


async def test_only_the_right_name_with_the_right_password_is_right(hashed: list[str]) -> None:
    check, wanted = PasswordCheck(), protection()
    assert await check.is_right(wanted, credentials())
    for wrong in (credentials("wrong"), credentials(username="bo"), credentials(username="")):
        assert not await check.is_right(wanted, wrong)
    assert hashed == [PASSWORD, "wrong", PASSWORD, PASSWORD]
    assert repr(check) == "<PasswordCheck with 1 remembered>"


async def test_what_holds_no_credentials_is_not_hashed(hashed: list[str]) -> None:
    check, wanted = PasswordCheck(), protection()
    for header in ("", "Bearer x", "Basic !", "Basic " + base64.b64encode(b"no colon").decode()):
        assert not await check.is_right(wanted, header)
    assert not await check.is_right(wanted, credentials("x" * 20_000))
    assert hashed == []


async def test_a_right_password_is_hashed_once_until_the_stored_one_changes(hashed: list[str]) -> None:
    check, wanted = PasswordCheck(), protection()
    assert [await check.is_right(wanted, credentials()) for _ in range(3)] == [True] * 3
    assert hashed == [PASSWORD]
    assert not await check.is_right(protection("another password"), credentials())
    assert await check.is_right(protection(), credentials())  # the same password with another salt
    assert len(hashed) == 3


async def test_those_remembered_longest_ago_make_room(hashed: list[str]) -> None:
    check = PasswordCheck(most_remembered=2)
    several = [(protection(f"password number {number}"), credentials(f"password number {number}")) for number in "123"]
    for wanted, header in [*several, *several[1:], several[0]]:
        assert await check.is_right(wanted, header)
    assert [password[-1] for password in hashed] == ["1", "2", "3", "1"]
    assert repr(check) == "<PasswordCheck with 2 remembered>"


async def test_a_caller_that_finds_all_hashers_busy_is_refused_and_one_that_was_right_before_needs_none() -> None:
    check, wanted = PasswordCheck(hashers=1, patience=0.01), protection()
    assert await check.is_right(wanted, credentials())
    await check._hashers.acquire()
    with pytest.raises(Error, match="too many passwords") as caught:
        await check.is_right(wanted, credentials("wrong"))
    assert caught.value.code is ErrorCode.BUSY
    assert await check.is_right(wanted, credentials())
    check._hashers.release()
    assert not await check.is_right(wanted, credentials("wrong"))
