"""Attacks in JavaScript (bun:ffi) and Go (syscall, unsafe) on the kernel's surface: both may make any call they like."""

import pytest
from attacks.attacker import failure, success
from attacks.languages import LANGUAGES, Toolbox
from attacks.test_kernel import FORBIDDEN, FORBIDDEN_X86, NAMESPACES, X86
from attacks.test_network import FAMILIES
from harness import Server

KERNEL = Toolbox(
    {
        "calls": {
            "javascript": "return engine.request.json().map(([number, ...given]) => call(number, ...given));",
            "go": """
                var calls [][]uintptr
                if err := engine.Request.JSON(&calls); err != nil { return nil, err }
                found := []string{}
                for _, given := range calls { found = append(found, call(given[0], given[1:]...)) }
                return found, nil""",
        },
        "identity": {
            "javascript": """
                const writes = (path, text) => attempt(() => fs.writeFileSync(path, text));
                return {
                  setuid: await attempt(() => process.setuid(0)), setgid: await attempt(() => process.setgid(0)),
                  seteuid: await attempt(() => process.seteuid(0)), groups: await attempt(() => process.setgroups([0])),
                  map: await writes("/proc/self/uid_map", "0 0 1"), oom: await writes("/proc/self/oom_score_adj", "-1000"),
                  suid: child.spawnSync("sh", ["-c", "cp /usr/bin/id /tmp/id && chmod 6755 /tmp/id && /tmp/id -u"], { encoding: "utf8" }).stdout.trim(),
                  host: child.spawnSync("sh", ["-c", "su -c id 2>&1; sudo -n id 2>&1; mount 2>&1 | head -c 0; newgrp root </dev/null 2>&1; id -u"], { encoding: "utf8" }).stdout.trim().split("\\n").at(-1),
                };""",
            "go": """
                said := func(script string) string {
                    out, _ := exec.Command("sh", "-c", script).Output()
                    lines := strings.Split(strings.TrimSpace(string(out)), "\\n")
                    return lines[len(lines)-1]
                }
                writes := func(path, text string) string { return outcome(os.WriteFile(path, []byte(text), 0)) }
                return map[string]string{
                    "setuid": outcome(syscall.Setuid(0)), "setgid": outcome(syscall.Setgid(0)),
                    "seteuid": outcome(syscall.Setresuid(-1, 0, -1)), "groups": outcome(syscall.Setgroups([]int{0})),
                    "map": writes("/proc/self/uid_map", "0 0 1"), "oom": writes("/proc/self/oom_score_adj", "-1000"),
                    "suid": said("cp /usr/bin/id /tmp/id && chmod 6755 /tmp/id && /tmp/id -u"),
                    "host": said("su -c id 2>&1; sudo -n id 2>&1; newgrp root </dev/null 2>&1; id -u"),
                }, nil""",
        },
        "threads": {
            "javascript": """
                new Worker("data:text/javascript,setInterval(() => {}, 1)");
                await until(() => fs.readdirSync("/proc/self/task").length > 2);
                return fs.readdirSync("/proc/self/task").map((task) => fs.readFileSync(`/proc/self/task/${task}/status`, "utf8"));""",
            "go": """
                go func() { runtime.LockOSThread(); syscall.Pause() }()
                until(func() bool { tasks, _ := os.ReadDir("/proc/self/task"); return len(tasks) > 2 })
                found := []string{}
                tasks, _ := filepath.Glob("/proc/self/task/*/status")
                for _, task := range tasks { content, _ := os.ReadFile(task); found = append(found, string(content)) }
                return found, nil""",
        },
        "namespaces by the runtime": {
            "go": """
                found := map[string]string{}
                for name, flag := range map[string]uintptr{"user": 1 << 28, "pid": 1 << 29, "net": 1 << 30, "mount": 1 << 17, "uts": 1 << 26, "ipc": 1 << 27} {
                    command := exec.Command("/bin/true")
                    command.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flag}
                    found[name] = outcome(command.Run())
                    command = exec.Command("/bin/true")
                    command.SysProcAttr = &syscall.SysProcAttr{Unshareflags: flag}
                    found[name+", unshared"] = outcome(command.Run())
                }
                command := exec.Command("/bin/true")
                command.SysProcAttr = &syscall.SysProcAttr{Chroot: "/tmp"}
                found["chroot"] = outcome(command.Run())
                command = exec.Command("/bin/true")
                command.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
                found["ptrace"] = outcome(command.Start())
                return found, nil""",
        },
        "a call of x32": {"javascript": "return call(0x40000027);", "go": "return call(0x40000027), nil"},
        "int 0x80": {
            "javascript": """
                const { symbols } = dlopen("libc.so.6", { mmap: { args: ["ptr", "usize", "i32", "i32", "i32", "i64"], returns: "ptr" } });
                const page = symbols.mmap(null, 4096, 7, 0x22, -1, 0);
                new Uint8Array(toArrayBuffer(page, 0, 4096)).set(Buffer.from("b8140000004831dbcd80c3", "hex"));
                const { CFunction } = require("bun:ffi");
                return CFunction({ ptr: page, args: [], returns: "i32" })();""",
            "go": """
                page, err := syscall.Mmap(-1, 0, 4096, 7, 0x22)
                if err != nil { return nil, err }
                copy(page, "\\xb8\\x14\\x00\\x00\\x00\\x48\\x31\\xdb\\xcd\\x80\\xc3")
                code := uintptr(unsafe.Pointer(&page[0]))
                closure := &code
                (*(*func())(unsafe.Pointer(&closure)))()
                return "it returned", nil""",
        },
    }
)


def called(server: Server, language: str, calls: list[list[int]]) -> list[str]:
    """What came of system calls, made in one run."""
    return list(success(server, KERNEL.call(server, language, "calls", json=calls)).json())


@pytest.mark.parametrize("language", LANGUAGES)
def test_calls_that_reach_outside_do_not_exist(server: Server, language: str) -> None:
    calls = FORBIDDEN | (FORBIDDEN_X86 if X86 else {})
    found = called(server, language, [[number] for number in calls.values()])
    assert {name: got for name, got in zip(calls, found, strict=True) if got != "ENOSYS"} == {}


@pytest.mark.skipif(not X86, reason="numbers of x86_64")
@pytest.mark.parametrize("language", LANGUAGES)
def test_no_namespace_can_be_made(server: Server, language: str) -> None:
    calls = [[56, flag | 17] for flag in NAMESPACES.values()] + [[56, 1 << 32 | 1 << 28 | 17]]
    assert set(called(server, language, calls)) == {"EPERM"}


@pytest.mark.skipif(not X86, reason="numbers of x86_64")
@pytest.mark.parametrize("language", LANGUAGES)
def test_sockets_of_other_families_and_raw_ones_are_refused(server: Server, language: str) -> None:
    found = called(server, language, [[call, *kind] for call in (41, 53) for kind in FAMILIES.values()])
    refused = {"EPERM", "EACCES", "EOPNOTSUPP", "EPROTONOSUPPORT", "EAFNOSUPPORT", "ESOCKTNOSUPPORT"}
    refused |= {"EFAULT"}  # of socketpair, which here has no place for its answer
    for name, outcome in zip(list(FAMILIES) * 2, found, strict=True):
        assert outcome == "EPERM" if not name.startswith("raw") else outcome in refused, name


@pytest.mark.parametrize("language", LANGUAGES)
def test_nobody_else_can_be_become(server: Server, language: str) -> None:
    found = success(server, KERNEL.call(server, language, "identity")).json()
    assert found.pop("suid") == found.pop("host") == "1000"
    assert found.pop("oom") == found.pop("map") == "EROFS"
    assert set(found.values()) <= {"EPERM", "EINVAL", "ENOSYS"}, found


# The filter and the loss of all rights come before the runtime starts a thread.
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_thread_is_behind_the_walls(server: Server, language: str) -> None:
    statuses = success(server, KERNEL.call(server, language, "threads")).json()
    assert len(statuses) > 2
    for text in statuses:
        status = {name: value.split() for name, _, value in (line.partition(":") for line in text.splitlines())}
        assert (status["Seccomp"], status["NoNewPrivs"]) == (["2"], ["1"])
        assert {tuple(status[name]) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {("0" * 16,)}
        assert status["Uid"] == status["Gid"] == ["1000"] * 4


def test_no_child_of_a_go_program_gets_a_namespace(server: Server) -> None:
    found = success(server, KERNEL.call(server, "go", "namespaces by the runtime")).json()
    assert set(found.values()) <= {"EPERM", "ENOSYS"}, found


@pytest.mark.skipif(not X86, reason="machine code of x86_64")
@pytest.mark.parametrize("name", ["a call of x32", "int 0x80"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_calls_of_another_architecture_end_the_run(server: Server, language: str, name: str) -> None:
    error = failure(server, KERNEL.call(server, language, name), "killed")
    assert "SIGSYS" in error["message"]
