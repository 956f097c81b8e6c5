"""What functions for the service that this one replaces call on the engine works here."""

from conformance.languages import Language, run


def test_logs_take_their_content_by_name_or_none_at_all(language: Language) -> None:
    sources = run(
        python="""
            engine.log.info(content="one")
            engine.log.debug(content={"a": 1})
            engine.log.error(content="100 %")
            engine.log.info()
            engine.request.log.info("two")
        """,
        javascript="""
            engine.log.info("one"); engine.log.debug("{'a': 1}"); engine.log.error("100 %"); engine.log.info();
            engine.log.info("two");
        """,
        go="""
            engine.Log.Info("one")
            engine.Log.Debug("{'a': 1}")
            engine.Log.Error("100 %")
            engine.Log.Info()
            engine.Log.Info("two")
        """,
    )
    expected = [("info", "one"), ("debug", "{'a': 1}"), ("error", "100 %"), ("info", ""), ("info", "two")]
    assert language.lines(sources) == expected


def test_a_result_of_nothing_is_an_empty_text(python: Language, javascript: Language) -> None:
    for language in (python, javascript):
        answer = language.call(run(python="engine.result.set()", javascript="engine.result.set();"))
        assert (answer.status_code, answer.headers["content-type"], answer.text) == (
            200,
            "text/plain; charset=utf-8",
            "",
        )


def test_a_result_may_have_all_its_parts_by_name(python: Language) -> None:
    answer = python.call(run(python='engine.result.set(value="x", status_code=201, content_type="html")'))
    assert (answer.status_code, answer.headers["content-type"], answer.text) == (201, "text/html; charset=utf-8", "x")


def test_a_result_may_be_called_itself_and_its_value_be_named_content(python: Language) -> None:
    answer = python.call(run(python='engine.result({"a": 1}, content_type="json")'))
    assert (answer.headers["content-type"], answer.text) == ("application/json", '{"a": 1}')
    answer = python.call(run(python='engine.result.set(content={"a": 1}, status_code=201)'))
    assert (answer.status_code, answer.text) == (201, '{"a": 1}')


def test_parameters_and_headers_are_read_as_there(python: Language) -> None:
    sources = run(
        python="""
            told = {
                "params": dict(engine.params.items()) if engine.params else {},
                "get": [engine.params.get(key="a"), engine.params.get("b"), engine.header.get(key="X-A"), engine.header.get("X-B")],
                "same": engine.request.params is engine.params and engine.request.header is engine.header,
                "has": [bool(engine.params), bool(engine.body), bool(engine.header), engine.request.body],
            }
            for name, value in engine.header.items():
                told[name] = value
            engine.result.set(told, status_code=200, content_type="json")
        """
    )
    answer = python.call(sources, params={"a": "1"}, headers={"X-A": "2"}, content=b"body")
    assert (
        answer.json().items()
        >= {
            "params": {"a": "1"},
            "get": ["1", None, "2", ""],
            "same": True,
            "has": [True, True, True, "body"],
            "x-a": "2",
        }.items()
    )
