"""The server's own log."""

import json
import os
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


# As of `codeactions serve 2>&1 | head`. What logs goes on: it may be what starts the database again.
@pytest.mark.parametrize("form", ["json", "text"])
def test_a_line_is_lost_when_nobody_reads_it_any_more(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w", buffering=1, closefd=False) as pipe:
        monkeypatch.setattr(sys, "stderr", pipe)
        configure(form)
        try:
            structlog.get_logger().error("database_died")
            say("stopping")
        finally:
            structlog.reset_defaults()
            with open(os.devnull, "w") as nowhere:  # for what the file still holds
                os.dup2(nowhere.fileno(), writing)
    os.close(writing)
