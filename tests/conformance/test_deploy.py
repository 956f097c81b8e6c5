"""A source that its language does not take is refused when it is deployed, in the same way in every language."""

from typing import Any

import httpx
import pytest
from conformance.languages import Language, run_return

# By kind of mistake: sources, the line of the mistake in each, and words of the message.
BROKEN: dict[str, tuple[dict[str, str], dict[str, int], dict[str, str]]] = {
    "a word too many": (
        {
            "python": "import json\n\ndef Run(engine):\n    return 1 1\n",
            "javascript": "import fs from 'node:fs';\n\nexport function Run(engine) {\n  return 1 1;\n}\n",
            "go": 'package action\n\nimport "codeactions"\n\nfunc Run(engine *codeactions.Engine) error {\n'
            "\treturn nil nil\n}\n",
        },
        {"python": 4, "javascript": 4, "go": 6},
        {"python": "invalid syntax", "javascript": 'Expected ";" but found "1"', "go": "syntax error: unexpected"},
    ),
    "never closed": (
        {
            "python": "def Run(engine):\n    return (1,\n",
            "javascript": "export function Run(engine) {\n  return [1,\n}\n",
            "go": 'package action\n\nimport "codeactions"\n\nfunc Run(engine *codeactions.Engine) {\n\tprintln(\n}\n',
        },
        {"python": 2, "javascript": 3, "go": 7},
        {"python": "'(' was never closed", "javascript": "Unexpected }", "go": "syntax error: unexpected }"},
    ),
    "a mistake behind letters of several bytes": (
        {
            "python": "x = 'grüße 🐍'; y = = 1\n",
            "javascript": "const x = 'grüße 🐍'; const y = = 1;\n",
            "go": 'package action; var x = "grüße 🐍"; var y = = 1\n',
        },
        {"python": 1, "javascript": 1, "go": 1},
        {"python": "invalid syntax", "javascript": "Unexpected =", "go": "syntax error: unexpected ="},
    ),
    "with the line ends of Windows": (
        {
            "python": "x = 1\r\n\r\ny = = 1\r\n",
            "javascript": "let x = 1;\r\n\r\nlet y = = 1;\r\n",
            "go": "package action\r\n\r\nvar y = = 1\r\n",
        },
        {"python": 3, "javascript": 3, "go": 3},
        {"python": "invalid syntax", "javascript": "Unexpected =", "go": "syntax error: unexpected ="},
    ),
    "something nobody knows": (
        {
            "python": "async def Run(engine):\n    pass\n\nnonlocal x\n",
            "javascript": "export function Run(engine) { thing(); }\nimport thing from 'no-such-thing';\n",
            "go": 'package action\n\nimport (\n\t"codeactions"\n\t"no/such/thing"\n)\n\n'
            "func Run(*codeactions.Engine) {}\n",
        },
        {"python": 4, "javascript": 2, "go": 5},
        {
            "python": "nonlocal",
            "javascript": 'Could not resolve: "no-such-thing"',
            "go": "could not import no/such/thing: only the standard library and codeactions",
        },
    ),
}


# By what is imported: sources, the line, and words of the message.
IMPORTS: dict[str, tuple[dict[str, str], int, dict[str, str]]] = {
    "a library": (
        {
            "python": "import json\nimport requests\n\ndef Run(engine):\n    return requests.get('x').text\n",
            "javascript": "import fs from 'node:fs';\nimport axios from 'axios';\nexport const Run = () => axios.get('x');\n",
            "go": 'package action; import "codeactions"\nimport "github.com/google/uuid"\n\n'
            "func Run(*codeactions.Engine) { uuid.New() }\n",
        },
        2,
        {
            "python": "there is no library requests here; runs have Python's standard library",
            "javascript": 'Could not resolve: "axios": there is no such package here; only what Bun itself has',
            "go": "could not import github.com/google/uuid: only the standard library and codeactions can be imported",
        },
    ),
    "a library that is not used": (
        {
            "python": "import os\nfrom google.cloud import storage\ndef Run(engine): pass\n",
            "javascript": "\nimport { PubSub } from '@google-cloud/pubsub';\nexport function Run() {}\n",
            "go": 'package action; import "codeactions"\nimport _ "github.com/google/uuid"\nfunc Run(*codeactions.Engine) {}\n',
        },
        2,
        {
            "python": "there is no library google here",
            "javascript": 'Could not resolve: "@google-cloud/pubsub": there is no such package here',
            "go": "could not import github.com/google/uuid: only the standard library",
        },
    ),
    "another file": (
        {
            "python": "import os\nfrom .helper import help\ndef Run(engine): pass\n",
            "javascript": "\nimport { help } from './helper.js';\nexport const Run = () => help();\n",
            "go": 'package action; import "codeactions"\nimport helper "./helper"\nfunc Run(*codeactions.Engine) { helper.X() }\n',
        },
        2,
        {
            "python": "there is nothing to import from .helper: a code is one file",
            "javascript": 'Could not resolve: "./helper.js": a code is one file',
            "go": "could not import ./helper: only the standard library",
        },
    ),
    "an address": (
        {
            "python": "import os\nimport https.example\ndef Run(engine): pass\n",
            "javascript": "// see https://esm.sh/lodash\nimport _ from 'https://esm.sh/lodash';\nexport const Run = () => _.VERSION;\n",
            "go": 'package action; import "codeactions"\nimport x "https://github.com/x/y"\nfunc Run(*codeactions.Engine) { x.X() }\n',
        },
        2,
        {
            "python": "there is no library https here",
            "javascript": '"https://esm.sh/lodash" cannot be imported: runs have no network, and only what Bun itself has',
            "go": "only the standard library and codeactions can be imported",
        },
    ),
}


@pytest.mark.parametrize("name", IMPORTS)
def test_an_import_of_what_is_not_there_is_told_at_its_line(language: Language, name: str) -> None:
    sources, line, words = IMPORTS[name]
    said = refusal(post(language, sources[language.name]))
    assert words[language.name] in said["error"]["message"]
    assert (said["line"], said["column"] >= 1) == (line, True)
    made = post(language, sources[language.name], check="false")
    assert made.status_code == 201
    error = language.failure(language.server.client.post(f"/endpoint/{made.json()['id']}"))
    assert error["type"] == ("exception" if language.name == "python" else "invalid_source")


def post(language: Language, source: str, **more: object) -> httpx.Response:
    """Deploy a source, which may be refused."""
    language.deploy(run_return(python="1", javascript="1", go="1"))  # waits until the language is ready
    params = {"name": "broken", "language": language.name, "type": "endpoint", "project_uuid": "broken", **more}
    return language.server.client.post("/code", params={k: str(v) for k, v in params.items()}, content=source.encode())


def refusal(answer: httpx.Response) -> dict[str, Any]:
    """What a client is told of a source that is refused."""
    assert answer.status_code == 400, answer.text
    said = dict(answer.json())
    assert said["error"]["code"] == "invalid"
    assert said["error_type"] == "invalid_source"
    return said


def saved(language: Language) -> list[dict[str, Any]]:
    """The codes that these tests left."""
    answer = language.server.client.get("/code", params={"project_uuid": "broken"})
    return [code for code in answer.json() if code["language"] == language.name]


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_source_is_refused_with_its_place_and_not_saved(language: Language, name: str) -> None:
    sources, lines, words = BROKEN[name]
    before = saved(language)
    said = refusal(post(language, sources[language.name]))
    assert said["error"]["message"].startswith(f"the source is not valid {language.name}: ")
    assert words[language.name] in said["error"]["message"]
    assert f"(line {lines[language.name]}, column " in said["error"]["message"]
    assert said["line"] == lines[language.name]
    assert said["column"] >= 1
    for part in ("/tmp", "build-", "Traceback", "/runtimes"):
        assert part not in said["error"]["message"]
    assert saved(language) == before


@pytest.mark.parametrize("name", BROKEN)
def test_unchecked_it_is_saved_and_its_runs_fail_with_the_place(language: Language, name: str) -> None:
    sources, lines, words = BROKEN[name]
    made = post(language, sources[language.name], check="false")
    assert made.status_code == 201
    assert made.json()["source"] == sources[language.name]
    answer = language.server.client.post(f"/endpoint/{made.json()['id']}")
    error = language.failure(answer)
    assert error["type"] == "invalid_source"
    assert words[language.name] in error["message"]
    assert words[language.name].split(":")[0] in error["traceback"]
    assert "action" in error["traceback"]
    assert error["line"] == lines[language.name]
    assert error["column"] >= 1
    assert words[language.name] not in answer.text


def test_a_change_to_a_broken_source_leaves_the_old_one_in_place(language: Language) -> None:
    sources, lines, _ = BROKEN["a word too many"]
    code_id = language.deploy(run_return(python="'old'", javascript="'old'", go='"old"'))
    client = language.server.client
    before = client.get(f"/code/{code_id}").json()
    said = refusal(client.patch(f"/code/{code_id}", content=sources[language.name].encode()))
    assert said["line"] == lines[language.name]
    assert client.get(f"/code/{code_id}").json() == before
    assert client.post(f"/endpoint/{code_id}").text == "old"
    changed = client.patch(f"/code/{code_id}?check=false", content=sources[language.name].encode())
    assert changed.json()["source"] == sources[language.name]
    assert language.failure(client.post(f"/endpoint/{code_id}"))["type"] == "invalid_source"


def test_a_source_is_checked_in_the_language_it_is_changed_to(language: Language) -> None:
    other = "python" if language.name != "python" else "javascript"
    code_id = language.deploy(run_return(python="f'{1}'", javascript="`${1}`", go='"1"'))
    client = language.server.client
    refusal(client.patch(f"/code/{code_id}", params={"language": other}))
    assert client.get(f"/code/{code_id}").json()["language"] == language.name
    assert client.post(f"/endpoint/{code_id}").text == "1"


def test_what_is_changed_beside_the_source_is_not_checked_again(language: Language) -> None:
    made = post(language, BROKEN["never closed"][0][language.name], check="false").json()
    changed = language.server.client.patch(f"/code/{made['id']}", params={"name": "renamed"})
    assert (changed.status_code, changed.json()["name"]) == (200, "renamed")


WITHOUT_RUN = {
    "python": {
        "nothing": "# nothing\n",
        "small": "def run(engine):\n    pass\n",
        "number": "Run = 5\n",
        "None": "Run = None\n",
    },
    "javascript": {
        "nothing": "// nothing\n",
        "small": "export function run(engine) {}\n",
        "number": "export const Run = 5;\n",
        "not exported": "function Run(engine) {}\n",
    },
    "go": {
        "nothing": "package action\n",
        "small": 'package action\nimport "codeactions"\nfunc run(engine *codeactions.Engine) {}\n',
        "number": "package action\nvar Run = 5\n",
        "arguments": "package action\nfunc Run() {}\n",
        "results": 'package action\nimport "codeactions"\nfunc Run(engine *codeactions.Engine) string { return "" }\n',
    },
}


@pytest.mark.parametrize(
    ("language", "kind"),
    [(language, kind) for language, sources in WITHOUT_RUN.items() for kind in sources],
    indirect=["language"],
)
def test_a_source_without_a_run_fails_as_invalid_with_the_name_that_is_missing(language: Language, kind: str) -> None:
    source = WITHOUT_RUN[language.name][kind]
    if language.name == "go":  # whose compiler knows it already
        assert "Run" in refusal(post(language, source))["error"]["message"]
    made = post(language, source, check="false").json()
    error = language.failure(language.server.client.post(f"/endpoint/{made['id']}"))
    assert error["type"] == "invalid_source"
    assert "Run" in error["message"]


def test_a_source_that_is_nested_without_end_harms_nobody(language: Language) -> None:
    sources = {
        "python": f"x = {'(' * 5000}1{')' * 5000}\ndef Run(engine): pass\n",
        "javascript": f"export const x = {'[' * 100_000}{']' * 100_000};\nexport function Run() {{}}\n",
        "go": f'package action; import "codeactions"; var x = {"(" * 100_000}1{")" * 100_000}\n'
        "func Run(*codeactions.Engine) {}\n",
    }
    answer = post(language, sources[language.name])
    if answer.status_code != 201:
        assert refusal(answer)["error"]["message"]
    assert language.server.healthy()
