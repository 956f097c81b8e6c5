"""Panics, fatal errors and exits of Go programs, and what they print by the way."""

import pytest
from conformance.languages import Language, run

# By what happens: what stands in `Run`, and the message.
PANICS = {
    "a text": ('panic("bad")', "panic: bad"),
    "an error": ('panic(errors.New("bad"))', "panic: bad"),
    "a number": ("panic(5)", "panic: 5"),
    "nil": ("panic(nil)", "panic: runtime error: panic called with nil"),
    "an index": ("var a []int; _ = a[len(engine.Body)]", "panic: runtime error: index out of range [0] with length 0"),
    "a nil pointer": ("var e *codeactions.Engine; _ = e.Body", "panic: runtime error: invalid memory address"),
    "a nil map": ('var m map[string]int; m["a"] = 1', "panic: assignment to entry in nil map"),
    "a division": ("zero := len(engine.Body); _ = 1 / zero", "panic: runtime error: integer divide by zero"),
    "a wrong type": ('var a any = "x"; _ = a.(int)', "panic: interface conversion: interface {} is string, not int"),
    "a closed channel": ("c := make(chan int); close(c); c <- 1", "panic: send on closed channel"),
    "in a deferred function": ('defer func() { panic("second") }(); panic("first")', "panic: second"),
    "again": ('defer func() { panic(recover()) }(); panic("bad")', "panic: bad"),
    "Goexit": ("runtime.Goexit()", "Run ended its goroutine without returning"),
}


@pytest.mark.parametrize("name", PANICS)
def test_a_panic_in_run_is_an_exception(go: Language, name: str) -> None:
    body, message = PANICS[name]
    error = go.failure(go.call(run(go=body)))
    assert error["type"] == "exception"
    assert error["message"].startswith(message)
    if name != "Goexit":
        assert "action.Run(" in error["traceback"]
        assert "\taction.go:3" in error["traceback"]
    for part in ("codeactions.Serve", "codeactions.call", "serve.go", "debug.Stack"):
        assert part not in error["traceback"]


def test_a_panic_that_is_recovered_is_none(go: Language) -> None:
    source = """
        func Run(engine *codeactions.Engine) (value any, err error) {
            defer func() { value = recover() }()
            panic("recovered")
        }
    """
    assert go.call({"go": source}).text == "recovered"


# Ends that no deferred function sees, by what happens: what stands in `Run`, the message, and part of the trace.
CRASHES = {
    "a panic elsewhere": ('go func() { panic("bad") }(); select {}', "panic: bad", "action.Run.func1()"),
    "an error elsewhere": ('go func() { panic(errors.New("bad")) }(); select {}', "panic: ", "bad"),
    "an index elsewhere": (
        "go func() { var a []int; _ = a[len(engine.Body)] }(); select {}",
        "panic: runtime error: index out of range",
        "action.go:4",  # behind the garbage collection
    ),
    "a map written by many": (
        "m := map[int]int{}; for range 8 { go func() { for { m[0]++ } }() }; select {}",
        "fatal error: concurrent map",
        "goroutine",
    ),
    "recursion without end": (
        "var f func(int) int; f = func(n int) int { return f(n+1) + 1 }; return f(0), nil",
        "fatal error: stack overflow",
        "goroutine stack exceeds",
    ),
    "a mutex unlocked twice": ("var m sync.Mutex; m.Unlock()", "fatal error: sync: unlock of unlocked mutex", "action"),
    "a bad address": (
        "p := unsafe.Pointer(uintptr(4096 * 1000)); *(*int)(p) = 1",
        "fatal error: fault",
        "signal SIGSEGV",
    ),
}


@pytest.mark.parametrize("name", CRASHES)
def test_a_crash_is_an_exception_with_what_go_said_of_it(go: Language, name: str) -> None:
    body, message, part = CRASHES[name]
    error = go.failure(go.call(run(go="runtime.GC()\n" + body)))
    assert error["type"] == "exception", error
    assert error["message"].startswith(message)
    assert part in error["traceback"]
    assert len(error["traceback"]) < 5000


def test_words_like_those_of_a_crash_are_none(go: Language) -> None:
    answer = go.call(run(go='println("panic: not at all")\nos.Exit(3)'))
    assert go.failure(answer)["type"] == "killed"
    assert go.call(run(go='println("panic: not at all")\nreturn "x", nil')).text == "x"


def test_a_crash_that_is_long_is_cut(go: Language) -> None:
    body = 'text := strings.Repeat("bad ", 100_000)\ngo func() { panic(text) }()\nselect {}'
    error = go.failure(go.call(run(go=body)))
    assert error["type"] == "exception"
    assert error["message"].startswith("panic: bad bad ")
    assert len(error["message"]) < 10_000


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ('log.SetFlags(0); fmt.Println("a"); log.Fatal("b")', 1),
        ('log.SetFlags(0); log.Print("b"); fmt.Print("a"); os.Exit(0)', 0),
        ('go func() { fmt.Print("a\\n"); os.Stderr.WriteString("b"); os.Exit(7) }(); select {}', 7),
    ],
    ids=["log.Fatal", "unfinished", "elsewhere"],
)
def test_what_was_printed_before_an_exit_is_kept(go: Language, body: str, code: int) -> None:
    answer = go.call(run(go=body))
    error = go.failure(answer)
    assert error["type"] == "killed"
    assert f"exited with code {code} " in error["message"]
    assert sorted(go.logs(answer)) == [("error", "b"), ("info", "a")]


@pytest.mark.parametrize(
    "crash",
    [
        'go func() { panic("bad") }(); select {}',
        "var m sync.Mutex; m.Unlock()",
        "var f func(int) int; f = func(n int) int { return f(n+1) + 1 }; return f(0), nil",
    ],
    ids=["panic", "fatal error", "recursion"],
)
def test_what_was_printed_before_a_crash_is_kept(go: Language, crash: str) -> None:
    printed = 'log.SetFlags(0); fmt.Println("a"); log.Print("b"); fmt.Print("c"); os.Stderr.WriteString("d")'
    # With one processor the engine has not read any of it yet.
    answer = go.call(run(go=f"runtime.GOMAXPROCS(1); {printed}; {crash}"))
    error = go.failure(answer)
    assert error["type"] == "exception"
    assert error["message"].startswith(("panic: bad", "fatal error: "))
    logs = go.logs(answer)
    assert [content for level, content in logs if level == "info"] == ["a", "c"]
    assert [content for level, content in logs if content in ("b", "d")] == ["b", "d"]


def test_goexit_in_another_goroutine_ends_only_that(go: Language) -> None:
    body = 'done := make(chan int)\ngo func() { defer close(done); runtime.Goexit() }()\n<-done\nreturn "x", nil'
    assert go.call(run(go=body)).text == "x"


def test_every_way_of_printing_keeps_its_place_among_the_lines_of_the_engine(go: Language) -> None:
    body = """
        log.SetFlags(0)
        fmt.Println("1")
        engine.Log.Debug("2")
        log.Println("3")
        engine.Log.Info("4")
        fmt.Fprint(os.Stderr, "5\\n")
        engine.Log.Error("6")
        os.Stdout.Write([]byte("7\\n"))
        engine.Log.Info("8")
        slog.SetDefault(slog.New(slog.NewTextHandler(os.Stdout, nil)))
        slog.Info("9")
        engine.Log.Info("10")
    """
    logs = go.lines(run(go=body))
    levels = ["info", "debug", "error", "info", "error", "error", "info", "info", "info", "info"]
    assert [level for level, _ in logs] == levels
    assert [content[-1] for _, content in logs] == ["1", "2", "3", "4", "5", "6", "7", "8", "9", "0"]


def test_println_is_kept_even_when_much_was_collected_since(go: Language) -> None:
    body = 'runtime.GC()\nruntime.GC()\nprintln("a", 1)\nprint("b")'
    assert go.lines(run(go=body)) == [("error", "a 1"), ("error", "b")]


def test_messages_with_arguments_are_formats_and_others_are_not(go: Language) -> None:
    body = """
        engine.Log.Info("%d%%", 5)
        engine.Log.Info("100%d")
        engine.Log.Info(5)
        engine.Log.Error(errors.New("bad"))
    """
    assert go.lines(run(go=body)) == [("info", "5%"), ("info", "100%d"), ("info", "5"), ("error", "bad")]


def test_an_error_without_words_is_named_by_its_type(go: Language) -> None:
    source = """
        type Silent struct{}

        func (Silent) Error() string { return "" }

        func Run(engine *codeactions.Engine) error { return Silent{} }
    """
    assert go.failure(go.call({"go": source}))["message"] == "action.Silent"


def test_a_mistake_of_types_is_refused_with_its_place(go: Language) -> None:
    go.deploy(run(go=""))
    params = {"name": "x", "language": "go", "type": "flow", "project_uuid": "x"}
    source = (
        'package action\n\nimport "codeactions"\n\nfunc Run(e *codeactions.Engine) error {\n\treturn e.Nothing()\n}\n'
    )
    answer = go.server.client.post("/code", params=params, content=source)
    assert answer.status_code == 400
    assert (answer.json()["line"], answer.json()["column"]) == (6, 11)
    assert "e.Nothing undefined" in answer.json()["error"]["message"]


def test_standard_output_that_is_thrown_away_takes_no_other_file_with_it(go: Language) -> None:
    source = """
        func Run(engine *codeactions.Engine) (any, error) {
            os.Stdout = nil
            for range 3 {
                runtime.GC()
                time.Sleep(10 * time.Millisecond)
            }
            os.WriteFile("/tmp/kept", []byte("kept"), 0o600)
            files := []*os.File{}
            for range 8 {
                file, err := os.Open("/tmp/kept")
                if err != nil { return nil, err }
                files = append(files, file)
            }
            engine.Log.Info("logged")
            found := []string{}
            for _, file := range files {
                content, _ := io.ReadAll(file)
                found = append(found, string(content))
            }
            return found, nil
        }
    """
    answer = go.call({"go": source})
    assert answer.json() == ["kept"] * 8
    assert go.logs(answer) == [("info", "logged")]
