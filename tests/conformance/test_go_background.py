"""Work after the answer in Go, and the goroutines that an action leaves behind without it."""

import pytest
from conformance.languages import Language, run

POOL = "jobs := make(chan int); for range 3 { go func() { for range jobs { } }() }; jobs <- 1"
LEFT = {
    "nothing": ("", "", ""),
    "a goroutine": ("go time.Sleep(time.Hour)", "", "1 goroutine, begun at action.go:{}"),
    "goroutines of one place": (
        "for range 3 { go func() { time.Sleep(time.Hour) }() }",
        "",
        "3 goroutines, begun at action.go:{}",
    ),
    "one that computes": ("go func() { for { } }()", "", "1 goroutine, begun at action.go:{}"),
    "one of a wait group": (
        "var group sync.WaitGroup; group.Go(func() { time.Sleep(time.Hour) })",
        "",
        "1 goroutine, begun at action.go:{}",
    ),
    "one that a timer began": (
        "done := make(chan int); time.AfterFunc(1, func() { done <- 1; time.Sleep(time.Hour) }); <-done",
        "",
        "1 goroutine, begun at action.go:{}",
    ),
    "a method": (
        "go (&worker{}).work()",
        "type worker struct{}\nfunc (*worker) work() { time.Sleep(time.Hour) }",
        "1 goroutine",
    ),
    "a request": ('go http.Get("http://" + listening())', "", "1 goroutine"),
    "those that are done": (
        "var group sync.WaitGroup; for range 50 { group.Go(func() { time.Sleep(time.Millisecond) }) }; group.Wait()",
        "",
        "",
    ),
    "one that has just given its value": (
        "done := make(chan int); go func() { done <- 1 }(); <-done",
        "",
        "",
    ),
    "an idle pool": (POOL, "", ""),
    "those from before Run": (
        POOL,
        "func init() { go forever(); begin() }\nfunc begin() { go forever() }\n"
        "func forever() { for { time.Sleep(time.Hour) } }\nvar _ = func() int { go forever(); return 1 }()",
        "",
    ),
    "one beside those from before Run": (
        "begin()",
        "func init() { begin() }\nfunc begin() { go time.Sleep(time.Hour) }",
        "1 goroutine",
    ),
    "one of a function that is called as if it were from before Run": (
        "initialise()",
        "func initialise() { go time.Sleep(time.Hour) }",
        "1 goroutine",
    ),
    "a connection that is kept": (
        "server := httptest.NewServer(http.NotFoundHandler()); answer, _ := http.Get(server.URL); answer.Body.Close()",
        "",
        "",
    ),
    "one that work after the answer waits for": (
        "var group sync.WaitGroup; group.Go(func() { time.Sleep(10 * time.Millisecond) }); engine.Background(group.Wait)",
        "",
        "",
    ),
    "one of work after the answer": (
        "engine.Background(func() { go time.Sleep(time.Hour) })",
        "",
        "1 goroutine, begun at action.go:{}",
    ),
    "one beside an answer in pieces": (
        'go time.Sleep(time.Hour); engine.Result.WriteString("x")',
        "",
        "1 goroutine, begun at action.go:{}",
    ),
}
ACTION = """
func listening() string {{
    listener, _ := net.Listen("tcp", "127.0.0.1:0")
    return listener.Addr().String()
}}
{before}
func Run(engine *codeactions.Engine) (any, error) {{
    _, _, _, _ = sync.OnceFunc, time.Now, httptest.NewServer, http.Get
{body}
    return "x", nil
}}
"""


@pytest.mark.parametrize(("body", "before", "told"), LEFT.values(), ids=LEFT)
def test_goroutines_that_are_left_are_one_warning(go: Language, body: str, before: str, told: str) -> None:
    source = ACTION.format(body=body, before=before)
    answer = go.call({"go": source})
    assert answer.text == "x", go.record(answer)["extra"].get("error")
    assert go.finished(answer)["status"] == "completed"
    logs = go.logs(answer)
    if not told:
        assert logs == []
        return
    [(level, content)] = logs
    line = 1 + go.source({"go": source}).split(body)[0].count("\n")
    assert level == "warning"
    assert content.startswith(f"the run ended and left unfinished: {told.format(line)}")
    assert content.endswith(". Wait for such work, or give it to engine.Background")


def test_work_is_taken_until_the_run_is_over(go: Language) -> None:
    sources = run(
        go="""
            started := make(chan bool)
            go func() { <-started; runtime.Gosched(); engine.Background(func() { engine.Log.Info("late") }) }()
            engine.Background(func() { close(started) })
            return "x", nil
        """
    )
    answer = go.call(sources)
    assert (answer.text, go.finished(answer)["status"]) == ("x", "completed")
    assert go.logs(answer) == [("info", "late")]


def test_functions_are_called_one_after_the_other(go: Language) -> None:
    sources = run(
        go="""
            done := []string{}
            for _, name := range []string{"a", "b", "c"} {
                engine.Background(func() { time.Sleep(time.Millisecond); done = append(done, name) })
            }
            engine.Background(func() { engine.Log.Info("%v", done) })
        """
    )
    answer = go.call(sources)
    assert go.finished(answer)["status"] == "completed"
    assert go.logs(answer) == [("info", "[a b c]")]


FAILURES = {
    "a panic": ('panic("no")', "panic: no"),
    "a panic with an error": ('panic(fmt.Errorf("no %d", 1))', "panic: no 1"),
    "the end of its goroutine": ("runtime.Goexit()", "a function that engine.Background was given ended its goroutine"),
    "nil": ('var none map[string]int; none["a"] = 1', "panic: assignment to entry in nil map"),
}


@pytest.mark.parametrize(("body", "message"), FAILURES.values(), ids=FAILURES)
def test_work_that_fails_is_the_runs_failure(go: Language, body: str, message: str) -> None:
    answer = go.call(run(go=f'engine.Background(func() {{ {body} }})\nreturn "x", nil'))
    assert answer.text == "x"
    record = go.finished(answer)
    assert (record["status"], record["result"]) == ("failed", "x")
    error = record["extra"]["error"]
    assert error["message"].startswith(message)
    assert ("action.go:" in error["traceback"]) == (body != "runtime.Goexit()")


@pytest.mark.parametrize("body", ["os.Exit(3)", 'go func() { panic("no") }(); time.Sleep(time.Hour)'])
def test_work_that_ends_the_process_is_the_runs_failure(go: Language, body: str) -> None:
    answer = go.call(run(go=f'engine.Background(func() {{ fmt.Print("begun"); {body} }})\nreturn "x", nil'))
    assert answer.text == "x"
    record = go.finished(answer)
    assert (record["status"], record["result"]) == ("failed", "x")
    assert record["extra"]["error"]["type"] == ("killed" if "Exit" in body else "exception")
    assert ("info", "begun") in go.logs(answer)


def test_no_function_is_refused_at_once(go: Language) -> None:
    error = go.failure(go.call(run(go="engine.Background(nil)")))
    assert error["message"] == "panic: engine.Background is given no function"


def test_what_comes_too_late_is_told_once(go: Language) -> None:
    sources = run(
        go="""
            engine.Background(func() { for range 3 { engine.Result.Set("y"); engine.Result.Flush() } })
            return "x", nil
        """
    )
    answer = go.call(sources)
    assert (answer.text, go.finished(answer)["result"]) == ("x", "x")
    assert go.logs(answer) == [("warning", "engine.Result.Set comes too late: the answer has gone out")]
