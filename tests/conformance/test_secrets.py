"""Secrets and variables, as a code gets them from its engine."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from conformance.languages import Language, run, run_return

SECRET, SHORT = "s3cret-value-öß🐍", "short"


@pytest.fixture
def project(language: Language) -> Iterator[str]:
    """A project with two secrets and a variable; they are gone after the test."""
    project = f"project-{uuid4()}"
    give(language, project, "secret", API_KEY=SECRET, B=SHORT)
    give(language, project, "variable", REGION="eu")
    yield project
    for kind in ("secret", "variable"):
        for one in language.server.client.get(f"/{kind}", params={"project_uuid": project}).json()["data"]:
            language.server.client.delete(f"/{kind}/{one['id']}")


def give(language: Language, project: str, kind: str, /, **values: str) -> dict[str, str]:
    """Store values of a project; returns their ids by name."""
    ids = {}
    for name, value in values.items():
        fields = {"project_uuid": project, "name": name, "value": value}
        answer = language.server.client.post(f"/{kind}", json=fields)
        assert answer.status_code == 201, answer.text
        ids[name] = answer.json()["id"]
    return ids


def called(language: Language, project: str, sources: dict[str, str]) -> Any:
    """The JSON that a code of the project answers."""
    answer = language.call(sources, fields={"project_uuid": project})
    assert answer.status_code == 200, language.record(answer)["extra"].get("error")
    return answer.json()


def test_a_secret_is_read_by_its_name(language: Language, project: str) -> None:
    sources = run(
        python="""
            s = engine.secrets
            return [s.get("API_KEY"), s["B"], s.has("API_KEY"), s.has("C"), "B" in s, "C" in s, s.keys(), len(s)]
        """,
        javascript="""
            const s = engine.secrets;
            return [s.get("API_KEY"), s.B, s.has("API_KEY"), s.has("C"), "B" in s, "C" in s, s.keys(), s.size];
        """,
        go="""
            s := engine.Secrets
            value, found := s.Lookup("B")
            _, isThere := s.Lookup("C")
            return []any{s.Get("API_KEY"), value, s.Has("API_KEY"), s.Has("C"), found, isThere, s.Keys(), s.Len()}, nil
        """,
    )
    assert called(language, project, sources) == [SECRET, SHORT, True, False, True, False, ["API_KEY", "B"], 2]


def test_a_variable_is_read_by_its_name(language: Language, project: str) -> None:
    sources = run(
        python="""
            v = engine.variables
            return [v.get("REGION"), v["REGION"], v.has("REGION"), v.has("B"), "REGION" in v, v.keys(), len(v)]
        """,
        javascript="""
            const v = engine.variables;
            return [v.get("REGION"), v["REGION"], v.has("REGION"), v.has("B"), "REGION" in v, v.keys(), v.size];
        """,
        go="""
            v := engine.Variables
            value, found := v.Lookup("REGION")
            return []any{v.Get("REGION"), value, v.Has("REGION"), v.Has("B"), found, v.Keys(), v.Len()}, nil
        """,
    )
    assert called(language, project, sources) == ["eu", "eu", True, False, True, ["REGION"], 1]


def test_an_absent_secret_is_nothing_or_the_given_default(language: Language, project: str) -> None:
    sources = run(
        python="""
            found = [engine.secrets.get("C"), engine.secrets.get("C", "d"), engine.secrets.get("REGION")]
            return found + [engine.variables.get("API_KEY", "no secret")]
        """,
        javascript="""
            const found = [engine.secrets.get("C"), engine.secrets.get("C", "d"), engine.secrets.get("REGION")];
            return [...found, engine.variables.get("API_KEY", "no secret")];
        """,
        go="""
            found := []string{engine.Secrets.Get("C"), engine.Secrets.Get("C", "d"), engine.Secrets.Get("REGION")}
            return append(found, engine.Variables.Get("API_KEY", "no secret")), nil
        """,
    )
    nothing = "" if language.name == "go" else None
    assert called(language, project, sources) == [nothing, "d", nothing, "no secret"]


def test_a_code_of_a_project_without_values_has_none(language: Language) -> None:
    sources = run(
        python="return [len(engine.secrets), engine.secrets.keys(), engine.secrets.get('A', 1), len(engine.variables)]",
        javascript="return [engine.secrets.size, engine.secrets.keys(), engine.secrets.get('A', 1), engine.variables.size];",
        go="""
            s := engine.Secrets
            return []any{s.Len(), s.Keys(), len(s.Get("A", "1")), engine.Variables.Len()}, nil
        """,
    )
    assert called(language, f"project-{uuid4()}", sources) == [0, [], 1, 0]


def test_names_need_not_be_names_of_variables(language: Language) -> None:
    project, name = f"project-{uuid4()}", "a name: with 'all' sorts/of ö🐍"
    give(language, project, "secret", **{name: "1", "__proto__": "2", "constructor": "3", "get": "4"})
    sources = run(
        python=f"return [engine.secrets[name] for name in ({name!r}, '__proto__', 'constructor', 'get')]",
        javascript=f"""return [{json.dumps(name)}, '__proto__', 'constructor', 'get'].map((name) => engine.secrets.get(name));""",
        go=f"""
            get := engine.Secrets.Get
            return []string{{get("{name}"), get("__proto__"), get("constructor"), get("get")}}, nil
        """,
    )
    assert called(language, project, sources) == ["1", "2", "3", "4"]


def test_what_shows_all_secrets_shows_their_names_alone(language: Language, project: str) -> None:
    sources = run(
        python="""
            import pprint
            shown = [repr(engine.secrets), str(engine.secrets), f"{engine.secrets}", pprint.pformat(engine.secrets)]
            shown += [repr(vars(engine)), repr(list(engine.secrets))]
            print(engine.secrets)
            engine.log.info("%s", engine.secrets)
            return shown
        """,
        javascript="""
            const { format, inspect } = require("node:util"), s = engine.secrets;
            const shown = [`${s}`, JSON.stringify({s}), inspect(s), inspect({s}, {showProxy: true, showHidden: true, depth: 9})];
            shown.push(Bun.inspect(s), Bun.inspect([s]), Bun.inspect.table(s), inspect(engine, {getters: true, showHidden: true}));
            shown.push(format("%s %o %O %j %i", s, s, s, s, s), [...s].join());
            console.log(s);
            console.table(s);
            console.dir({s});
            engine.log.info("%o", s);
            engine.log.info("what is copied has nothing of API_KEY:", {...s}, Object.entries(s), Object.assign({}, s));
            return shown;
        """,
        go="""
            type holder struct {
                inner codeactions.Values
                Outer codeactions.Values
            }
            s, shown := engine.Secrets, []string{fmt.Sprint(engine), fmt.Sprint(engine.Secrets)}
            for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%t", "%p", "%T API_KEY"} {
                for _, value := range []any{s, &s, holder{s, s}, &holder{s, s}, []any{s}, *engine, map[string]any{"s": s}} {
                    shown = append(shown, fmt.Sprintf(verb, value) + strings.Repeat(" API_KEY", strings.Count(verb, "p")))
                }
            }
            asJSON, err := json.Marshal([]any{s, holder{s, s}, engine})
            shown = append(shown, string(asJSON), fmt.Sprint(err) + " API_KEY")
            fmt.Println(s)
            log.Print(s)
            slog.Info("s", "s", s)
            slog.New(slog.NewJSONHandler(os.Stdout, nil)).Info("s", "s", holder{s, s})
            engine.Log.Info("%v", s)
            engine.Log.Info(s)
            return shown, nil
        """,
    )
    answer = language.call(sources, fields={"project_uuid": project})
    shown = [*answer.json(), *(content for _, content in language.logs(answer))]
    for text in shown:
        assert "API_KEY" in text
        assert "s3cret" not in text
        assert SHORT not in text


def test_all_secrets_as_the_result_are_their_names(language: Language, project: str) -> None:
    sources = run_return(
        python='{"secrets": engine.secrets, "variables": engine.variables}',
        javascript="{secrets: engine.secrets, variables: engine.variables}",
        go='map[string]any{"secrets": engine.Secrets, "variables": engine.Variables}',
    )
    assert called(language, project, sources) == {"secrets": ["API_KEY", "B"], "variables": ["REGION"]}


def test_a_changed_value_counts_from_the_next_run(language: Language) -> None:
    project, client = f"project-{uuid4()}", language.server.client
    get = 'engine.secrets.get("K", "none")'
    sources = run_return(python=get, javascript=get, go='engine.Secrets.Get("K", "none")')
    code_id = language.deploy(sources, project_uuid=project)
    seen = [client.get(f"/endpoint/{code_id}").text]
    secret_id = give(language, project, "secret", K="the first value")["K"]
    seen.append(client.get(f"/endpoint/{code_id}").text)
    assert client.patch(f"/secret/{secret_id}", json={"value": "the second value"}).status_code == 200
    seen.append(client.get(f"/endpoint/{code_id}").text)
    assert client.delete(f"/secret/{secret_id}").status_code == 204
    seen.append(client.get(f"/endpoint/{code_id}").text)
    assert seen == ["none", "the first value", "the second value", "none"]


def test_a_secret_for_one_code_is_not_given_to_another(language: Language) -> None:
    project, client = f"project-{uuid4()}", language.server.client
    keys = "[engine.secrets.keys(), engine.variables.keys()]"
    sources = run_return(python=keys, javascript=keys, go="[]any{engine.Secrets.Keys(), engine.Variables.Keys()}")
    one, two = (language.deploy(sources, project_uuid=project) for _ in range(2))
    for kind, name in (("secret", "A"), ("variable", "B")):
        fields = {"project_uuid": project, "name": name, "value": "for one code alone", "code_ids": [one]}
        assert client.post(f"/{kind}", json=fields).status_code == 201
    assert client.get(f"/endpoint/{one}").json() == [["A"], ["B"]]
    assert client.get(f"/endpoint/{two}").json() == [[], []]


def test_a_large_secret_arrives_whole(language: Language) -> None:
    project, value = f"project-{uuid4()}", "ö" * (32 * 1024)
    give(language, project, "secret", LARGE=value)
    read = '{"value": engine.secrets["LARGE"]}'
    sources = run_return(python=read, javascript=read, go='map[string]any{"value": engine.Secrets.Get("LARGE")}')
    assert called(language, project, sources) == {"value": value}


def test_all_that_a_project_may_have_arrives(language: Language) -> None:
    project = f"project-{uuid4()}"
    give(language, project, "secret", **{f"N{number}": "ö" * (32 * 1024) for number in range(8)})
    sources = run(
        python='return [sum(s.count("ö") for s in map(engine.secrets.get, engine.secrets)), len(engine.secrets)]',
        javascript="return [engine.secrets.keys().reduce((sum, k) => sum + engine.secrets.get(k).length, 0), engine.secrets.size];",
        go="""
            sum := 0
            for _, name := range engine.Secrets.Keys() {
                sum += strings.Count(engine.Secrets.Get(name), "ö")
            }
            return []int{sum, engine.Secrets.Len()}, nil
        """,
    )
    assert called(language, project, sources) == [8 * 32 * 1024, 8]


def test_a_missing_secret_is_named(python: Language) -> None:
    error = python.failure(python.call(run_return(python='engine.secrets["NOT_THERE"]')))
    assert error["message"].startswith("KeyError")
    assert "this code has no secret 'NOT_THERE'" in error["message"]


def test_secrets_are_no_json_for_the_standard_library(python: Language) -> None:
    error = python.failure(python.call(run(python="import json\nreturn json.dumps({'all': engine.secrets})")))
    assert "NamedValues is not JSON serializable" in error["message"]


def test_a_name_that_a_method_has_is_read_by_get(javascript: Language) -> None:
    project = f"project-{uuid4()}"
    give(javascript, project, "secret", get="1", size="2", toString="3", A="4")
    body = "const s = engine.secrets; return [typeof s.get, s.get('get'), s.size, s.get('size'), 'get' in s, typeof s.then];"
    expected = ["function", "1", 4, "2", True, "undefined"]
    assert called(javascript, project, run(javascript=body)) == expected


@pytest.mark.parametrize(
    "change",
    ["s.A = 1", "s.C = 1", "delete s.A", "Object.defineProperty(s, 'A', {value: 1})", "Object.assign(s, {A: 1})"],
)
def test_a_run_does_not_change_its_secrets(javascript: Language, change: str) -> None:
    project = f"project-{uuid4()}"
    give(javascript, project, "secret", A="the value")
    sources = {
        "javascript": f"module.exports.Run = ({{secrets: s}}) => {{ try {{ {change}; }} catch (e) {{ return [e.message, s.A]; }} }};"
    }
    name = "C" if "s.C" in change else "A"
    assert called(javascript, project, sources) == [f"engine.secrets.{name} cannot be changed by a run", "the value"]


def test_secrets_are_not_cloned(javascript: Language) -> None:
    error = javascript.failure(javascript.call(run(javascript="structuredClone(engine.secrets);")))
    assert "can not be cloned" in error["message"]
