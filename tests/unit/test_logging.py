"""The server's own log."""

import json

import pytest
import structlog

from codeactions.cli.logging import configure


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
