"""Attacks in JavaScript and Go on what a run may use: processes, memory, files, time, output."""

import json
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from attacks.attacker import failure, success
from attacks.languages import LANGUAGES, Toolbox, alone, ready
from harness import Server

PROCESSES = Toolbox(
    {
        "programs": {
            "javascript": """while (true) Bun.spawn(["sleep", "600"]);""",
            "go": """for { if err := exec.Command("sleep", "600").Start(); err != nil { return nil, err } }""",
        },
        "programs, asynchronously": {
            "javascript": """
                await new Promise((_, reject) => {
                  for (let i = 0; i < 200; i++) child.spawn("sleep", ["600"]).on("error", reject);
                });""",
        },
        "threads": {
            "javascript": """while (true) new Worker("data:text/javascript,setInterval(() => {}, 1000)");""",
            "go": """for { go func() { runtime.LockOSThread(); syscall.Pause() }(); runtime.Gosched() }""",
        },
        "a shell's fork bomb": {
            "javascript": """
                const bomb = child.spawnSync("sh", ["-c", "sleep 600 >/dev/null 2>&1 & ".repeat(200)], { encoding: "utf8" });
                throw new Error(bomb.stderr);""",
            "go": """
                said, _ := exec.Command("sh", "-c", strings.Repeat("sleep 600 >/dev/null 2>&1 & ", 200)).CombinedOutput()
                return nil, errors.New(string(said))""",
        },
    }
)
REFUSALS = (
    "temporarily unavailable",
    "failed to create new OS thread",
    "newosproc",
    "spawn worker thread",
    "Cannot fork",
    "abort() called",  # Bun, when it is a thread of its own that it cannot have
)


@pytest.mark.parametrize(("language", "name"), PROCESSES.cases())
def test_a_fork_bomb_meets_the_limit_of_processes(server: Server, language: str, name: str) -> None:
    answer = PROCESSES.call(server, language, name)
    error = server.record(answer)["extra"]["error"]
    # A thread that cannot be had is more than an engine may be able to tell of; Bun starts some of its own.
    may_crash = name == "threads" or language == "javascript"
    failure(server, answer, "killed" if may_crash and error["type"] == "killed" else "exception")
    told = [error["message"], *(content for _, content in server.logs(answer))]
    assert any(refusal in text for refusal in REFUSALS for text in told), told


MEMORY = Toolbox(
    {
        "buffers": {
            "javascript": "const kept = []; while (true) kept.push(new Uint8Array(1 << 24).fill(1));",
            "go": 'kept := [][]byte{}; for { kept = append(kept, []byte(strings.Repeat("x", 1<<24))) }',
        },
        "one string": {"javascript": "return 'x'.repeat(2 ** 30);", "go": 'return strings.Repeat("x", 1<<30), nil'},
        "more than there are addresses": {
            "javascript": "return new ArrayBuffer(2 ** 46);",
            "go": "kept := make([]byte, 1<<40+engine.Params.Len()); return len(kept), nil",
        },
        "small objects": {
            "javascript": "const kept = []; while (true) kept.push({ kept: kept.length });",
            "go": "kept := map[int]*[8]int{}; for { kept[len(kept)] = new([8]int) }",
        },
        "suspended work": {
            "javascript": "while (true) setTimeout(forever, 1e9);",
            "go": "for { go forever() }",
        },
        "past the collector": {
            "javascript": "new Uint8Array(new WebAssembly.Memory({ initial: 8192 }).buffer).fill(1);",
            "go": """
                pages, err := syscall.Mmap(-1, 0, 1<<30, 3, 0x22|0x8000)
                return len(pages), err""",
        },
    }
)


@pytest.mark.parametrize(("language", "name"), MEMORY.cases())
def test_a_memory_bomb_ends_its_run_alone(server: Server, language: str, name: str) -> None:
    failure(server, MEMORY.call(server, language, name), "memory")


DEEP = {
    "javascript": "export function Run(engine) { return Run(engine) + 1; }",
    "go": 'package action; import "codeactions"; func Run(e *codeactions.Engine) (any, error) { Run(e); return Run(e) }',
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_endless_recursion_is_an_exception(server: Server, language: str) -> None:
    message = failure(server, alone(server, language, DEEP[language]), "exception")["message"]
    assert "RangeError" in message or "stack overflow" in message


DISK = Toolbox(
    {
        "fill": {
            "javascript": """
                const big = () => { while (true) fs.appendFileSync("/tmp/big", Buffer.alloc(1 << 20)); };
                const many = () => { for (let i = 0; ; i++) fs.writeFileSync(`/tmp/many-${i}`, Buffer.alloc(1 << 20)); };
                const inodes = () => { for (let i = 0; ; i++) fs.symlinkSync("x", `/tmp/link-${i}`); };
                const sparse = () => { fs.writeFileSync("/tmp/sparse", ""); fs.truncateSync("/tmp/sparse", 2 ** 40); };
                const found = {};
                for (const [name, attack] of Object.entries({ sparse, big, many, inodes })) {
                  found[name] = await attempt(attack);
                  for (const file of fs.readdirSync("/tmp")) fs.rmSync(`/tmp/${file}`);
                }
                fs.writeFileSync("/tmp/after", "there is room again");
                return { ...found, after: fs.readFileSync("/tmp/after", "utf8") };""",
            "go": """
                fill := func(name func(int) string, flags int) error {
                    for i := 0; ; i++ {
                        file, err := os.OpenFile(name(i), flags|os.O_WRONLY|os.O_CREATE, 0o600)
                        if err != nil { return err }
                        _, err = file.Write(make([]byte, 1<<20))
                        file.Close()
                        if err != nil { return err }
                    }
                }
                found := map[string]string{}
                for name, attack := range map[string]func() error{
                    "big": func() error { return fill(func(int) string { return "/tmp/big" }, os.O_APPEND) },
                    "many": func() error { return fill(func(i int) string { return fmt.Sprint("/tmp/many-", i) }, 0) },
                    "inodes": func() error {
                        for i := 0; ; i++ {
                            if err := os.Symlink("x", fmt.Sprint("/tmp/link-", i)); err != nil { return err }
                        }
                    },
                    "sparse": func() error { os.WriteFile("/tmp/sparse", nil, 0o600); return os.Truncate("/tmp/sparse", 1<<40) },
                } {
                    found[name] = outcome(attack())
                    files, _ := os.ReadDir("/tmp")
                    for _, file := range files { os.Remove("/tmp/" + file.Name()) }
                }
                os.WriteFile("/tmp/after", []byte("there is room again"), 0o600)
                after, err := os.ReadFile("/tmp/after")
                found["after"] = string(after)
                return found, err""",
        },
    }
)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_disk_of_a_run_is_bounded_and_the_run_goes_on(server: Server, language: str) -> None:
    found = success(server, DISK.call(server, language, "fill")).json()
    assert found["after"] == "there is room again"
    assert found["many"] == found["inodes"] == "ENOSPC"
    assert found["sparse"] == "EFBIG"
    assert found["big"] in ("EFBIG", "ENOSPC")


# A shell that cannot fork ends, and its parent starts another one. It begins late enough for the language's own threads:
# Bun makes one when it starts a program, and ends by SIGILL if the bomb has left it none.
BOMB = "sleep 1; while :; do sh -c 'while :; do sleep 600 & done' 2>/dev/null; done"
NEVER_ENDING = Toolbox(
    {
        "sleeps": {"javascript": "await forever();", "go": "forever()"},
        "spins": {"javascript": "while (true);", "go": "for {}"},
        "blocks": {"javascript": "Bun.sleepSync(1e9);", "go": "var lock sync.Mutex; lock.Lock(); lock.Lock()"},
        "ignores every signal": {
            "javascript": """
                for (const name of Object.keys(require("node:os").constants.signals)) await attempt(() => process.on(name, () => {}));
                await forever();""",
            "go": "signal.Ignore(); forever()",
        },
        "starves its own loop": {
            "javascript": "const again = () => queueMicrotask(again); again(); await forever();",
            "go": "for range 8 { go func() { for {} }() }; for { runtime.Gosched() }",
        },
        "keeps forking": {
            "javascript": f"child.spawn('sh', ['-c', {json.dumps(BOMB)}], {{ stdio: 'ignore' }}); await forever();",
            "go": f'exec.Command("sh", "-c", {json.dumps(BOMB)}).Start(); forever()',
        },
        "sends half a frame": {
            "javascript": "send(Buffer.from([2, 0, 0, 1, 0, 104])); await forever();",
            "go": "send([]byte{2, 0, 0, 1, 0, 104}); forever()",
        },
    },
    timeout=5,
)
AT_THE_TOP = {
    "javascript": "while (true);\nexport function Run() {}",
    "go": 'package action\nimport "codeactions"\nfunc init() { for {} }\nfunc Run(engine *codeactions.Engine) {}',
}


# All at once, since each takes the shortest timeout there is.
def test_whatever_never_ends_is_ended_at_its_timeout(server: Server) -> None:
    for language in LANGUAGES:
        ready(server, language)
        NEVER_ENDING.deployed(server, language)

    def call(case: tuple[str, str]) -> httpx.Response:
        language, name = case
        if name == "at the top":
            return alone(server, language, AT_THE_TOP[language], timeout_seconds=5)
        return NEVER_ENDING.call(server, language, name)

    cases = [*NEVER_ENDING.cases(), *((language, "at the top") for language in LANGUAGES)]
    with ThreadPoolExecutor(len(cases)) as pool:
        for case, answer in zip(cases, pool.map(call, cases), strict=True):
            assert answer.status_code == 504, (case, answer.text)
            failure(server, answer, "timeout", 504)
