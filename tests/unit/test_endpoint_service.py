"""Endpoints behind a password: how many may be hashed at a time."""

import base64
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from codeactions.domain.code import new_code
from codeactions.domain.errors import Error, ErrorCode
from codeactions.domain.protection import Protection, ProtectionKind, hash_password
from codeactions.identity.cipher import Cipher
from codeactions.postgres.codes import CodeWithProtection
from codeactions.services import endpoints
from codeactions.services.endpoints import EndpointService

NOW = datetime(2026, 1, 2, tzinfo=UTC)
PASSWORD = "a password of some length"


def guarded() -> CodeWithProtection:
    """An endpoint of ana's."""
    fields = {"name": "n", "type": "endpoint", "source": "x", "language": "python", "project_uuid": "p"}
    code = new_code(fields, languages=["python"], id=UUID(int=1), now=NOW)
    dates = {"created_at": NOW, "updated_at": NOW}
    secret = hash_password(PASSWORD)
    return CodeWithProtection(
        code, Protection(code_id=code.id, kind=ProtectionKind.BASIC, username="ana", secret=secret, **dates)
    )


def credentials(password: str) -> dict[str, str]:
    """The header that presents them."""
    return {"authorization": "Basic " + base64.b64encode(f"ana:{password}".encode()).decode()}


async def test_who_finds_all_hashers_busy_is_told_so_and_who_was_right_before_needs_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nothing: Any = None
    service, found = EndpointService(nothing, nothing, nothing, Cipher("k" * 16)), guarded()
    await service.admit(found, credentials(PASSWORD), "")
    monkeypatch.setattr(endpoints, "_HASHER_SECONDS", 0.01)
    for _ in range(endpoints._HASHERS):
        await service._hashers.acquire()
    with pytest.raises(Error) as caught:
        await service.admit(found, credentials("wrong"), "")
    assert caught.value.code is ErrorCode.BUSY
    await service.admit(found, credentials(PASSWORD), "")
    service._hashers.release()
    with pytest.raises(Error) as caught:
        await service.admit(found, credentials("wrong"), "")
    assert caught.value.code is ErrorCode.UNAUTHORIZED
