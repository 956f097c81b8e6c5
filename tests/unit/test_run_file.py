"""What `codeactions run` prints of a run."""

import pytest
from recording import NOW

from codeactions.cli.run import _print
from codeactions.domain.log import LogLine
from codeactions.domain.run import ErrorType, Outcome, RunError


def test_log_lines_stand_below_each_other_by_their_levels(capsys: pytest.CaptureFixture[str]) -> None:
    logs = [LogLine("info", "a", NOW), LogLine("warning", "b\nc\n\nd", NOW), LogLine("error", "", NOW)]
    assert _print(Outcome(error=RunError(ErrorType.EXCEPTION, "no"), logs=logs, duration_ms=1)) == 1
    told = [line.rstrip() for line in capsys.readouterr().err.splitlines()]
    expected = ["info    a", "warning b", "        c", "", "        d", "error", "failed: exception: no (1.0 ms)"]
    assert told == expected
