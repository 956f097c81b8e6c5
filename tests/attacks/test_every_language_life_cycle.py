"""Attacks in JavaScript and Go on the end of a run, and on processes that are not its own."""

import pytest
from attacks.attacker import failure, findings, processes_named, success
from attacks.languages import LANGUAGES, Toolbox, alone
from harness import Server, wait_until

DEATHS = Toolbox(
    {
        "exit 0": {"javascript": "process.exit(0);", "go": "os.Exit(0)"},
        "exit 3": {"javascript": "process.exit(3);", "go": "os.Exit(3)"},
        "exit past the runtime": {"javascript": "call(231, 7);", "go": "call(231, 7)"},
        "another program": {"go": 'return nil, syscall.Exec("/bin/true", []string{"true"}, nil)'},
        "closing its pipe": {
            "javascript": "fs.closeSync(4); await forever();",
            "go": "syscall.Close(4); forever()",
        },
        "closing every descriptor": {
            "javascript": "for (let fd = 0; fd < 10; fd++) call(3, fd); while (true);",
            "go": "for fd := range 10 { syscall.Close(fd) }; for {}",
        },
        "handing its pipe to a child": {
            "javascript": "child.spawn('sleep', ['600'], { stdio: [4, 4, 4, 4, 4] }); process.exit(0);",
            "go": """
                command := exec.Command("sleep", "600")
                command.ExtraFiles = []*os.File{os.NewFile(4, "frames")}
                command.Start()
                os.Exit(0)""",
        },
        "abort": {"javascript": "process.abort();", "go": "syscall.Kill(1, syscall.SIGABRT); forever()"},
        "a write to an address of nobody": {
            "javascript": "new Uint8Array(toArrayBuffer(8, 0, 8))[0] = 1; await forever();",
            "go": "*(*int)(unsafe.Pointer(uintptr(1 << 30))) = 1; forever()",
        },
        "a system call with a bad pointer, then memory without rights": {
            "javascript": """
                const page = Buffer.alloc(1 << 16);
                call(10, Math.floor(ptr(page) / 4096) * 4096, 1 << 16, 0);
                page.fill(1); await forever();""",
            "go": """
                page, _ := syscall.Mmap(-1, 0, 4096, 3, 0x22)
                syscall.Mprotect(page, 0)
                page[0] = 1; forever()""",
        },
        "two maps at once": {
            "go": "shared := map[int]int{}; for range 8 { go func() { for { shared[1]++ } }() }; forever()"
        },
        "a panic elsewhere": {"go": 'go panic("elsewhere"); forever()'},
    }
)
# A language's own word of how it crashed is an exception; what came from the kernel alone is told as killed.
TOLD_BY_GO = (
    "abort",
    "a write to an address of nobody",
    "a system call with a bad pointer, then memory without rights",
    "two maps at once",
    "a panic elsewhere",
)


@pytest.mark.parametrize(("language", "name"), DEATHS.cases())
def test_a_death_without_a_result_is_told(server: Server, language: str, name: str) -> None:
    answer = DEATHS.call(server, language, name)
    told = language == "go" and name in TOLD_BY_GO
    failure(server, answer, answer.json()["error_type"] if told else "killed")
    assert answer.json()["error_type"] in ("killed", "exception")


AT_THE_TOP = {
    "javascript": "process.exit(0);\nexport function Run() {}",
    "go": 'package action\nimport ("codeactions"; "os")\nfunc init() { os.Exit(0) }\nfunc Run(e *codeactions.Engine) {}',
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_dying_while_the_code_is_loaded_is_told_as_killed(server: Server, language: str) -> None:
    failure(server, alone(server, language, AT_THE_TOP[language]), "killed")


LINGERING = Toolbox(
    {
        "timers": {"javascript": "setInterval(() => {}, 1); setTimeout(() => {}, 1e9); return 1;"},
        "a promise that never settles": {"javascript": "forever(); return 1;"},
        "a thread": {
            "javascript": "new Worker('data:text/javascript,while(true);'); return 1;",
            "go": "go func() { runtime.LockOSThread(); for {} }(); return 1, nil",
        },
        "many threads": {
            "javascript": "for (let i = 0; i < 5; i++) new Worker('data:text/javascript,setInterval(()=>{},1)'); return 1;",
            "go": "for range 40 { go func() { runtime.LockOSThread(); syscall.Pause() }() }; return 1, nil",
        },
        "a listener": {
            "javascript": "net.createServer().listen(8000, '127.0.0.1'); Bun.serve({ port: 8001, fetch() {} }); return 1;",
            "go": 'listener, _ := net.Listen("tcp", "127.0.0.1:0"); go listener.Accept(); return 1, nil',
        },
        "a child that holds every pipe": {
            "javascript": "child.spawn('sleep', ['600'], { stdio: ['ignore', 1, 2, 4] }); return 1;",
            "go": """
                command := exec.Command("sleep", "600")
                command.Stdout, command.Stderr = os.NewFile(1, "out"), os.NewFile(2, "err")
                command.ExtraFiles = []*os.File{os.NewFile(4, "frames")}
                return 1, command.Start()""",
        },
        "what happens at the exit": {
            "javascript": "process.on('exit', () => { while (true); }); process.on('beforeExit', forever); return 1;",
        },
        "a finalizer": {
            "javascript": "new FinalizationRegistry(() => { while (true); }).register({}, 1); Bun.gc(true); return 1;",
            "go": "runtime.SetFinalizer(new([64]int), func(*[64]int) { for {} }); runtime.GC(); return 1, nil",
        },
        "a deferred loop in another goroutine": {"go": "go func() { defer forever(); panic(nil) }(); return 1, nil"},
        "an uncaught error to come": {"javascript": "setTimeout(() => { throw 1; }, 1e3); return 1;"},
        "ignored signals": {
            "javascript": "for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(name, () => {}); return 1;",
            "go": "signal.Ignore(); return 1, nil",
        },
    }
)


@pytest.mark.parametrize(("language", "name"), LINGERING.cases())
def test_nothing_that_goes_on_delays_the_result(server: Server, language: str, name: str) -> None:
    assert success(server, LINGERING.call(server, language, name)).text == "1"


DAEMONS = Toolbox(
    {
        end: {
            "javascript": """
                sleeper("atk-daemon", "trap '' HUP INT TERM;", "setsid", "-f");
                await until(() => named("atk-daemon").length > 0);
                """
            + javascript,
            "go": """
                sleeper("atk-daemon", "trap '' HUP INT TERM; setsid -f")
                until(func() bool { return len(named("atk-daemon")) > 0 })
                """
            + go,
        }
        for end, javascript, go in (
            ("returns", "return 'seen';", 'return "seen", nil'),
            ("exits", "process.exit(0);", "os.Exit(0)"),
            ("throws", "throw new Error('seen');", 'panic("seen")'),
            ("crashes", "process.abort();", "syscall.Kill(1, syscall.SIGABRT); forever()"),
        )
    }
)


@pytest.mark.parametrize(("language", "end"), DAEMONS.cases())
def test_a_daemon_does_not_outlive_its_run(server: Server, language: str, end: str) -> None:
    answer = DAEMONS.call(server, language, end)  # it waits until it sees its daemon
    expected = {"returns": (None,), "exits": ("killed",), "throws": ("exception",), "crashes": ("killed", "exception")}
    assert answer.text == "seen" if end == "returns" else answer.json()["error_type"] in expected[end]
    wait_until(lambda: not processes_named("atk-daemon"), what="the daemon's end")


OTHERS = Toolbox(
    {
        "signals": {
            "javascript": """
                const own = new Set(fs.readdirSync("/proc/self/task").map(Number));
                const kinds = async (sign) => {
                  const found = new Set();
                  for (let pid = 2; pid < 400; pid++) if (!own.has(pid)) {
                    const kind = await attempt(() => { process.kill(sign * pid, "SIGKILL"); });
                    if (kind === "ESRCH" || !fs.existsSync("/proc/self/task/" + pid)) found.add(kind); // a new thread of its own
                  }
                  return [...found];
                };
                return { parent: process.ppid, everybody: await attempt(() => process.kill(-1, "SIGKILL")),
                         pids: await kinds(1), groups: await kinds(-1), handle: call(434, 399, 0) };""",
            "go": """
                own := map[int]bool{}
                tasks, _ := os.ReadDir("/proc/self/task")
                for _, task := range tasks { pid, _ := strconv.Atoi(task.Name()); own[pid] = true }
                kinds := func(sign int) []string {
                    found := []string{}
                    for pid := 2; pid < 400; pid++ {
                        if own[pid] { continue }
                        kind := outcome(syscall.Kill(sign*pid, syscall.SIGKILL))
                        if _, err := os.Stat(fmt.Sprint("/proc/self/task/", pid)); err == nil && kind != "ESRCH" { continue } // a new thread of its own
                        if !slices.Contains(found, kind) { found = append(found, kind) }
                    }
                    return found
                }
                return map[string]any{"parent": os.Getppid(), "everybody": outcome(syscall.Kill(-1, syscall.SIGKILL)),
                    "pids": kinds(1), "groups": kinds(-1), "handle": call(434, 399, 0)}, nil""",
        },
        "proc": {
            "javascript": """
                const list = fs.readdirSync("/proc");
                const has = (pid) => fs.existsSync(`/proc/${pid}`);
                return { pids: list.filter((name) => /^[0-9]+$/.test(name)), others: list.filter((name) => !/^[0-9]+$/.test(name)),
                         hidden: Array.from({ length: 400 }, (_, i) => i + 2).filter((pid) => has(pid) && !has(`1/task/${pid}`)),
                         root: String(fs.readdirSync("/proc/1/root/").sort()) === String(fs.readdirSync("/").sort()),
                         kernel: ["kcore", "kallsyms", "keys", "sys", "modules", "net"].filter(has) };""",
            "go": """
                has := func(name string) bool { _, err := os.Stat("/proc/" + name); return err == nil }
                pids, others, hidden, kernel := []string{}, []string{}, []int{}, []string{}
                entries, _ := os.ReadDir("/proc")
                for _, entry := range entries {
                    if _, err := strconv.Atoi(entry.Name()); err == nil { pids = append(pids, entry.Name()) } else { others = append(others, entry.Name()) }
                }
                for pid := 2; pid < 402; pid++ {
                    if has(strconv.Itoa(pid)) && !has(fmt.Sprint("1/task/", pid)) { hidden = append(hidden, pid) }
                }
                for _, name := range []string{"kcore", "kallsyms", "keys", "sys", "modules", "net"} {
                    if has(name) { kernel = append(kernel, name) }
                }
                one, _ := filepath.Glob("/proc/1/root/*")
                other, _ := filepath.Glob("/*")
                return map[string]any{"pids": pids, "others": others, "hidden": hidden, "root": len(one) == len(other), "kernel": kernel}, nil""",
        },
    }
)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_run_can_signal_nobody_but_itself(server: Server, language: str) -> None:
    found = success(server, OTHERS.call(server, language, "signals")).json()
    assert found["parent"] == 0  # none that it could see
    assert found["everybody"] == found["handle"] == "ESRCH"
    assert found["pids"] == found["groups"] == ["ESRCH"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_proc_shows_a_run_only_itself(server: Server, language: str) -> None:
    found = success(server, OTHERS.call(server, language, "proc")).json()
    assert found["pids"] == ["1"]
    assert set(found["others"]) <= {"self", "thread-self"}
    assert found["hidden"] == []
    assert found["root"] is True
    assert set(found["kernel"]) <= {"net"}  # a link to its own


# SIGKILL from inside of its namespace does not reach an init; it has to go on, or be told as killed.
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_run_that_kills_itself_harms_nobody(server: Server, language: str) -> None:
    sources = {
        "javascript": "export function Run() { process.kill(process.pid, 'SIGKILL'); return 1; }",
        "go": """
            package action
            import ("codeactions"; "syscall")
            func Run(engine *codeactions.Engine) (any, error) { return 1, syscall.Kill(syscall.Getpid(), syscall.SIGKILL) }
        """,
    }
    assert success(server, alone(server, language, sources[language])).text == "1"
    assert findings(server, "def Run(engine):\n    return 1\n") == 1
