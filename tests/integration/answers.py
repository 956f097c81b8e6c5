"""What API tests look for in answers."""

import httpx


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
