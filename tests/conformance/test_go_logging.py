"""Go's `log` and `log/slog`: each message is one entry of its own level, however they are configured."""

import pytest
from conformance.languages import Language, run

# By what is done: the code, and its lines.
MESSAGES: dict[str, tuple[str, list[tuple[str, str]]]] = {
    "levels": (
        'slog.Debug("a"); slog.Info("b"); slog.Warn("c"); slog.Error("d")',
        [("info", "b"), ("warning", "c"), ("error", "d")],
    ),
    "a lower level": (
        'slog.SetLogLoggerLevel(slog.LevelDebug); slog.Debug("a"); slog.Log(context.Background(), -8, "b")',
        [("debug", "a")],
    ),
    "levels between": (
        "for _, level := range []slog.Level{2, 6, 9} { slog.Log(context.Background(), level, level.String()) }",
        [("info", "INFO+2"), ("warning", "WARN+2"), ("error", "ERROR+1")],
    ),
    "attributes": (
        'slog.Info("a b", "n", 1, "s", "x y", "e", errors.New("bad"), slog.Group("g", "level", "z"))',
        [("info", 'a b n=1 s="x y" e=bad g.level=z')],
    ),
    "attributes of the same names": (
        'slog.Info("a", "msg", "m", "level", "l", "time", "t")',
        [("info", "a msg=m level=l time=t")],
    ),
    "a logger with attributes": (
        'logger := slog.With("a", 1).WithGroup("g"); slog.Info("x"); logger.Warn("y", "b", 2)',
        [("info", "x"), ("warning", "y a=1 g.b=2")],
    ),
    "lines": ('log.SetFlags(0); slog.Warn("a\\nb"); log.Print("c\\nd\\n")', [("warning", "a\nb"), ("error", "c\nd")]),
    "within a line": ('fmt.Print("1 ... "); slog.Warn("a"); fmt.Println("2")', [("warning", "a"), ("info", "1 ... 2")]),
    "a logger that writes as log does": ('log.New(log.Writer(), "p ", 0).Print("a")', [("error", "p a")]),
    "an output of the code's own": ('log.SetFlags(0); log.SetOutput(os.Stdout); log.Print("a")', [("info", "a")]),
    "a handler of the code's own": (
        "slog.SetDefault(slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: "
        "func(_ []string, a slog.Attr) slog.Attr { if a.Key == slog.TimeKey { return slog.Attr{} }; return a }})))\n"
        'slog.Warn("a"); log.Print("b")',
        [("info", "level=WARN msg=a"), ("info", "level=INFO msg=b")],
    ),
    "an exit": ('log.SetFlags(0); slog.Warn("a"); log.Fatal("b")', [("warning", "a"), ("error", "b")]),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_is_one_entry(go: Language, name: str) -> None:
    body, expected = MESSAGES[name]
    answer = go.call(run(go=body))
    assert go.record(answer)["status"] == ("failed" if name == "an exit" else "completed")
    assert go.logs(answer) == expected


def test_what_was_set_before_run_stays(go: Language) -> None:
    source = """
        func init() {
            log.SetFlags(0)
            log.SetPrefix("own ")
            slog.SetDefault(slog.New(slog.DiscardHandler))
            log.SetOutput(os.Stdout)
        }
        func Run(engine *codeactions.Engine) {
            slog.Error("discarded")
            log.Print("a")
        }
    """
    assert go.lines({"go": source}) == [("info", "own a")]


def test_messages_of_many_goroutines_are_whole(go: Language) -> None:
    body = """
        var group sync.WaitGroup
        for n := range 4 {
            group.Go(func() { for i := range 50 { slog.Warn(strings.Repeat(fmt.Sprint(n), 500), "i", i) } })
        }
        group.Wait()
    """
    expected = [("warning", f"{str(n) * 500} i={i}") for n in range(4) for i in range(50)]
    assert sorted(go.lines(run(go=body))) == sorted(expected)
