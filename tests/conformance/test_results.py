"""What a code answers: values and their types, status codes, headers, and where they may come from."""

from datetime import timedelta

import pytest
from conformance.languages import Language

TEXT, OCTETS, JSON, HTML = (
    "text/plain; charset=utf-8",
    "application/octet-stream",
    "application/json",
    "text/html; charset=utf-8",
)

# name: (sources of the arguments of `engine.result.set`, content type, body)
VALUES = {
    "text": ({"python": '"grüße"'}, TEXT, "grüße".encode()),
    "empty text": ({"python": '""'}, TEXT, b""),
    "text that looks like JSON": ({"python": "'{\"a\": 1}'"}, TEXT, b'{"a": 1}'),
    "bytes": ({"python": r'b"\x00\xff"'}, OCTETS, b"\x00\xff"),
    "other bytes": ({"python": r'bytearray(b"\x00\xff")'}, OCTETS, b"\x00\xff"),
    "object": ({"python": '{"ü": [1, None]}'}, JSON, '{"ü": [1, null]}'.encode()),
    "list": ({"python": '[1, "a", {}]'}, JSON, b'[1, "a", {}]'),
    "tuple": ({"python": "(1, 2)"}, JSON, b"[1, 2]"),
    "whole number": ({"python": "12345678901234567890"}, JSON, b"12345678901234567890"),
    "fraction": ({"python": "0.1"}, JSON, b"0.1"),
    "true": ({"python": "True"}, JSON, b"true"),
    "false": ({"python": "False"}, JSON, b"false"),
    "nothing, on purpose": ({"python": "None"}, JSON, b"null"),
    "text as text": ({"python": '"a", content_type="text"'}, TEXT, b"a"),
    "number as text": ({"python": '5, content_type="text"'}, TEXT, b"5"),
    "text as JSON": ({"python": '"a", content_type="json"'}, JSON, b'"a"'),
    "text as HTML": ({"python": '"<p>ü</p>", content_type="html"'}, HTML, "<p>ü</p>".encode()),
    "number as HTML": ({"python": '5, content_type="html"'}, HTML, b"5"),
    "bytes as HTML": ({"python": 'b"<p>", content_type="html"'}, HTML, b"<p>"),
    "text as application/json": ({"python": "'[1,  2]', content_type='application/json'"}, JSON, b"[1,  2]"),
    "text as any type": (
        {"python": '"a,b", content_type="text/csv; header=absent"'},
        "text/csv; header=absent",
        b"a,b",
    ),
    "bytes as any type": ({"python": 'b"\\x89PNG", content_type="image/png"'}, "image/png", b"\x89PNG"),
    "object as any type": (
        {"python": '{"title": "x"}, content_type="application/problem+json"'},
        "application/problem+json",
        b'{"title": "x"}',
    ),
}


@pytest.mark.parametrize("name", VALUES)
def test_a_value_set_becomes_its_kind_of_answer(language: Language, name: str) -> None:
    arguments, content_type, body = VALUES[name]
    templates = {"python": "def Run(engine):\n    engine.result.set(ARGUMENTS)\n"}
    source = templates[language.name].replace("ARGUMENTS", arguments[language.name])
    answer = language.call({language.name: source})
    assert (answer.status_code, answer.headers["content-type"], answer.content) == (200, content_type, body)
    assert answer.headers["content-length"] == str(len(body))
    assert "transfer-encoding" not in answer.headers


RETURNED = [name for name, (sources, _, _) in VALUES.items() if "content_type" not in sources["python"]]


@pytest.mark.parametrize("name", [name for name in RETURNED if "nothing" not in name])
def test_a_value_returned_becomes_the_same_answer(language: Language, name: str) -> None:
    value, content_type, body = VALUES[name]
    templates = {"python": "def Run(engine):\n    return VALUE\n"}
    answer = language.call({language.name: templates[language.name].replace("VALUE", value[language.name])})
    assert (answer.status_code, answer.headers["content-type"], answer.content) == (200, content_type, body)


@pytest.mark.parametrize("source", ["pass", "return", "return None"])
def test_nothing_set_and_nothing_returned_is_an_empty_answer(python: Language, source: str) -> None:
    answer = python.call({"python": f"def Run(engine):\n    {source}\n"})
    assert (answer.status_code, answer.headers["content-type"], answer.content) == (200, TEXT, b"")
    assert python.record(answer)["status"] == "completed"


def test_the_last_result_set_counts_as_a_whole(language: Language) -> None:
    sources = {
        "python": """
            def Run(engine):
                engine.result.set({"a": 1}, status_code=201, headers={"X-First": "1"})
                engine.result.set("b")
        """
    }
    answer = language.call(sources)
    assert (answer.status_code, answer.headers["content-type"], answer.text) == (200, TEXT, "b")
    assert "x-first" not in answer.headers


def test_a_result_set_goes_before_a_value_returned(language: Language) -> None:
    sources = {"python": 'def Run(engine):\n    engine.result.set("set")\n    return "returned"'}
    assert language.call(sources).text == "set"


@pytest.mark.parametrize("status", [200, 201, 202, 299, 302, 400, 404, 409, 418, 500, 503, 599])
def test_any_final_status_code_can_be_answered(language: Language, status: int) -> None:
    sources = {"python": f'def Run(engine):\n    engine.result.set("x", status_code={status})'}
    answer = language.call(sources)
    assert (answer.status_code, answer.text) == (status, "x")
    assert language.record(answer)["status"] == "completed", "a status code that was chosen is no failure"
    assert language.record(answer)["extra"]["status_code"] == status


@pytest.mark.parametrize("status", [204, 205, 304])
def test_status_codes_without_a_body_have_none(language: Language, status: int) -> None:
    sources = {"python": f'def Run(engine):\n    engine.result.set("x", status_code={status})'}
    answer = language.call(sources)
    assert (answer.status_code, answer.content) == (status, b"")
    again = language.server.client.get("/healthz")
    assert again.status_code == 200, "the connection must still be in step"


def test_headers_can_be_set(language: Language) -> None:
    sources = {
        "python": """
            def Run(engine):
                headers = {"X-Thing": "café", "Cache-Control": "no-store", "X-Number": 5}
                engine.result.set("x", headers=headers)
        """
    }
    answer = language.call(sources)
    assert answer.headers["x-thing"].encode("latin-1") == "café".encode("latin-1")
    assert (answer.headers["cache-control"], answer.headers["x-number"]) == ("no-store", "5")
    assert language.record(answer)["extra"]["headers"]["X-Thing"] == "café"


def test_headers_that_are_the_servers_own_stay_the_servers(language: Language) -> None:
    sources = {
        "python": """
            def Run(engine):
                engine.result.set("12345", headers={
                    "Content-Length": "1", "transfer-encoding": "chunked", "X-Run-Id": "forged",
                    "Set-Cookie": "session=1", "Connection": "close", "Date": "never",
                    "Content-Type": "text/html", "Content-Security-Policy": "default-src *",
                })
        """
    }
    answer = language.call(sources)
    assert answer.text == "12345"
    assert answer.headers["content-type"] == TEXT
    assert answer.headers["content-length"] == "5"
    assert answer.headers["x-run-id"] not in ("", "forged")
    assert "set-cookie" not in answer.headers
    assert answer.headers["date"] != "never"
    # Two policies both hold, so the sandbox of the server's own stays.
    assert any("sandbox" in policy for policy in answer.headers.get_list("content-security-policy"))


@pytest.mark.parametrize(
    ("location", "sent"), [("/there", True), ("https://example.com/x", True), ("javascript:alert(1)", False)]
)
def test_a_redirect_leads_to_web_addresses_only(language: Language, location: str, sent: bool) -> None:
    sources = {"python": f'def Run(engine):\n    engine.result.set("", 302, headers={{"Location": "{location}"}})'}
    answer = language.call(sources)
    assert answer.status_code == 302
    assert answer.headers.get("location") == (location if sent else None)


def test_every_answer_names_its_run_and_is_kept_from_acting_in_the_servers_name(language: Language) -> None:
    answer = language.call({"python": 'def Run(engine):\n    engine.result.set("<script>", content_type="html")'})
    assert language.record(answer)["result"] == "<script>"
    assert answer.headers["content-security-policy"].startswith("sandbox ")
    assert "allow-same-origin" not in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_run_may_be_async_without_waiting(language: Language) -> None:
    sources = {
        "python": """
            async def double(number):
                return 2 * number

            async def Run(engine):
                return await double(21)
        """
    }
    assert language.call(sources).json() == 42


def test_run_may_be_async_and_wait(language: Language) -> None:
    sources = {
        "python": """
            import asyncio

            async def part(name):
                await asyncio.sleep(0.05)
                return name

            async def Run(engine):
                engine.result.set(await asyncio.gather(part("a"), part("b")))
        """
    }
    answer = language.call(sources)
    assert answer.json() == ["a", "b"]
    assert answer.elapsed > timedelta(milliseconds=50)


def test_asyncio_may_be_imported_inside_run(python: Language) -> None:
    sources = {
        "python": """
            async def Run(engine):
                import asyncio
                await asyncio.sleep(0.01)
                async with asyncio.timeout(5):
                    return await asyncio.to_thread(lambda: "from a thread")
        """
    }
    assert python.call(sources).text == "from a thread"


@pytest.mark.parametrize(
    "definition",
    [
        "Run = lambda engine: 'x'",
        "class Action:\n    def __call__(self, engine):\n        return 'x'\nRun = Action()",
        "class Run:\n    def __init__(self, engine):\n        engine.result.set('x')",
        "import functools\nRun = functools.partial(lambda text, engine: text, 'x')",
    ],
    ids=["lambda", "object", "class", "partial"],
)
def test_run_may_be_anything_that_can_be_called(python: Language, definition: str) -> None:
    assert python.call({"python": definition}).text == "x"


def test_text_with_characters_that_are_no_utf_8_goes_out_as_the_bytes_it_stands_for(python: Language) -> None:
    sources = {"python": r"def Run(engine):" + "\n" + r'    return b"a\xffb".decode("utf-8", "surrogateescape")'}
    assert python.call(sources).content == b"a\xffb"
