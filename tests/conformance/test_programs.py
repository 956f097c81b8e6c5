"""Programs that a code starts."""

import pytest
from conformance.languages import Language, run

# How each language names the end.
SIGNALS = {
    "SIGTERM": {"python": "-15", "javascript": "SIGTERM", "go": "signal: terminated"},
    "SIGINT": {"python": "-2", "javascript": "SIGINT", "go": "signal: interrupt"},
    "SIGHUP": {"python": "-1", "javascript": "SIGHUP", "go": "signal: hangup"},
}


# The server's own processes ignore these signals, which every process leaves to those that it starts.
@pytest.mark.parametrize("name", SIGNALS)
def test_a_program_can_be_ended_by_a_signal(language: Language, name: str) -> None:
    sources = run(
        python=f"""
            import signal, subprocess
            program = subprocess.Popen(["/bin/sleep", "50"])
            program.send_signal(signal.{name})
            return str(program.wait())
        """,
        javascript=f"""
            const program = require("node:child_process").spawn("/bin/sleep", ["50"]);
            const end = new Promise((resolve) => program.on("exit", (code, signal) => resolve(signal)));
            program.kill("{name}");
            return await end;
        """,
        go=f"""
            program := exec.Command("/bin/sleep", "50")
            if err := program.Start(); err != nil {{
                return nil, err
            }}
            program.Process.Signal(syscall.{name})
            return program.Wait().Error(), nil
        """,
    )
    answer = language.call(sources, fields={"timeout": 20})
    assert answer.text == SIGNALS[name][language.name], answer.text
