"""Query parameters, as a code gets to know them."""

import pytest
from conformance.languages import Language, run, run_return
from conformance.requests import ECHO, raw_call


def test_a_parameter_is_read_by_its_name(language: Language) -> None:
    sources = run_return(
        python='{"hello": engine.params.get("name")}',
        javascript='{hello: engine.params.get("name")}',
        go='map[string]any{"hello": engine.Params.Get("name")}',
    )
    answer = language.call(sources, params={"name": "x"})
    assert (answer.status_code, answer.json()) == (200, {"hello": "x"})


def test_an_absent_parameter_is_nothing_or_the_given_default(language: Language) -> None:
    sources = run(
        python='return [engine.params.get("a"), engine.params.get("a", "d")]',
        javascript='return [engine.params.get("a"), engine.params.get("a", "d")];',
        go="""
            if _, found := engine.Params.Lookup("a"); found {
                return "it was found", nil
            }
            return []string{engine.Params.Get("a"), "d"}, nil
        """,
    )
    absent = "" if language.name == "go" else None
    assert language.call(sources).json() == [absent, "d"]


def test_the_first_of_a_repeated_parameter_counts_and_all_can_be_read(language: Language) -> None:
    sources = run(
        python="""
            p = engine.params
            return [p.get("a"), p.all("a"), p.all("c"), p.items(), "a" in p, "c" in p, len(p)]
        """,
        javascript="""
            const p = engine.params;
            return [p.get("a"), p.all("a"), p.all("c"), p.items(), p.has("a"), p.has("c"), p.size];
        """,
        go="""
            p := engine.Params
            _, a := p.Lookup("a")
            _, c := p.Lookup("c")
            return []any{p.Get("a"), p.All("a"), p.All("c"), p.Items(), a, c, p.Len()}, nil
        """,
    )
    answer = language.call(sources, params=[("a", "1"), ("b", "2"), ("a", "3")])
    assert answer.json() == ["1", ["1", "3"], [], [["a", "1"], ["b", "2"]], True, False, 2]


def test_parameters_can_be_gone_through_in_order(language: Language) -> None:
    sources = run(
        python="return [[key, engine.params[key]] for key in engine.params] + [engine.params.keys()]",
        javascript="return [...engine.params, engine.params.keys()];",
        go="""
            found, names := []any{}, []string{}
            for _, pair := range engine.Params.Items() {
                found, names = append(found, pair), append(names, pair[0])
            }
            return append(found, names), nil
        """,
    )
    answer = language.call(sources, params=[("b", "1"), ("a", "2"), ("b", "3")])
    assert answer.json() == [["b", "1"], ["a", "2"], ["b", "a"]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {}),
        ("a=", {"a": ""}),
        ("a", {"a": ""}),
        ("=b", {"": "b"}),
        ("a=1&&b=2&", {"a": "1", "b": "2"}),
        ("a=b=c", {"a": "b=c"}),
        ("a=1;b=2", {"a": "1;b=2"}),
        ("__proto__=1&constructor=2&toString=3", {"__proto__": "1", "constructor": "2", "toString": "3"}),
        ("q=one+two%20three%2B", {"q": "one two three+"}),
        ("n%C3%A4me=J%C3%BCrgen%20%F0%9F%90%8D", {"näme": "Jürgen 🐍"}),
    ],
)
def test_a_query_string_is_decoded_as_forms_are(language: Language, query: str, expected: dict[str, str]) -> None:
    code_id = language.deploy(ECHO)
    answer = language.server.client.get(f"/endpoint/{code_id}?{query}")
    assert answer.json()["params"] == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (b"a=%zz", "%zz"),
        (b"a=%", "%"),
        (b"a=%ff%fe", "\ufffd\ufffd"),
        (b"a=%ed%a0%80", "\ufffd\ufffd\ufffd"),  # a lone surrogate
        (b"a=%00b", "\x00b"),
    ],
)
def test_percent_encoded_garbage_is_no_error(language: Language, query: bytes, expected: str) -> None:
    status, content = raw_call(language, ECHO, b"?" + query)
    assert status == 200
    assert content["params"] == {"a": expected}
