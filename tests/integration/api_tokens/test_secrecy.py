"""Tokens of every form and kind: none reaches a code or its record."""

import base64
import hmac
import json

import httpx
import pytest
from harness import TOKEN, Server
from integration.api_tokens.tokens import P, called, make
from issuer import Issuer

ECHO = "def Run(engine):\n    return [engine.header.items(), engine.params.items(), engine.body]\n"


def forms(token: str) -> dict[str, str]:
    """Every form of an Authorization header with the token."""
    basic = base64.b64encode(f"anyone:{token}".encode()).decode()
    return {
        "token": f"Token {token}", "bearer": f"Bearer {token}", "bare": token, "case": f"bEARER {token}",
        "spaces": f"Token   {token}", "basic": f"Basic {basic}",
    }  # fmt: skip


@pytest.mark.parametrize("form", forms(""))
@pytest.mark.parametrize("kind", ["flow", "endpoint", "closed"])
def test_every_form_of_a_token_is_taken_and_none_reaches_the_code_or_the_record(
    one: Server, kind: str, form: str
) -> None:
    token = make(one, project_uuid=P, role=2)["token"]
    code_id = one.create(ECHO, type="flow" if kind == "flow" else "endpoint", project_uuid=P)
    if kind == "closed":
        one.client.put(f"/code/{code_id}/protection", json={"kind": "token"}).raise_for_status()
    assert called(one, forms(token)[form], f"/project/{P}").status_code == 200
    headers = {"X-Api-Key": f"Token {token}", "X-Also": f"a {TOKEN} b", "Accept-Language": "ca_ES, ca;q=0.5"}
    path = f"/run/{code_id}" if kind == "flow" else f"/endpoint/{code_id}"
    answer = called(one, forms(token)[form], path, "POST", headers=headers)
    assert answer.status_code == 200, answer.text
    record = one.record(answer)
    told = answer.text + json.dumps(record)
    assert [secret for secret in (token, TOKEN, forms(token)["basic"].split()[1]) if secret in told] == []
    seen = dict(json.loads(record["result"])[0])
    assert seen["accept-language"] == record["headers"]["accept-language"] == "ca_ES, ca;q=0.5"
    assert not {"x-also", "x-api-key", "authorization"} & set(seen)


@pytest.mark.parametrize("protection", [None, "hmac"])
def test_an_identity_token_does_not_reach_a_public_code_or_its_record(
    one: Server, issuer: Issuer, protection: str | None
) -> None:
    """Whoever wrote the code could be its bearer from then on."""
    identity = issuer.sign_in("ida", email="ida@example.com").identity
    code_id = one.create("def Run(engine):\n    return engine.header.items()\n", project_uuid=P)
    headers = {"Authorization": f"Bearer {identity}", "X-Other": "kept"}
    if protection:
        fields = {"kind": protection, "secret": "0123456789abcdef"}
        one.client.put(f"/code/{code_id}/protection", json=fields).raise_for_status()
        headers["X-Signature-256"] = "sha256=" + hmac.new(b"0123456789abcdef", b"", "sha256").hexdigest()
    answer = httpx.post(f"{one.base}/endpoint/{code_id}", headers=headers)
    assert answer.status_code == 200, answer.text
    assert dict(answer.json())["x-other"] == "kept"
    assert identity not in answer.text
    assert identity not in json.dumps(one.record(answer))
    # Another issuer's is the code's own business.
    other = "e30." + base64.urlsafe_b64encode(b'{"iss": "https://other.example"}').decode().rstrip("=") + ".c2ln"
    answer = httpx.post(f"{one.base}/endpoint/{code_id}", headers={**headers, "Authorization": f"Bearer {other}"})
    assert dict(answer.json())["authorization"] == f"Bearer {other}"
