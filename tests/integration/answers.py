"""What API tests look for in answers."""

from typing import Any

import httpx
from harness import Server


def get(server: Server, path: str, **parameters: object) -> Any:
    """What a route answers, which is no error."""
    answer = server.client.get(path, params={name: str(value) for name, value in parameters.items()})
    assert answer.status_code == 200, answer.text
    return answer.json()


def refused(answer: httpx.Response, status: int = 400, code: str = "invalid") -> str:
    """The message of an error answer, which has the one shape."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert set(answer.json()) == {"error"}
    assert set(answer.json()["error"]) == {"code", "message"}
    assert answer.json()["error"]["code"] == code
    message = answer.json()["error"]["message"]
    assert message
    assert len(message) < 500
    assert "\n" not in message
    assert "Traceback" not in message
    return str(message)
