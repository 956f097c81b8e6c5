"""What `codeactions run` makes of its options, and what it prints of a run."""

from pathlib import Path

import pytest
from recording import NOW

from codeactions.cli.run import _call, _print
from codeactions.domain.log import LogLine
from codeactions.domain.run import ErrorType, Outcome, RunError


def test_log_lines_stand_below_each_other_by_their_levels(capsys: pytest.CaptureFixture[str]) -> None:
    logs = [LogLine("info", "a", NOW), LogLine("warning", "b\nc\n\nd", NOW), LogLine("error", "", NOW)]
    assert _print(Outcome(error=RunError(ErrorType.EXCEPTION, "no"), logs=logs, duration_ms=1)) == 1
    told = [line.rstrip() for line in capsys.readouterr().err.splitlines()]
    expected = ["info    a", "warning b", "        c", "", "        d", "error", "failed: exception: no (1.0 ms)"]
    assert told == expected


@pytest.mark.parametrize(
    ("headers", "content", "text", "charset"),
    [
        ([], b"\xef\xbb\xbf[1]", "[1]", "utf-8-sig"),
        (["X-A: b"], b"\xef\xbb\xbf[1]", "[1]", "utf-8-sig"),
        (["content-type: text/plain; charset=latin1"], b"\xfc", "ü", "cp1252"),
        (["Content-Type: text/plain"], b"\xfc", None, None),
        ([], b"", None, None),
    ],
)
def test_a_body_is_decoded_as_a_server_does(
    headers: list[str], content: bytes, text: str | None, charset: str | None, tmp_path: Path
) -> None:
    (tmp_path / "body").write_bytes(content)
    call = _call([], headers, f"@{tmp_path}/body", "post")
    assert (call.method, call.body, call.text, call.charset) == ("POST", content, text, charset)
