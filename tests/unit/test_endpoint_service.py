"""The order in which an endpoint's call is counted, found, admitted, read, checked and run."""

import hashlib
import hmac
from typing import Any
from uuid import UUID

import pytest
from unit.calls import ADMINISTRATOR, ID, OLD, USER, Fakes, Ids, request, stored

from codeactions.domain.errors import Error, ErrorCode
from codeactions.domain.protection import ProtectionKind, secret_identity
from codeactions.domain.role import Role
from codeactions.identity.cipher import Cipher
from codeactions.limits.call_meter import CallMeter
from codeactions.limits.quota import Quota
from codeactions.services.call_request import CallRequest
from codeactions.services.endpoints import EndpointService

CIPHER = Cipher(lambda: ("k" * 16,))
SECRET = "a shared secret of some length"
SIGNED = "sha256=" + hmac.new(SECRET.encode(), b"body", hashlib.sha256).hexdigest()
BY_ADDRESS = "count caller: 2001:db8:1:2::/64"
BY_CODE = f"count code: {ID}"
HMAC = {"secret": CIPHER.encrypt(SECRET, secret_identity(ID)), "header": "X-Signature"}


async def call(fakes: Fakes, asked: CallRequest) -> CallMeter:
    """Call the endpoint; the meter afterwards."""
    passwords: Any = fakes
    meter = CallMeter(fakes)
    await EndpointService(fakes, fakes, fakes, CIPHER, passwords, Ids()).call(asked, fakes.read_body, meter)
    return meter


async def refused(fakes: Fakes, asked: CallRequest) -> Error:
    """The error that a call is refused with."""
    with pytest.raises(Error) as caught:
        await call(fakes, asked)
    assert "run" not in fakes.steps
    return caught.value


async def test_a_public_endpoint_takes_from_both_limits_before_the_body_is_read() -> None:
    fakes = Fakes(stored())
    meter = await call(fakes, request())
    assert fakes.steps == [BY_ADDRESS, "find", BY_CODE, "read body", "run"]
    assert meter.quota == Quota(10, 3, 60), "the tighter limit is shown"


@pytest.mark.parametrize(
    ("found", "headers", "between"),
    [
        (stored(ProtectionKind.TOKEN), {"authorization": USER}, ["identify", "read body"]),
        (stored(ProtectionKind.BASIC), {"authorization": "Basic right"}, ["check password", "read body"]),
        (stored(ProtectionKind.HMAC, **HMAC), {"x_signature": SIGNED}, ["read body"]),
    ],
    ids=lambda value: str(value)[:20],
)
async def test_a_protected_endpoint_takes_from_the_codes_limit_only_once_the_caller_is_admitted(
    found: Any, headers: dict[str, str], between: list[str]
) -> None:
    fakes = Fakes(found, Role.CONTRIBUTOR)
    await call(fakes, request(**headers))
    assert fakes.steps == [BY_ADDRESS, "find", *between, BY_CODE, "run"]


@pytest.mark.parametrize("found", [stored(), stored(ProtectionKind.TOKEN)], ids=["public", "protected"])
async def test_the_administrator_is_never_counted(found: Any) -> None:
    fakes = Fakes(found)
    meter = await call(fakes, request(authorization=ADMINISTRATOR))
    assert [step for step in fakes.steps if step.startswith("count")] == []
    assert meter.quota is None


@pytest.mark.parametrize(
    ("found", "headers", "code", "steps"),
    [
        (stored(ProtectionKind.TOKEN), {}, ErrorCode.UNAUTHORIZED, ["identify"]),
        (stored(ProtectionKind.TOKEN), {"authorization": USER}, ErrorCode.FORBIDDEN, ["identify"]),
        (stored(ProtectionKind.BASIC), {"authorization": "Basic wrong"}, ErrorCode.UNAUTHORIZED, ["check password"]),
        (stored(ProtectionKind.HMAC, **HMAC), {}, ErrorCode.UNAUTHORIZED, []),
        (stored(ProtectionKind.HMAC, **HMAC), {"x_signature": "sha256=00"}, ErrorCode.UNAUTHORIZED, ["read body"]),
    ],
    ids=lambda value: str(value)[:20],
)
async def test_a_caller_that_is_refused_takes_nothing_from_the_codes_limit_and_sends_no_body_in_vain(
    found: Any, headers: dict[str, str], code: ErrorCode, steps: list[str]
) -> None:
    fakes = Fakes(found, Role.VIEWER)
    error = await refused(fakes, request(**headers))
    assert error.code is code
    assert fakes.steps == [BY_ADDRESS, "find", *steps]


async def test_a_token_for_another_project_learns_nothing_of_the_endpoint() -> None:
    error = await refused(Fakes(stored(ProtectionKind.TOKEN)), request(authorization=USER))
    missing = await refused(Fakes(None), request())
    assert (error.code, error.message) == (missing.code, missing.message)


@pytest.mark.parametrize(
    ("found", "code_id", "told"),
    [
        (stored(type="flow"), ID, str(ID)),
        (None, ID, str(ID)),
        (stored(), UUID(int=7), str(UUID(int=7))),
        (stored(), "x" * 100, "x" * 64),
    ],
    ids=["a flow", "nothing", "another", "no id"],
)
async def test_what_is_no_endpoint_is_counted_for_the_address_and_not_found(
    found: Any, code_id: object, told: str
) -> None:
    fakes = Fakes(found)
    error = await refused(fakes, request(code_id))
    assert (error.code, error.message) == (ErrorCode.NOT_FOUND, f"there is no endpoint {told}")
    assert fakes.steps[0] == BY_ADDRESS
    assert "read body" not in fakes.steps


@pytest.mark.parametrize(("limit", "steps"), [("caller", [BY_ADDRESS]), ("code", [BY_ADDRESS, "find", BY_CODE])])
async def test_over_a_limit_nothing_further_is_done(limit: str, steps: list[str]) -> None:
    fakes = Fakes(stored())
    fakes.used_up = {limit}
    assert (await refused(fakes, request())).code is ErrorCode.RATE_LIMITED
    assert fakes.steps == steps


async def test_a_browsers_credentials_are_refused_to_another_sites_page_where_a_token_is_asked_for() -> None:
    fakes = Fakes(stored(ProtectionKind.TOKEN), Role.MODERATOR)
    asked = request(authorization="Basic right", sec_fetch_site="cross-site")
    assert "another site's page" in (await refused(fakes, asked)).message
    assert "identify" not in fakes.steps
    passwords = Fakes(stored(ProtectionKind.BASIC))
    await call(passwords, asked)  # the page knows the password itself
    assert passwords.steps[-1] == "run"


@pytest.mark.parametrize(
    ("found", "kept"),
    [
        (stored(), {"authorization": "Bearer other", "x-signature": "s", "x-a": "1"}),
        (stored(ProtectionKind.HMAC, **HMAC), {"authorization": "Bearer other", "x-a": "1"}),
        (stored(ProtectionKind.BASIC), {"x-signature": "s", "x-a": "1"}),
    ],
    ids=["public", "hmac", "basic"],
)
async def test_the_run_sees_the_call_without_what_let_it_in(found: Any, kept: dict[str, str]) -> None:
    fakes = Fakes(found)
    authorization = "Basic right" if "authorization" not in kept else "Bearer other"
    signature = SIGNED if "x-signature" not in kept else "s"
    await call(fakes, request(authorization=authorization, x_signature=signature, x_a="1", x_b="has ca_secret"))
    [made] = fakes.calls
    assert (made.method, made.path, made.params, made.body) == ("PUT", "/a/b", (("q", "1"),), b"body")
    assert dict(made.headers) == kept


async def test_a_key_of_the_server_is_not_shown_to_a_public_endpoint() -> None:
    fakes = Fakes(stored())
    await call(fakes, request(authorization=USER))
    assert fakes.calls[0].headers == ()


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"headers": (("x-long", "x" * 65536),)}, ErrorCode.TOO_LARGE),
        ({"query": "&".join(["a=1"] * 1001)}, ErrorCode.INVALID),
    ],
    ids=["headers", "query"],
)
async def test_headers_and_parameters_have_a_bound(changed: dict[str, Any], code: ErrorCode) -> None:
    facts: dict[str, Any] = {"code_id": str(ID), "method": "GET", "path": "", "query": "", "headers": (), "address": ""}
    assert (await refused(Fakes(stored()), CallRequest(**{**facts, **changed}))).code is code


async def test_an_old_id_is_the_codes_own_and_counts_for_it() -> None:
    fakes = Fakes(stored())
    await call(fakes, request(OLD.upper()))
    assert fakes.steps == [BY_ADDRESS, "find", BY_CODE, "read body", "run"]


async def test_what_is_refused_by_an_old_id_says_no_other_id_of_it() -> None:
    for found, asked in (
        (stored(type="flow"), request(OLD)),
        (None, request(OLD)),
        (stored(), request("6" * 24)),
        (stored(ProtectionKind.TOKEN), request(OLD, authorization=USER)),
    ):
        error = await refused(Fakes(found), asked)
        assert error.code is ErrorCode.NOT_FOUND
        assert error.message == f"there is no endpoint {asked.code_id}", "the same, whether or not there is one"


async def test_a_flow_is_run_where_flows_are() -> None:
    fakes = Fakes(stored(type="flow"))
    passwords: Any = fakes
    service = EndpointService(fakes, fakes, fakes, CIPHER, passwords, Ids())
    await service.call(request(), fakes.read_body, CallMeter(fakes), flows=True)
    assert fakes.steps[-1] == "run"
