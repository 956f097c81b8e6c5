"""The server's own log."""

import io
import json
import sys

import pytest
import structlog

from codeactions.cli.logging import configure, say


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_traceback_is_logged_without_the_values_of_variables(form: str, capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        token = "a secret that is in a variable"
        raise ValueError(len(token))

    configure(form)
    try:
        fail()
    except ValueError as error:
        structlog.get_logger().error("it_failed", exc_info=error)
    finally:
        structlog.reset_defaults()
    logged = capfd.readouterr().err
    assert "it_failed" in logged
    assert "ValueError" in logged
    assert "in fail" in logged if form == "text" else json.loads(logged)["exception"][0]["frames"][-1]["name"] == "fail"
    assert "a secret" not in logged.replace('token = "a secret that is in a variable"', "")


class Gone(io.StringIO):
    """Standard error whose reader is gone."""

    def __init__(self) -> None:
        super().__init__()
        self.tried: list[str] = []

    def write(self, text: str) -> int:
        self.tried.append(text)
        raise BrokenPipeError

    def flush(self) -> None:
        raise BrokenPipeError


# As of `codeactions serve 2>&1 | head`. What logs goes on: it may be what starts the database again.
@pytest.mark.parametrize("form", ["json", "text"])
def test_a_line_that_nobody_can_read_is_lost_and_no_error(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", gone := Gone())
    configure(form)
    try:
        structlog.get_logger().error("database_died")
        say("stopping")
    finally:
        structlog.reset_defaults()
    assert any("database_died" in text for text in gone.tried)
    assert any("stopping" in text for text in gone.tried)
