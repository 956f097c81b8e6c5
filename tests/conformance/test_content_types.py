"""Content types of one word, and what may be said beside one."""

import pytest
from conformance.languages import Language, run, run_set

from codeactions.runtimes.protocol import SHORT_TYPES

# By name: the content type, and the one that is sent.
TYPES = {
    "in capitals": ("CSV", "text/csv; charset=utf-8"),
    "among blanks": (" Pdf ", "application/pdf"),
    "with parameters": ("csv; header=absent", "text/csv; header=absent"),
    "a whole one": ("text/csv", "text/csv"),
    "a whole one with a charset": ("text/plain; charset=latin-1", "text/plain; charset=latin-1"),
    "of a vendor": ("application/vnd.api+json", "application/vnd.api+json"),
}


@pytest.mark.parametrize("name", TYPES)
def test_a_content_type_is_sent_as_it_is_meant(language: Language, name: str) -> None:
    given, sent = TYPES[name]
    sources = run_set(
        python=f"'a,b', content_type='{given}'",
        javascript=f"'a,b', {{contentType: '{given}'}}",
        go=f'"a,b", codeactions.ContentType("{given}")',
    )
    answer = language.call(sources)
    assert (answer.headers["content-type"], answer.text) == (sent, "a,b")
    assert language.record(answer)["extra"]["content_type"] == sent


def test_every_word_means_its_type(language: Language) -> None:
    sources = run(
        python='engine.result.set(b"x", content_type=engine.params.get("type"))',
        javascript='engine.result.set(Buffer.from("x"), {contentType: engine.params.get("type")});',
        go='return nil, engine.Result.Set([]byte("x"), codeactions.ContentType(engine.Params.Get("type")))',
    )
    code_id = language.deploy(sources)
    found = {}
    for word in SHORT_TYPES:
        answer = language.server.client.get(f"/endpoint/{code_id}", params={"type": word})
        found[word] = answer.headers["content-type"]
    assert found == SHORT_TYPES
    assert found["jpg"] == found["jpeg"] == "image/jpeg"
    for unknown in ("", "pfd"):
        answer = language.server.client.get(f"/endpoint/{code_id}", params={"type": unknown})
        if unknown:
            message = language.failure(answer)["message"]
            assert "there is no content type " in message
            assert "text/plain" in message
        else:  # none at all
            assert answer.headers["content-type"] == "application/octet-stream"


# By name: a value that JSON has as a text, in Python, JavaScript and Go.
TEXTS = {
    "a date": ("__import__('datetime').date(2024, 1, 2)", "new Date(0)", "time.Unix(0, 0).UTC()"),
    "a number": ("__import__('decimal').Decimal('1.10')", "10n", "big.NewFloat(1.5)"),
    "an error": ("ValueError('\"ü\"')", "new Error('\"ü\"')", 'errors.New(`"ü"`)'),
}
AS_TEXT = {
    "a date": {"python": "2024-01-02", "javascript": "1970-01-01T00:00:00.000Z", "go": "1970-01-01T00:00:00Z"},
    "a number": {"python": "1.10", "javascript": "10", "go": "1.5"},
    "an error": dict.fromkeys(("python", "javascript", "go"), '"ü"'),
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_value_that_is_a_text_has_quotes_in_json_only(language: Language, name: str) -> None:
    python, javascript, go = TEXTS[name]
    sources = run(
        python=f'engine.result.set({python}, content_type=engine.params.get("type"))',
        javascript=f'engine.result.set({javascript}, {{contentType: engine.params.get("type")}});',
        go=f'return nil, engine.Result.Set({go}, codeactions.ContentType(engine.Params.Get("type")))',
    )
    code_id = language.deploy(sources)
    text = AS_TEXT[name][language.name]
    found = {}
    for content_type in ("text", "html", "text/csv; header=absent", "json", "application/problem+json ; a=b", ""):
        answer = language.server.client.get(f"/endpoint/{code_id}", params={"type": content_type})
        found[content_type] = answer.text if "json" not in answer.headers["content-type"] else answer.json()
        assert ("json" in answer.headers["content-type"]) == (answer.text != text)
    assert set(found.values()) == {text}
