"""What the values that JSON does not have become in a result."""

from typing import Any

import pytest
from conformance.languages import Language
from conformance.values import sources_of

# By name: the value in each language that has it, and what it is in JSON (one for all, or by language).
PLAIN: dict[str, tuple[dict[str, str], Any]] = {
    "a moment": (
        {
            "python": "__import__('datetime').datetime(2024, 1, 2, 3, 4, 5, tzinfo=__import__('datetime').timezone.utc)",
            "javascript": "new Date(Date.UTC(2024, 0, 2, 3, 4, 5))",
            "go": "time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)",
        },
        {
            "python": "2024-01-02T03:04:05+00:00",
            "javascript": "2024-01-02T03:04:05.000Z",
            "go": "2024-01-02T03:04:05Z",
        },
    ),
    "a moment without a zone": ({"python": "__import__('datetime').datetime(2024, 1, 2)"}, "2024-01-02T00:00:00"),
    "a date": ({"python": "__import__('datetime').date(2024, 1, 2)"}, "2024-01-02"),
    "a time": ({"python": "__import__('datetime').time(1, 2, 3)"}, "01:02:03"),
    "a duration": ({"python": "__import__('datetime').timedelta(hours=1, milliseconds=500)"}, 3600.5),
    "a decimal": ({"python": "__import__('decimal').Decimal('1.10')"}, "1.10"),
    "a large whole number": (
        {
            "python": "2 ** 70",
            "javascript": "2n ** 70n",
            "go": "new(big.Int).Lsh(big.NewInt(1), 70)",
        },
        {"python": 2**70, "javascript": str(2**70), "go": 2**70},
    ),
    "a fraction": ({"python": "__import__('fractions').Fraction(1, 3)"}, "1/3"),
    "a UUID": ({"python": "__import__('uuid').UUID(int=1)"}, "00000000-0000-0000-0000-000000000001"),
    "a type that is text": ({"go": "language(5)"}, "language 5"),
    "a set": ({"python": "{3, 1, 2}", "javascript": "new Set([1, 2, 3])"}, [1, 2, 3]),
    "a frozen set of texts": ({"python": "frozenset('cab')"}, ["a", "b", "c"]),
    "a set without an order": ({"python": "{None}"}, [None]),
    "a map": (
        {
            "python": "__import__('types').MappingProxyType({'a': {1}})",
            "javascript": "new Map([['a', new Set([1])]])",
            "go": 'map[string][]int{"a": {1}}',
        },
        {"a": [1]},
    ),
    "keys that are no texts": (
        {
            "python": (
                "{1: 'a', True: 'a', None: 'b', __import__('uuid').UUID(int=0): 'c', "
                "__import__('datetime').date(2024, 1, 2): 'd', __import__('decimal').Decimal('1.5'): 'e'}"
            ),
            "javascript": "new Map([[1, 'a'], [true, 'a'], [null, 'b'], [2n, 'c'], [new Date(0), 'd'], [1.5, 'e']])",
            "go": 'map[any]any{1: "a", true: "a", nil: "b", language(5): "c", uint8(7): "d", 1.5: "e"}',
        },
        {
            "python": {
                "1": "a",
                "null": "b",
                "00000000-0000-0000-0000-000000000000": "c",
                "2024-01-02": "d",
                "1.5": "e",
            },
            "javascript": {
                "1": "a",
                "true": "a",
                "null": "b",
                "2": "c",
                "1970-01-01T00:00:00.000Z": "d",
                "1.5": "e",
            },
            "go": {"1": "a", "true": "a", "null": "b", "language 5": "c", "7": "d", "1.5": "e"},
        },
    ),
    "a key that JavaScript knows": ({"javascript": "new Map([['__proto__', 1]])"}, {"__proto__": 1}),
    "an error": (
        {"python": "ValueError('bad')", "javascript": "new TypeError('bad')", "go": 'errors.New("bad")'},
        "bad",
    ),
    "an error without words": (
        {"python": "ValueError()", "javascript": "new TypeError()"},
        {"python": "ValueError", "javascript": "TypeError"},
    ),
    "an error with parts": (
        {"go": '&fs.PathError{Op: "open", Path: "/x", Err: fs.ErrNotExist}'},
        "open /x: file does not exist",
    ),
    "no error": ({"go": "error(nil)"}, None),
    "an error in a struct": (
        {
            "go": 'struct { Err error `json:"err,omitempty"`; No error `json:"no,omitempty"`; N int `json:",string"` }{Err: io.EOF}'
        },
        {"err": "EOF", "N": "0"},
    ),
    "bytes": ({"javascript": "new Uint8Array([0, 255])", "go": "[]byte{0, 255}"}, "AP8="),
    "bytes of a buffer": ({"javascript": "Buffer.from([0, 255])"}, "AP8="),
    "bytes without a view": ({"javascript": "new Uint8Array([0, 255]).buffer"}, "AP8="),
    "an array of numbers": (
        {
            "python": "__import__('array').array('d', [1.5])",
            "javascript": "new Float64Array([1.5])",
            "go": "[]float32{1.5}",
        },
        [1.5],
    ),
    "an array of large numbers": ({"javascript": "new BigInt64Array([1n])"}, ["1"]),
    "an address of the web": ({"javascript": "new URL('http://x/a')"}, "http://x/a"),
    "an address of the network": ({"python": "__import__('ipaddress').ip_address('::1')"}, "::1"),
    "a path": ({"python": "__import__('pathlib').Path('/a/b')"}, "/a/b"),
    "a pattern": ({"javascript": "/a+/g"}, "/a+/g"),
    "an enumeration": ({"python": "[Colour.RED, Level.LOW, {Colour.RED: 1}]"}, ["red", 1, {"red": 1}]),
    "a dataclass": (
        {"python": "Order('x', [Order(None, Colour.RED)])"},
        {"name": "x", "items": [{"name": None, "items": "red"}]},
    ),
    "a named tuple": ({"python": "__import__('collections').namedtuple('P', 'x y')(1, 2)"}, [1, 2]),
    "a namespace": ({"python": "__import__('types').SimpleNamespace(a=1)"}, {"a": 1}),
    "views and queues": (
        {"python": "[{'a': 1}.keys(), range(2), __import__('collections').deque([1])]"},
        [["a"], [0, 1], [1]],
    ),
    "parameters": ({"python": "engine.params", "javascript": "engine.params", "go": "engine.Params"}, {"q": "1"}),
    "what is nothing": ({"python": "None", "javascript": "null", "go": "(*int)(nil)"}, None),
}
ALONE_NO_JSON = {"bytes of a text", "bytes", "bytes of a buffer", "bytes without a view"} | {  # a typed array is bytes
    "an array of numbers",
    "an array of large numbers",
    "what is nothing",
    "no error",
}
FORMS = {
    "in a list": {"python": "[{}]", "javascript": "[{}]", "go": "[]any{{{}}}"},
    "in an object": {"python": '{{"a": {}}}', "javascript": "{{a: {}}}", "go": 'map[string]any{{"a": {}}}'},
    "alone": dict.fromkeys(("python", "javascript", "go"), "{}"),
}
SAID = [
    (language, name, form)
    for name, (values, _) in PLAIN.items()
    for language in values
    for form in FORMS
    if form != "alone" or name not in ALONE_NO_JSON
]


@pytest.mark.parametrize(("language", "name", "form"), SAID, indirect=["language"])
def test_a_value_becomes_its_plain_form(language: Language, name: str, form: str) -> None:
    values, expected = PLAIN[name]
    value = FORMS[form][language.name].format(values[language.name])
    answer = language.call(sources_of({language.name: value}), params={"q": "1"})
    assert answer.status_code == 200, language.record(answer)["extra"].get("error")
    assert answer.headers["content-type"] == "application/json"
    if isinstance(expected, dict) and language.name in expected:
        expected = expected[language.name]
    assert answer.json() == {"in a list": [expected], "in an object": {"a": expected}, "alone": expected}[form]


def test_the_same_value_in_two_places_is_no_circle(language: Language) -> None:
    sources = sources_of(
        {
            "python": "(lambda one: [one, {'b': one, 'c': {1}}])({'a': None})",
            "javascript": "((one) => [one, {b: one, c: new Set([1])}])({a: null})",
            "go": 'func() any { one := map[string]any{"a": nil}; return []any{one, map[any]any{"b": one, "c": []int{1}}} }()',
        }
    )
    assert language.call(sources).json() == [{"a": None}, {"b": {"a": None}, "c": [1]}]


def test_a_toJSON_of_the_code_itself_goes_first(javascript: Language) -> None:  # noqa: N802
    source = """
        BigInt.prototype.toJSON = function () { return Number(this); };
        export const Run = () => [5n, new (class extends Map { toJSON() { return "own"; } })()];
    """
    assert javascript.call({"javascript": source}).json() == [5, "own"]


def test_the_json_that_a_code_makes_itself_is_javascripts_own(javascript: Language) -> None:
    source = """
        export const Run = () => JSON.stringify([new Set([1]), new Map([[1, 2]]), NaN, () => 1, Buffer.from("a"), new Error("b")]);
    """
    expected = [{}, {}, None, None, {"type": "Buffer", "data": [97]}, {}]
    assert javascript.call({"javascript": source}).json() == expected
