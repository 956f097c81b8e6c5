"""Answers in pieces in Go: what gives pieces, the content type of what is written, errors on the way."""

import httpx
import pytest
from conformance.languages import Language, run, run_return
from conformance.pieces import in_pieces, take

TEXT, OCTETS = "text/plain; charset=utf-8", "application/octet-stream"
PIECES = {
    "a file": 'os.WriteFile("/tmp/f", []byte("xy"), 0o600)\nreturn os.Open("/tmp/f")',
    "a file that Run closes, by Set": """
        os.WriteFile("/tmp/f", []byte("xy"), 0o600)
        file, _ := os.Open("/tmp/f")
        defer file.Close()
        return nil, engine.Result.Set(file)
    """,
    "a pipe": """
        reader, writer := io.Pipe()
        go func() { io.WriteString(writer, "x"); io.WriteString(writer, "y"); writer.Close() }()
        return reader, nil
    """,
    "a reader around a reader": 'return io.TeeReader(strings.NewReader("xy"), io.Discard), nil',
    "an iter.Seq": 'return slices.Values([]string{"x", "", "y"}), nil',
    "a function that yields": 'return func(yield func(any) bool) { _ = yield("x") && yield([]byte("y")) }, nil',
    "an iter.Seq2 with errors": 'return func(yield func(string, error) bool) { _ = yield("x", nil) && yield("y", nil) }, nil',
    "an iterator of a type of its own": """
        type letter string
        return func(yield func(letter) bool) { _ = yield("x") && yield("y") }, nil
    """,
    "an iterator that writes itself": """
        return nil, engine.Result.Set(func(yield func(string) bool) { yield("x"); engine.Result.WriteString("y") })
    """,
    "a writer around the result": """
        _, err := io.Copy(engine.Result, strings.NewReader("xy"))
        return nil, err
    """,
}


@pytest.mark.parametrize("body", PIECES.values(), ids=PIECES)
def test_whatever_gives_pieces_in_go_is_sent_as_it_comes(go: Language, body: str) -> None:
    answer = in_pieces(go.call(run(go=body)))
    assert (answer.text, answer.headers["content-type"]) == ("xy", TEXT), go.record(answer)["extra"].get("error")
    assert go.logs(answer) == []


@pytest.mark.parametrize(
    "value", ['strings.NewReader("xy")', 'bytes.NewBufferString("xy")', 'bytes.NewReader([]byte("xy"))']
)
def test_what_a_reader_has_in_memory_is_sent_as_a_whole(go: Language, value: str) -> None:
    answer = go.call(run_return(go=value))
    assert (answer.text, answer.headers["content-length"], answer.headers["content-type"]) == ("xy", "2", TEXT)


def test_what_does_not_fit_into_a_result_is_sent_in_pieces(go: Language) -> None:
    answer = in_pieces(go.call(run_return(go='strings.NewReader(strings.Repeat("x", 11 << 20))')))
    assert len(answer.content) == 11 << 20


FIRST = run(
    go="""
        if first := engine.Request.Content; engine.Request.Path == "/write" {
            engine.Result.Write(first)
        } else {
            engine.Result.Set(io.MultiReader(bytes.NewReader(first)))
        }
        engine.Result.Flush()
    """
)


@pytest.mark.parametrize(
    ("first", "content_type"),
    [
        (b"text", TEXT),
        ("é\t\r\n".encode(), TEXT),
        (b"\xc3", TEXT),  # which the next piece may end
        (b"\xff", OCTETS),
        (b"a\x00", OCTETS),
        (b"\xc3a", OCTETS),
    ],
)
def test_the_first_piece_tells_the_content_type(go: Language, first: bytes, content_type: str) -> None:
    code_id = go.deploy(FIRST)
    for how in ("write", "set"):
        answer = in_pieces(go.server.client.post(f"/endpoint/{code_id}/{how}", content=first))
        assert (answer.headers["content-type"], answer.content) == (content_type, first)


def test_objects_are_lines_of_json_or_events(go: Language) -> None:
    values = 'slices.Values([]any{map[string]any{"n": 1}, nil, "raw", []byte("own"), true})'
    lines = in_pieces(go.call(run_return(go=values)))
    assert (lines.headers["content-type"], lines.text) == ("application/x-ndjson", '{"n":1}\nnull\nrawowntrue\n')
    events = in_pieces(
        go.call(run(go=f'engine.Result.Set({values}, codeactions.ContentType("Text/Event-Stream; a=b"))'))
    )
    assert events.text == 'data: {"n":1}\n\ndata: null\n\nrawowndata: true\n\n'


@pytest.mark.parametrize("sent", ["engine.Result.Flush()", 'engine.Result.Write([]byte("x"))'])
def test_what_is_sent_is_there_while_the_code_waits(go: Language, sent: str) -> None:
    sources = run(go=f"engine.Result.Head(codeactions.StatusCode(201))\n{sent}\nselect {{}}")
    code_id = go.deploy(sources)
    with go.server.client.stream("GET", f"/endpoint/{code_id}") as answer:
        assert answer.status_code == 201
        if "Write" in sent:
            assert next(answer.iter_text()) == "x"
    assert go.finished(answer)["extra"]["error"]["type"] == "cancelled"


LOST = {
    "set after write": (
        'engine.Result.Write([]byte("a"))\nengine.Result.Set("x")',
        "engine.Result.Set after engine.Result.Write",
    ),
    "write after set": (
        'engine.Result.Set("x")\nengine.Result.Write([]byte("a"))',
        "engine.Result.Write after engine.Result.Set",
    ),
    "head after set": (
        'engine.Result.Set("x")\nengine.Result.Head()',
        "engine.Result.Head comes too late: engine.Result.Set",
    ),
    "head after write": (
        'engine.Result.Write([]byte("a"))\nengine.Result.Head()',
        "engine.Result.Head comes too late: the head",
    ),
    "two streams": (
        'engine.Result.Set(slices.Values([]int{1}))\nengine.Result.Set("x")',
        "engine.Result.Set comes too late: the answer has gone out",
    ),
    "a bad head": (
        'engine.Result.Head(codeactions.StatusCode(1))\nengine.Result.Write([]byte("a"))\nengine.Result.Flush()',
        "the status code must be a whole number from 200 to 599, not 1",
    ),
    "a piece that cannot be sent": (
        "engine.Result.Set(slices.Values([]any{1, math.NaN()}))",
        "result is NaN, which JSON does not have",
    ),
    "a source that fails": (
        'engine.Result.Set(func(yield func(int, error) bool) { _ = yield(1, nil) && yield(2, errors.New("no more")) })',
        "no more",
    ),
    "a reader that fails at once": (
        'file, _ := os.Open("/etc/passwd")\nfile.Close()\nengine.Result.Set(file)',
        "read /etc/passwd: file already closed",
    ),
}


@pytest.mark.parametrize(("body", "message"), LOST.values(), ids=LOST)
def test_a_run_fails_with_an_error_that_it_ignores(go: Language, body: str, message: str) -> None:
    code_id = go.deploy(run(go=body))
    with go.server.client.stream("GET", f"/endpoint/{code_id}") as answer:
        if answer.status_code == 200:
            with pytest.raises(httpx.RemoteProtocolError):
                take(answer, bytearray())
    record = go.finished(answer)
    assert record["status"] == "failed"
    assert record["extra"]["error"]["message"].startswith(message)


def test_an_error_of_a_source_may_be_told_in_the_answer(go: Language) -> None:
    sources = run(
        go="""
            source := func(yield func(string, error) bool) { _ = yield("begun ", nil) && yield("", errors.New("broken")) }
            err := engine.Result.Set(source)
            fmt.Fprint(engine.Result, err)
        """
    )
    answer = in_pieces(go.call(sources))
    assert (answer.text, go.record(answer)["status"]) == ("begun broken", "completed")


def test_a_source_that_fails_before_its_first_piece_changes_nothing(go: Language) -> None:
    sources = run(
        go="""
            engine.Result.Set("before", codeactions.StatusCode(201))
            engine.Result.Set(func(yield func(string, error) bool) { yield("", errors.New("broken")) })
        """
    )
    answer = go.call(sources)
    assert (answer.status_code, answer.text) == (201, "before")


def test_a_panic_of_a_source_is_the_runs(go: Language) -> None:
    answer = go.call(run(go='return func(yield func(string) bool) { panic("in it") }, nil'))
    error = go.failure(answer)
    assert error["message"] == "panic: in it"
    assert "action.go:" in error["traceback"]


def test_goroutines_may_write_at_the_same_time(go: Language) -> None:
    sources = run(
        go="""
            var group sync.WaitGroup
            for n := range 20 {
                group.Go(func() { for range 50 { fmt.Fprintf(engine.Result, "%d\\n", n); engine.Log.Info(n) } })
            }
            group.Wait()
        """
    )
    answer = in_pieces(go.call(sources))
    assert sorted(answer.text.split()) == sorted([str(n) for n in range(20)] * 50)
    assert len(go.logs(answer)) == 1000
