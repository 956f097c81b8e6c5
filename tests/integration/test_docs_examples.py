"""The functions shown in the documents run."""

import json
import re
from pathlib import Path

import pytest
from harness import Server, wait_until

ROOT = Path(__file__).parents[2]
LANGUAGES = {"python": "python", "js": "javascript", "ts": "javascript", "go": "go"}
EXAMPLES = [
    (page, mark, source)
    for page in ("README.md", "docs/functions.md")
    for mark, source in re.findall(r"```(python|js|ts|go)\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
]


@pytest.fixture(autouse=True, scope="module")
def values(server: Server) -> None:
    """The secret and the variable of which the documents tell."""
    for kind, name, value in (("secret", "API_KEY", "a key of the documents"), ("variable", "REGION", "us")):
        fields = {"project_uuid": "documents", "name": name, "value": value}
        assert server.client.post(f"/{kind}", json=fields).status_code == 201


@pytest.mark.parametrize(("page", "mark", "source"), EXAMPLES, ids=[f"{page}-{mark}" for page, mark, _ in EXAMPLES])
def test_an_example_runs(server: Server, page: str, mark: str, source: str) -> None:
    server.wait_for_language(LANGUAGES[mark])
    code_id = server.create(source, language=LANGUAGES[mark], project_uuid="documents")
    if "photo" in source:
        answer = server.client.post(f"/endpoint/{code_id}", data={"name": "you"}, files={"photo": ("a.png", b"x")})
    else:
        answer = server.client.post(f"/endpoint/{code_id}", params={"name": "you"}, content="a body")
    assert answer.status_code == 200, server.record(answer)
    first = answer.text.splitlines()[0]  # of several, where the answer comes in pieces
    found = json.loads(first.removeprefix("data: "))
    assert found["hello"] == "you"
    if "secrets" in source:
        assert (found["region"], found["secrets"]) == ("us", ["API_KEY"])
    wait_until(lambda: server.logs(answer), what="the log, which work after the answer may write")


def test_every_language_has_an_example() -> None:
    assert {mark for page, mark, _ in EXAMPLES if page == "docs/functions.md"} == set(LANGUAGES)
