"""API tokens as callers make and use them."""

from typing import Any

import httpx
from harness import Server

P, ANA = "project-p", "ana@example.com"


def make(server: Server, **fields: Any) -> dict[str, Any]:
    answer = server.client.post("/token", json={"name": "ci", **fields})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def headers_with_token(server: Server, **fields: Any) -> dict[str, str]:
    """The headers of a caller with a new token."""
    return {"Authorization": f"Bearer {make(server, **fields)['token']}"}


def called(server: Server, authorization: str, path: str, method: str = "GET", **request: Any) -> httpx.Response:
    headers = {"Authorization": authorization, **request.pop("headers", {})}
    return httpx.request(method, server.base + path, headers=headers, timeout=30, **request)


def status(server: Server, made: dict[str, Any], path: str = f"/project/{P}", method: str = "GET") -> int:
    return called(server, f"Bearer {made['token']}", path, method).status_code


def admit(server: Server, email: str, role: int) -> str:
    answer = server.client.post("/permission", json={"project_uuid": P, "email": email, "role": role})
    return f"/permission/{answer.raise_for_status().json()['id']}"
