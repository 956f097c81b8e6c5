"""The functions shown in the documents run."""

import re
from pathlib import Path

import pytest
from harness import Server

ROOT = Path(__file__).parents[2]
EXAMPLES = [
    (page, source)
    for page in ("README.md", "docs/functions.md")
    for source in re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
]


@pytest.mark.parametrize(("page", "source"), EXAMPLES, ids=[page for page, _ in EXAMPLES])
def test_an_example_runs(server: Server, page: str, source: str) -> None:
    answer = server.call(source, params={"name": "you"}, content="a body")
    assert answer.status_code == 200, server.record(answer)
    assert answer.json()["hello"] == "you"
    assert server.logs(answer)
