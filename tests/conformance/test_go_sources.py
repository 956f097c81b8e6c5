"""Forms of source that are Go's, and its standard library."""

import pytest
from conformance.languages import Language, run

FORMS = {
    "error": 'func Run(engine *codeactions.Engine) error { return engine.Result.Set("x") }',
    "any and error": 'func Run(engine *codeactions.Engine) (any, error) { return "x", nil }',
    "nothing": 'func Run(engine *codeactions.Engine) { engine.Result.Set("x") }',
    "a variable": 'var Run = func(engine *codeactions.Engine) (any, error) { return "x", nil }',
    "named results": 'func Run(engine *codeactions.Engine) (value any, err error) { value = "x"; return }',
    "deferred": 'func Run(engine *codeactions.Engine) (err error) { defer engine.Result.Set("x"); return }',
    "a method": 'type T struct{}\nfunc (T) run(*codeactions.Engine) (any, error) { return "x", nil }\nvar Run = T{}.run',
    "init": 'var x string\nfunc init() { x = "x" }\nfunc Run(*codeactions.Engine) (any, error) { return x, nil }',
    "generics": 'func id[T any](v T) T { return v }\nfunc Run(*codeactions.Engine) (any, error) { return id("x"), nil }',
    "embedding": 'import _ "embed"\nfunc Run(*codeactions.Engine) (any, error) { return "x", nil }',
}
# Sources as a whole, with a package of their own.
WHOLE = {
    "another package name": 'package anything\nimport "codeactions"\nfunc Run(e *codeactions.Engine) { e.Result.Set("x") }',
    "another name of the engine": 'package action\nimport c "codeactions"\nfunc Run(e *c.Engine) { e.Result.Set("x") }',
    "dot import": 'package action\nimport . "codeactions"\nfunc Run(e *Engine) { e.Result.Set("x", StatusCode(200)) }',
    "BOM": '\ufeffpackage action\nimport "codeactions"\nfunc Run(e *codeactions.Engine) { e.Result.Set("x") }',
    "CRLF": 'package action\r\nimport "codeactions"\r\nfunc Run(e *codeactions.Engine) {\r\n\te.Result.Set("x")\r\n}\r\n',
    "comments first": '// Copyright\n\n/* x */ package action\nimport "codeactions"\n'
    'func Run(e *codeactions.Engine) { e.Result.Set("x") }',
    "package main with a main": 'package main\nimport "codeactions"\nfunc main() {}\n'
    'func Run(e *codeactions.Engine) { e.Result.Set("x") }',
    "no line end": 'package action; import "codeactions"; func Run(e *codeactions.Engine) { e.Result.Set("x") }',
}


@pytest.mark.parametrize("form", FORMS)
def test_every_usual_form_of_run_works(go: Language, form: str) -> None:
    answer = go.call({"go": FORMS[form]})
    assert (answer.status_code, answer.text) == (200, "x"), go.record(answer)["extra"].get("error")


@pytest.mark.parametrize("form", WHOLE)
def test_every_usual_form_of_source_runs(go: Language, form: str) -> None:
    go.deploy({"go": FORMS["error"]})  # waits until Go is ready
    code_id = go.server.create(WHOLE[form], language="go")
    assert go.server.client.post(f"/endpoint/{code_id}").text == "x"


def test_options_may_come_in_any_order_and_number(go: Language) -> None:
    sources = run(
        go="""
            headers := codeactions.Headers(map[string]string{"X-A": "1"})
            return nil, engine.Result.Set("<p>", headers, codeactions.ContentType("html"),
                codeactions.StatusCode(404), codeactions.StatusCode(201))
        """
    )
    answer = go.call(sources)
    assert (answer.status_code, answer.headers["x-a"]) == (201, "1")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


def test_json_is_as_its_tags_say(go: Language) -> None:
    source = """
        type Address struct {
            Street string `json:"street"`
        }

        type Person struct {
            Name    string         `json:"name"`
            Secret  string         `json:"-"`
            Empty   *int           `json:"empty,omitempty"`
            Age     int            `json:"age,string"`
            Content []byte         `json:"content"`
            At      time.Time      `json:"at"`
            Raw     json.RawMessage
            Address
            hidden  int
        }

        func Run(engine *codeactions.Engine) (any, error) {
            at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
            return Person{"a<b", "s", nil, 5, []byte("x"), at, json.RawMessage(`{"a":1}`), Address{"s"}, 1}, nil
        }
    """
    answer = go.call({"go": source})
    assert answer.json() == {
        "name": "a<b",
        "age": "5",
        "content": "eA==",
        "at": "2026-01-02T03:04:05Z",
        "Raw": {"a": 1},
        "street": "s",
    }
    assert '"a<b"' in answer.text, "there is no page that < could be a danger in"


def test_headers_are_looked_up_in_any_case_and_absent_ones_can_be_told(go: Language) -> None:
    sources = run(
        go="""
            _, absent := engine.Header.Lookup("X-No")
            value, present := engine.Header.Lookup("x-EMPTY")
            return []any{engine.Header.Get("x-a"), engine.Header.Get("X-A"), absent, present, value}, nil
        """
    )
    answer = go.call(sources, headers={"X-A": "1", "X-Empty": ""})
    assert answer.json() == ["1", "1", False, True, ""]


# By name: what stands in `Run` and must return "x".
USES = {
    "fmt": 'return fmt.Sprintf("%c", 120), nil',
    "strings": 'return strings.ToLower("X"), nil',
    "bytes": 'return string(bytes.TrimSpace([]byte(" x "))), nil',
    "strconv": 'return strconv.Quote("x")[1:2], nil',
    "regexp": 'return regexp.MustCompile(`\\p{L}`).FindString("1x2"), nil',
    "sort": 'a := []string{"y", "x"}; sort.Strings(a); return a[0], nil',
    "slices": 'return slices.Min([]string{"y", "x"}), nil',
    "maps": 'return slices.Collect(maps.Keys(map[string]int{"x": 1}))[0], nil',
    "errors": 'err := errors.New("x"); return errors.Unwrap(fmt.Errorf("a: %w", err)).Error(), nil',
    "encoding/json": 'var v []string; err := json.Unmarshal([]byte(`["x"]`), &v); return v[0], err',
    "encoding/xml": 'var v struct{ A string }; err := xml.Unmarshal([]byte("<r><A>x</A></r>"), &v); return v.A, err',
    "encoding/csv": 'rows, err := csv.NewReader(strings.NewReader("a,x")).ReadAll(); return rows[0][1], err',
    "encoding/hex": 'v, err := hex.DecodeString("78"); return string(v), err',
    "encoding/base64": 'v, err := base64.StdEncoding.DecodeString("eA=="); return string(v), err',
    "crypto/sha256": 'if fmt.Sprintf("%x", sha256.Sum256([]byte("abc")))[:8] == "ba7816bf" { return "x", nil }',
    "crypto/hmac": 'm := hmac.New(sha256.New, []byte("k")); if len(m.Sum(nil)) == 32 { return "x", nil }',
    "crypto/rand": 'if rand.Text() != rand.Text() { return "x", nil }',
    "math/rand": 'if chance.IntN(1) == 0 { return "x", nil }',
    "math/big": "return string(rune(new(big.Int).Exp(big.NewInt(2), big.NewInt(7), nil).Int64() - 8)), nil",
    "time": 'if time.Unix(0, 0).UTC().Year() == 1970 { return "x", nil }',
    "text/template": """
        var out strings.Builder
        err := template.Must(template.New("").Parse("{{.}}")).Execute(&out, "x")
        return out.String(), err
    """,
    "html": 'return html.UnescapeString("&#120;"), nil',
    "net/url": 'u, err := url.Parse("https://h/?a=x"); return u.Query().Get("a"), err',
    "net/http": """
        request, err := http.NewRequest("POST", "http://h/p", strings.NewReader("x"))
        content, _ := io.ReadAll(request.Body)
        if http.StatusText(404) != "Not Found" || err != nil { return nil, err }
        return string(content), nil
    """,
    "net/http on loopback": """
        server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("x")) }))
        defer server.Close()
        answer, err := http.Get(server.URL)
        if err != nil { return nil, err }
        content, err := io.ReadAll(answer.Body)
        return string(content), err
    """,
    "compress/gzip": """
        var packed bytes.Buffer
        writer := gzip.NewWriter(&packed)
        writer.Write([]byte("x"))
        writer.Close()
        reader, err := gzip.NewReader(&packed)
        if err != nil { return nil, err }
        content, err := io.ReadAll(reader)
        return string(content), err
    """,
    "os": 'os.WriteFile("a", []byte("x"), 0o600); content, err := os.ReadFile("/tmp/a"); return string(content), err',
    "os/exec": 'content, err := exec.Command("/bin/echo", "-n", "x").Output(); return string(content), err',
    "context": """
        ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
        defer cancel()
        <-ctx.Done()
        if errors.Is(ctx.Err(), context.DeadlineExceeded) { return "x", nil }
    """,
    "sync": """
        var group sync.WaitGroup
        var count atomic.Int32
        for range 100 { group.Go(func() { count.Add(1) }) }
        group.Wait()
        if count.Load() == 100 { return "x", nil }
    """,
    "channels": 'c := make(chan string); go func() { c <- "x" }(); return <-c, nil',
    "select and timers": """
        select {
        case <-time.After(time.Millisecond): return "x", nil
        case <-make(chan int): return "y", nil
        }
    """,
    "many goroutines": """
        c := make(chan int)
        for i := range 10_000 { go func() { c <- i } () }
        sum := 0
        for range 10_000 { sum += <-c }
        if sum == 49_995_000 { return "x", nil }
    """,
    "runtime": 'runtime.GC(); if runtime.GOOS == "linux" { return "x", nil }',
    "iterators": 'for v := range func(yield func(string) bool) { yield("x") } { return v, nil }',
}


@pytest.mark.parametrize("name", USES)
def test_the_standard_library_just_works(go: Language, name: str) -> None:
    answer = go.call(run(go=USES[name]))
    assert answer.text == "x", go.record(answer)["extra"].get("error")


def test_there_is_no_network(go: Language) -> None:
    error = go.failure(go.call(run(go='_, err := http.Get("http://192.0.2.1/"); return nil, err')))
    assert error["type"] == "exception"
    assert "192.0.2.1" in error["message"]
