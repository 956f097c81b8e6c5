"""The API against its own description: Schemathesis makes requests of `/openapi.json`, right ones and wrong ones."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from harness import TOKEN, Server

ECHO = "def Run(engine):\n    engine.log.info('x')\n    return {'params': engine.params.items(), 'body': engine.body}\n"
_EXAMPLES = 30  # of each operation, besides those that cover its boundaries
_SEED = 20261123
_CONFIG = """
# Half the requests are for things that exist: several, since some are changed and deleted on the way.
[dictionaries]
codes = {{ values = {codes} }}
runs = {{ values = {runs} }}
logs = {{ values = {logs} }}

[parameters]
code_id = {{ dictionary = "codes", probability = 0.5 }}
run_id = {{ dictionary = "runs", probability = 0.5 }}
log_id = {{ dictionary = "logs", probability = 0.5 }}

# Which fields are needed depends on the parameters and the body together, which OpenAPI cannot say; nor can it
# tell that a text is more than white space, or begins with http://.
[[operations]]
include-name = [
    "POST /code", "PATCH /code/{{code_id}}", "POST /admin/code", "PATCH /admin/code/{{code_id}}",
]
checks.positive_data_acceptance.expected-statuses = [200, 201, 400, 404]

# The same where fields come as parameters or in the body, where one kind needs other fields than the next, and with
# addresses and times: OpenAPI can ask for them, but their formats are only hints.
[[operations]]
include-name = [
    "POST /project", "PATCH /project/{{uuid}}", "POST /permission", "PATCH /permission/{{permission_id}}",
    "POST /token", "PUT /code/{{code_id}}/protection", "POST /code/{{code_id}}/rollback",
]
checks.positive_data_acceptance.expected-statuses = [200, 201, 400, 404, 409]

# The same for values: the space of a project is bounded, and a name is taken only once.
[[operations]]
include-name = [
    "POST /secret", "PATCH /secret/{{secret_id}}", "POST /variable", "PATCH /variable/{{variable_id}}",
]
checks.positive_data_acceptance.expected-statuses = [200, 201, 400, 404, 409]

# An empty object as the body is enough where the parameter has the only field that is needed.
[[operations]]
include-name = ["PATCH /permission/{{permission_id}}"]
checks.negative_data_rejection.expected-statuses = [200, "4xx"]

# Of code_id, project_uuid and, for lines, run_id, one is needed, and type or code_type: OpenAPI knows no such rules for
# parameters.
[[operations]]
include-name = ["GET /coderun", "GET /codelog", "GET /code"]
checks.positive_data_acceptance.expected-statuses = [200, 400]

# Every method runs an endpoint, also those that the document spares its reader.
[[operations]]
include-path = ["/endpoint/{{code_id}}", "/action/endpoint/{{code_id}}", "/endpoint/{{project}}/{{name}}"]
checks.unsupported_method.enabled = false

# Codes that were made up do not run: 500, or 400 where there is no runtime, is the documented answer then. Mistakes
# of the server are 500 as well, but counted apart, which is checked below.
[[operations]]
include-path = [
    "/endpoint/{{code_id}}", "/action/endpoint/{{code_id}}", "/endpoint/{{project}}/{{name}}", "/run/{{code_id}}",
    "/code/{{code_id}}/try",
]
checks.not_a_server_error.expected-statuses = ["2xx", "4xx", 500]
# Some have been protected on the way.
checks.positive_data_acceptance.expected-statuses = ["2xx", 400, 401, 404, 500]
"""


def mistakes(server: Server) -> list[str]:
    """The count of answers that say there was an internal error; failed runs are not among them."""
    lines = server.client.get("/metrics").text.splitlines()
    return [line for line in lines if line.startswith('ca_http_errors_total{code="internal"}')]


def completed(server: Server) -> float:
    """How many runs completed so far."""
    lines = server.client.get("/metrics").text.splitlines()
    return sum(
        float(line.rpartition(" ")[2])
        for line in lines
        if line.startswith("ca_run_count_total{") and 'outcome="completed"' in line
    )


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_api_does_what_its_description_says(server: Server, tmp_path: Path) -> None:
    server.wait_for_language("go")  # whose deploys are 503 before that, as they should be
    codes = [server.create(ECHO) for _ in range(20)]
    runs = [server.client.get(f"/endpoint/{code_id}").headers["x-run-id"] for code_id in codes]
    lines = [server.client.get("/codelog", params={"run_id": run_id}).json()["data"] for run_id in runs]
    logs = [line["id"] for [line] in lines]
    mistakes_before, completed_before = mistakes(server), completed(server)
    config = tmp_path / "schemathesis.toml"
    config.write_text(_CONFIG.format(codes=codes, runs=runs, logs=logs))
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run"]
    command += [f"{server.base}/openapi.json", "--header", f"Authorization: Token {TOKEN}"]
    # DELETE on an endpoint runs it, and deletes nothing; the check cannot be told so for one route of several.
    command += [
        "--checks",
        "all",
        "--exclude-checks",
        "use_after_free",
        "--phases",
        "examples,coverage,fuzzing,stateful",
        "--max-examples",
        str(_EXAMPLES),
    ]
    command += ["--seed", str(_SEED), "--generation-deterministic"]
    command += ["--continue-on-failure", "--no-color"]
    done = subprocess.run(command, cwd=tmp_path, env={**os.environ, "COLUMNS": "110"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-12_000:] + done.stderr[-2000:]
    assert "No issues found" in done.stdout or "passed" in done.stdout, done.stdout[-2000:]
    assert completed(server) > completed_before + 100, "hardly anything ran"
    assert mistakes(server) == mistakes_before
    assert server.healthy()
