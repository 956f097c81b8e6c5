"""The order in which `/run` checks the role, counts, reads the body and runs."""

from typing import Any
from uuid import UUID

import pytest
from unit.calls import ID, OLD, Fakes, Ids, request, stored

from codeactions.domain.caller import Caller, CallerKind
from codeactions.domain.errors import Error, ErrorCode
from codeactions.domain.ids import AnyId, OldId
from codeactions.domain.role import Role
from codeactions.limits.call_meter import CallMeter
from codeactions.services.runs import RunService

ANA = "ana@example.com"


async def call(fakes: Fakes, caller: Caller, code_id: AnyId = ID) -> None:
    """Ask for a run."""
    nothing: Any = None
    service = RunService(fakes, fakes, fakes, nothing, nothing, Ids())
    asked = request(code_id, authorization="Bearer x", x_a="1", x_b="has ca_secret")
    await service.call(caller, code_id, asked, fakes.read_body, CallMeter(fakes))


@pytest.mark.parametrize("kind", ["flow", "endpoint"])
async def test_a_code_of_either_type_is_counted_once_for_the_code_and_the_caller(kind: str) -> None:
    fakes = Fakes(stored(type=kind), Role.CONTRIBUTOR)
    await call(fakes, fakes.user)
    assert fakes.steps == ["find", f"count code and caller: {ID}, {ANA}", "read body", "run"]
    assert dict(fakes.calls[0].headers) == {"x-a": "1"}, "Authorization and tokens are not the code's to see"


async def test_the_administrator_is_not_counted() -> None:
    fakes = Fakes(stored())
    await call(fakes, Caller(kind=CallerKind.ADMINISTRATOR, name="a", everywhere=True))
    assert fakes.steps == ["find", "read body", "run"]


@pytest.mark.parametrize(
    ("role", "code_id", "code"),
    [
        (None, ID, ErrorCode.NOT_FOUND),
        (Role.VIEWER, ID, ErrorCode.FORBIDDEN),
        (Role.MODERATOR, UUID(int=7), ErrorCode.NOT_FOUND),
    ],
)
async def test_a_caller_that_may_not_run_a_code_takes_nothing_from_its_limit(
    role: Role | None, code_id: UUID, code: ErrorCode
) -> None:
    fakes = Fakes(stored(), role)
    with pytest.raises(Error) as caught:
        await call(fakes, fakes.user, code_id)
    assert caught.value.code is code
    assert fakes.steps == ["find", f"count caller: {ANA}"]


async def test_over_the_limit_the_body_is_not_read() -> None:
    fakes = Fakes(stored(), Role.MODERATOR)
    fakes.used_up = {"code and caller"}
    with pytest.raises(Error) as caught:
        await call(fakes, fakes.user)
    assert caught.value.code is ErrorCode.RATE_LIMITED
    assert "read body" not in fakes.steps


async def test_an_old_id_is_counted_as_the_codes_own() -> None:
    fakes = Fakes(stored(), Role.CONTRIBUTOR)
    await call(fakes, fakes.user, OLD)
    assert fakes.steps == ["find", f"count code and caller: {ID}, {ANA}", "read body", "run"]


@pytest.mark.parametrize("code_id", [OLD, OldId("6" * 24)])
async def test_a_stranger_cannot_tell_a_code_with_an_old_id_from_none(code_id: OldId) -> None:
    fakes = Fakes(stored())
    with pytest.raises(Error) as caught:
        await call(fakes, fakes.user, code_id)
    assert (caught.value.code, caught.value.message) == (ErrorCode.NOT_FOUND, f"there is no code {code_id}")
