"""Secret values in what is recorded of a run: *** wherever the code, or its caller, puts them.

The caller sends the value in the body, so that each language gets it, and encodes it by its own means.
"""

import base64
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from conformance.languages import Language, run

TOKEN = "s3cret/value+of=the öß🐍<project>&'\"\\end"
PEM = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcw\nAb+/9w==\n-----END KEY-----"
PARTS = [TOKEN[place : place + 8] for place in range(len(TOKEN) - 7)]

# Ways in which each language writes the text TEXT in another form.
ENCODED = {
    "JSON": run(
        python="import json\nprint(json.dumps({'a': TEXT}))",
        javascript="console.log(JSON.stringify({a: TEXT}));",
        go='data, _ := json.Marshal(map[string]string{"a": TEXT})\nfmt.Println(string(data))',
    ),
    "JSON twice": run(
        python="import json\nprint(json.dumps(json.dumps({'a': TEXT})))",
        javascript="console.log(JSON.stringify(JSON.stringify({a: TEXT})));",
        go="""
            data, _ := json.Marshal(map[string]string{"a": TEXT})
            data, _ = json.Marshal(string(data))
            fmt.Println(string(data))
        """,
    ),
    "a part of a URL": run(
        python="from urllib.parse import quote\nprint(quote(TEXT))",
        javascript="console.log(encodeURIComponent(TEXT));",
        go="fmt.Println(url.PathEscape(TEXT))",
    ),
    "a query": run(
        python="from urllib.parse import urlencode\nprint(urlencode({'a': TEXT}))",
        javascript="console.log(new URLSearchParams({a: TEXT}).toString());",
        go='fmt.Println(url.Values{"a": {TEXT}}.Encode())',
    ),
    "an address": run(
        python="from urllib.parse import quote\nprint(quote(TEXT, safe='/:?'))",
        javascript="console.log(new URL('http://a/?b=' + TEXT).href, encodeURI(TEXT));",
        go='address := url.URL{Scheme: "http", Host: "a", Path: "/" + TEXT, User: url.UserPassword("u", TEXT)}\nfmt.Println(address.String())',
    ),
    "base64": run(
        python="""
            import base64
            for before in ("", "u", "us", "user:"):
                print(base64.b64encode((before + TEXT).encode()).decode(), base64.urlsafe_b64encode((before + TEXT + "!").encode()))
        """,
        javascript="""
            for (const before of ["", "u", "us", "user:"]) console.log(Buffer.from(before + TEXT).toString("base64"), Buffer.from(before + TEXT + "!").toString("base64url"));
        """,
        go="""
            for _, before := range []string{"", "u", "us", "user:"} {
                fmt.Println(base64.StdEncoding.EncodeToString([]byte(before + TEXT)), base64.RawURLEncoding.EncodeToString([]byte(before + TEXT + "!")))
            }
        """,
    ),
    "hex": run(
        python="print(TEXT.encode().hex())",
        javascript="console.log(Buffer.from(TEXT).toString('hex').toUpperCase());",
        go='fmt.Printf("%x %X\\n", TEXT, TEXT)',
    ),
    "a literal": run(
        python="print(repr(TEXT), [TEXT], {'a': '\\'' + TEXT}, ascii(TEXT), TEXT.encode())",
        javascript="console.log([TEXT], {a: \"'\" + TEXT}, require('node:util').inspect('\"' + TEXT));",
        go='fmt.Printf("%q %+q %#v\\n", TEXT, TEXT, map[string]string{"a": TEXT})',
    ),
    "HTML": run(
        python="import html\nprint(html.escape(TEXT))",
        javascript="console.log(TEXT.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/\"/g, '&quot;').replace(/'/g, '&#39;'));",
        go="fmt.Println(html.EscapeString(TEXT))",
    ),
    "as it is": run(
        python="print(TEXT, end='')\nengine.log.error(TEXT + TEXT)",
        javascript="process.stdout.write(TEXT); engine.log.error(TEXT + TEXT);",
        go="fmt.Print(TEXT)\nengine.Log.Error(TEXT + TEXT)",
    ),
    "piece by piece": run(
        python="for letter in TEXT: print(letter, end='', flush=True)",
        javascript="for (const letter of TEXT) process.stdout.write(letter);",
        go="for _, letter := range TEXT { fmt.Print(string(letter)) }",
    ),
}


@pytest.fixture
def project(language: Language) -> Iterator[str]:
    """A project with two secrets; they are gone after the test."""
    project, client, ids = f"project-{uuid4()}", language.server.client, []
    for name, value in {"TOKEN": TOKEN, "PEM": PEM, "SHORT": "short"}.items():
        answer = client.post("/secret", json={"project_uuid": project, "name": name, "value": value})
        assert answer.status_code == 201, answer.text
        ids.append(answer.json()["id"])
    yield project
    for one in ids:
        client.delete(f"/secret/{one}")


def call(
    language: Language, project: str, sources: dict[str, str], text: str = TOKEN, **request: Any
) -> httpx.Response:
    """Call a code of the project, whose TEXT is the body."""
    body = {"python": "engine.body", "javascript": "engine.body", "go": "engine.Body"}[language.name]
    sources = {language.name: sources[language.name].replace("TEXT", body)}
    return language.call(sources, fields={"project_uuid": project}, content=text.encode(), **request)


def traces(record: dict[str, Any], logs: list[tuple[str, str]]) -> list[str]:
    """The pieces of the secret, and of its base64, in all that is recorded."""
    told = repr(record) + repr(logs) + "".join(content for _, content in logs)
    encoded = base64.b64encode(TOKEN.encode()).decode()
    return [
        part for part in (*PARTS, *(encoded[place : place + 8] for place in range(len(encoded) - 7))) if part in told
    ]


@pytest.mark.parametrize("form", ENCODED)
def test_a_log_has_no_value_in_any_form(language: Language, project: str, form: str) -> None:
    answer = call(language, project, ENCODED[form])
    record, logs = language.record(answer), language.logs(answer)
    assert record["status"] == "completed", record["extra"].get("error")
    assert logs
    assert all("***" in content for _, content in logs), logs
    assert not traces(record, logs)
    if form in ("as it is", "piece by piece"):
        assert ("info", "***") in logs


def test_a_value_of_several_lines_is_masked_line_by_line(language: Language, project: str) -> None:
    sources = run(
        python="print('key: ' + TEXT)\nprint('short', 'Ab+/9w==')",
        javascript="process.stdout.write('key: ' + TEXT + '\\nshort Ab+/9w==\\n');",
        go='fmt.Println("key: " + TEXT)\nfmt.Println("short", "Ab+/9w==")',
    )
    answer = call(language, project, sources, PEM)
    told = "\n".join(content for _, content in language.logs(answer))
    assert told == "key: ***\n***\n***\n***\nshort ***"


def test_an_error_has_no_value(language: Language, project: str) -> None:
    sources = run(
        python="raise ValueError('bad ' + TEXT)",
        javascript="throw new Error('bad ' + TEXT);",
        go='return nil, errors.New("bad " + TEXT)',
    )
    answer = call(language, project, sources)
    error = language.failure(answer)
    assert "***" in error["message"]
    assert not traces(language.record(answer), language.logs(answer))


def test_a_long_error_has_no_piece_of_a_value_where_it_is_cut(language: Language, project: str) -> None:
    sources = run(
        python="raise ValueError(TEXT * 400)",
        javascript="throw new Error(TEXT.repeat(400));",
        go="return nil, errors.New(strings.Repeat(TEXT, 400))",
    )
    answer = call(language, project, sources)
    assert "***" in language.failure(answer)["message"]
    assert not traces(language.record(answer), language.logs(answer))


ECHO = run(
    python="""
        engine.result.set({"got": engine.body}, status_code=201, headers={"X-Back": engine.header.get("X-Ascii")})
    """,
    javascript="""
        engine.result.set({got: engine.body}, {statusCode: 201, headers: {"X-Back": engine.header.get("X-Ascii")}});
    """,
    go="""
        headers := codeactions.Headers(map[string]string{"X-Back": engine.Header.Get("X-Ascii")})
        return nil, engine.Result.Set(map[string]any{"got": engine.Body}, codeactions.StatusCode(201), headers)
    """,
)


def test_the_caller_gets_what_the_record_has_masked(language: Language, project: str) -> None:
    line = PEM.splitlines()[1]
    headers = {"X-Ascii": line, "X-Basic": "Basic " + base64.b64encode(b"user:" + line.encode()).decode()}
    answer = call(language, project, ECHO, params={"q": TOKEN, "token": "named"}, headers=headers)
    assert (answer.status_code, answer.json(), answer.headers["x-back"]) == (201, {"got": TOKEN}, line)
    record = language.record(answer)
    assert not traces(record, [])
    assert line not in repr(record)
    assert (record["params"], record["body"]) == ({"q": "***", "token": "***"}, "***")
    assert record["result"].replace(" ", "") == '{"got":"***"}'
    assert record["extra"]["headers"]["X-Back"] == "***"
    shown = {name.lower(): value for name, value in record["headers"].items()}
    assert shown["x-ascii"] == "***"
    assert shown["x-basic"].startswith("Basic ")
    assert shown["x-basic"] != headers["X-Basic"]


def test_run_answers_with_the_true_result(language: Language, project: str) -> None:
    code_id = language.deploy(ECHO, project_uuid=project)
    answer = language.server.client.post(f"/run/{code_id}", content=TOKEN.encode(), headers={"X-Ascii": PEM[20:50]})
    assert answer.status_code == 200
    assert TOKEN in httpx.Response(200, content=answer.json()["result"]["result"].encode()).json()["got"]
    assert not traces(language.record(answer), [])


def test_a_path_has_no_value(language: Language, project: str) -> None:
    answer = language.call(ECHO, path=f"/a/{PEM.splitlines()[1]}/b", fields={"project_uuid": project})
    record = language.record(answer)
    assert record["extra"]["path"] == "/a/***/b"
    assert PEM.splitlines()[1] not in repr(record)


def test_what_is_too_short_and_the_values_of_other_projects_are_not_masked(language: Language, project: str) -> None:
    sources = run(python="print(TEXT)", javascript="console.log(TEXT);", go="fmt.Println(TEXT)")
    assert language.logs(call(language, project, sources, "short")) == [("info", "short")]
    assert language.logs(call(language, f"{project}-other", sources, "MIIEvQIBADANBgkqhkiG")) == [
        ("info", "MIIEvQIBADANBgkqhkiG")
    ]


def test_a_code_may_keep_its_results_and_a_trial_keeps_nothing(language: Language, project: str) -> None:
    line = PEM.splitlines()[1]
    code_id = language.deploy(ECHO, project_uuid=project, mask_result=False)
    answer = language.server.client.post(f"/endpoint/{code_id}", content=TOKEN.encode(), headers={"X-Ascii": line})
    record = language.record(answer)
    assert httpx.Response(200, content=record["result"].encode()).json() == {"got": TOKEN}
    assert (record["body"], record["extra"]["headers"]["X-Back"]) == ("***", "***")
    changed = language.server.client.patch(f"/code/{code_id}", params={"mask_result": True})
    assert changed.status_code == 200, changed.text
    tried = language.server.client.post(f"/code/{code_id}/try", json={"body": TOKEN, "headers": {"X-Ascii": line}})
    assert tried.status_code == 200, tried.text
    assert TOKEN in httpx.Response(200, content=tried.json()["result"]["result"].encode()).json()["got"]
    kept = language.record(tried)
    assert kept["extra"]["trial"] is True
    assert line not in repr(kept)
    assert not traces(kept, [])
