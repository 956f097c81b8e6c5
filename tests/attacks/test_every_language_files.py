"""Attacks in JavaScript and Go on files: the host's, those that runs share, and what other runs were given."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from attacks.attacker import success
from attacks.languages import LANGUAGES, Toolbox
from harness import CACHE, TOKEN, Server

import codeactions

FILES = Toolbox(
    {
        "read": {
            "javascript": """
                const found = {};
                for (const path of engine.body.split("\\n")) {
                  found[path] = await attempt(() => { fs.readSync(fs.openSync(path), Buffer.alloc(1)); });
                  if (await Bun.file(path).bytes().then(() => true, () => false)) found[path] = "by Bun";
                }
                return found;""",
            "go": """
                found := map[string]string{}
                for _, path := range strings.Split(engine.Body, "\\n") {
                    file, err := os.Open(path)
                    if err == nil { _, err = file.Read(make([]byte, 1)) }
                    found[path] = outcome(err)
                }
                return found, nil""",
        },
        "write": {
            "javascript": """
                const found = {};
                for (const path of engine.body.split("\\n")) {
                  found[`open ${path}`] = await attempt(() => { fs.openSync(path, "r+"); });
                  found[`append ${path}`] = await attempt(() => { fs.openSync(path, "a"); });
                  found[`Bun ${path}`] = await attempt(async () => { await Bun.write(path, "poison"); });
                  found[`chmod ${path}`] = await attempt(() => fs.chmodSync(path, 0o777));
                  found[`truncate ${path}`] = await attempt(() => fs.truncateSync(path, 0));
                  found[`unlink ${path}`] = await attempt(() => fs.unlinkSync(path));
                  found[`rename ${path}`] = await attempt(() => fs.renameSync(path, path + "-gone"));
                  found[`link ${path}`] = await attempt(() => fs.linkSync(path, "/tmp/linked"));
                  found[`create ${path}`] = await attempt(() => fs.writeFileSync(path + "/bunfig.toml", ""));
                  found[`symlink ${path}`] = await attempt(() => fs.symlinkSync("/tmp", path + ".poison"));
                }
                return found;""",
            "go": """
                found := map[string]string{}
                for _, path := range strings.Split(engine.Body, "\\n") {
                    _, err := os.OpenFile(path, os.O_RDWR, 0)
                    found["open "+path] = outcome(err)
                    _, err = os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
                    found["append "+path] = outcome(err)
                    found["chmod "+path] = outcome(os.Chmod(path, 0o777))
                    found["truncate "+path] = outcome(os.Truncate(path, 0))
                    found["unlink "+path] = outcome(os.Remove(path))
                    found["rename "+path] = outcome(os.Rename(path, path+"-gone"))
                    found["link "+path] = outcome(os.Link(path, "/tmp/linked"))
                    found["create "+path] = outcome(os.WriteFile(path+"/init.go", nil, 0o600))
                    found["symlink "+path] = outcome(os.Symlink("/tmp", path+".poison"))
                }
                return found, nil""",
        },
        "leave": {
            "javascript": """
                const found = {};
                for (const place of engine.body.split(" ")) {
                  found[place] = await attempt(() => fs.writeFileSync(`${place}/left-behind`, "for the next one"));
                }
                return found;""",
            "go": """
                found := map[string]string{}
                for _, place := range strings.Split(engine.Body, " ") {
                    found[place] = outcome(os.WriteFile(place+"/left-behind", []byte("for the next one"), 0o600))
                }
                return found, nil""",
        },
        "find": {
            "javascript": """
                const names = (place) => { try { return fs.readdirSync(place); } catch { return []; } };
                return engine.body.split(" ").flatMap(names).filter((name) => name === "left-behind");""",
            "go": """
                found := []string{}
                for _, place := range strings.Split(engine.Body, " ") {
                    if _, err := os.Lstat(place + "/left-behind"); err == nil { found = append(found, place) }
                }
                return found, nil""",
        },
        "tmp": {
            "javascript": 'return fs.readdirSync("/tmp");',
            "go": """
                names := []string{}
                entries, err := os.ReadDir("/tmp")
                for _, entry := range entries { names = append(names, entry.Name()) }
                return names, err""",
        },
        "whereabouts": {
            "javascript": """
                const told = { argv: process.argv, path: process.execPath, env: process.env, url: import.meta.url, main: Bun.main,
                               stack: new Error().stack, exe: fs.readlinkSync("/proc/self/exe") };
                for (const name of ["mountinfo", "cgroup", "cmdline", "maps", "environ", "status"]) {
                  told[name] = fs.readFileSync(`/proc/self/${name}`, "latin1");
                }
                return told;""",
            "go": """
                _, file, _, _ := runtime.Caller(0)
                exe, _ := os.Readlink("/proc/self/exe")
                told := map[string]any{"argv": os.Args, "env": os.Environ(), "file": file, "root": runtime.GOROOT(), "exe": exe}
                for _, name := range []string{"mountinfo", "cgroup", "cmdline", "maps", "environ", "status"} {
                    content, _ := os.ReadFile("/proc/self/" + name)
                    told[name] = string(content)
                }
                return told, nil""",
        },
        "environment": {
            "javascript": """
                const names = (path) => fs.readFileSync(path, "latin1").split("\\0").filter(Boolean).map((entry) => entry.split("=")[0]);
                return { now: Object.keys(process.env), start: names("/proc/self/environ"), bun: Object.keys(Bun.env),
                         values: Object.values(process.env), user: [process.getuid(), process.getgid(), process.geteuid(), process.getegid()],
                         host: require("node:os").hostname() };""",
            "go": """
                names, values := []string{}, []string{}
                for _, entry := range os.Environ() { name, value, _ := strings.Cut(entry, "="); names = append(names, name); values = append(values, value) }
                content, _ := os.ReadFile("/proc/self/environ")
                start := []string{}
                for _, entry := range strings.Split(strings.TrimRight(string(content), "\\x00"), "\\x00") { name, _, _ := strings.Cut(entry, "="); start = append(start, name) }
                host, _ := os.Hostname()
                return map[string]any{"now": names, "start": start, "bun": []string{}, "values": values,
                    "user": []int{os.Getuid(), os.Getgid(), os.Geteuid(), os.Getegid()}, "host": host}, nil""",
        },
        "descriptors": {
            "javascript": """
                const found = {};
                for (let fd = 0; fd < 1024; fd++) await attempt(() => { found[fd] = fs.readlinkSync(`/proc/self/fd/${fd}`); });
                return found;""",
            "go": """
                found := map[string]string{}
                for fd := range 1024 {
                    if link, err := os.Readlink(fmt.Sprint("/proc/self/fd/", fd)); err == nil { found[strconv.Itoa(fd)] = link }
                }
                return found, nil""",
        },
        "random": {
            "javascript": """
                return [Math.random(), crypto.randomUUID(), String(crypto.getRandomValues(new Uint8Array(8))), Bun.randomUUIDv7(),
                        require("node:crypto").randomBytes(8).toString("hex"), fs.mkdtempSync("/tmp/x-")];""",
            "go": """
                bytes := make([]byte, 8)
                crand.Read(bytes)
                folder, _ := os.MkdirTemp("", "x")
                keys := map[int]bool{}
                for i := range 64 { keys[i] = true }
                order := ""
                for i := range keys { order += fmt.Sprint(i, " ") }
                return []any{rand.Int64(), rand.Float64(), bytes, crand.Text(), folder, order}, nil""",
        },
    }
)


def found(server: Server, language: str, attack: str, body: str = "") -> Any:
    """What one of the attacks brought home."""
    return success(server, FILES.call(server, language, attack, content=body)).json()


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_file_of_the_host_can_be_read(server: Server, language: str) -> None:
    package = Path(codeactions.__file__).parent
    FILES.deployed(server, language)
    files = [path for path in server.data_dir.rglob("*") if path.is_file()]
    assert files  # what was built is among them
    paths = ["/etc/shadow", "/etc/sudoers", "/etc/machine-id", "/proc/1/root/etc/shadow", "/proc/self/root/etc/shadow"]
    paths += [
        "/tmp/../etc/shadow",
        "/dev/mem",
        "/dev/kmsg",
        "/dev/vda",
        "/dev/kvm",
        "/dev/vsock",
        "/var/run/docker.sock",
    ]
    paths += ["/proc/kcore", "/proc/kallsyms", "/runtimes/go/library/imports.cfg", "/runtimes/go/tools/link"]
    paths += [
        str(path) for path in (*files[:50], package / "__init__.py", Path(__file__), Path(sys.prefix) / "pyvenv.cfg")
    ]
    outcomes = found(server, language, "read", "\n".join(paths))
    assert {path: outcome for path, outcome in outcomes.items() if outcome not in ("ENOENT", "EACCES")} == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_that_later_runs_share_can_be_written(server: Server, language: str) -> None:
    engine = [f"/runtimes/javascript/{name}.cjs" for name in ("worker", "engine", "output")]
    paths = ["/", "/runtimes", "/runtimes/bun", "/runtimes/javascript", *engine, "/etc/passwd", "/etc/resolv.conf"]
    paths += ["/usr/bin/env", "/usr/lib", "/proc/self/exe", "/proc/1/exe", "/dev/full", "/var", "/root", "/.empty"]
    outcomes = found(server, language, "write", "\n".join(paths))
    refused = {
        "EROFS",
        "EACCES",
        "EPERM",
        "ENOENT",
        "EBUSY",
        "EXDEV",
        "ENOTDIR",
        "EISDIR",
        "EEXIST",
        "ETXTBSY",
        "EINVAL",
    }
    refused |= {"ENOTEMPTY", "ENOSPC"}  # /dev/full
    got_through = {attempt: outcome for attempt, outcome in outcomes.items() if outcome not in refused}
    assert set(got_through) <= {"open /dev/full", "append /dev/full"}


PLACES = "/tmp /var/tmp /dev/shm /run /var/lock /dev / /root /home"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_file_left_behind_is_gone_for_the_next_run(server: Server, language: str) -> None:
    left = found(server, language, "leave", PLACES)
    assert left["/tmp"] == left["/dev/shm"] == left["/var/tmp"] == "did it"
    assert {left[place] for place in ("/run", "/", "/dev")} == {"EROFS"}
    for _ in range(6):
        assert found(server, language, "find", PLACES) == []
        assert found(server, language, "tmp") == []


# What was built lies in the server's data folder; where that is, is the host's business.
@pytest.mark.parametrize("language", LANGUAGES)
def test_where_on_the_host_the_server_keeps_its_data_is_not_told(server: Server, language: str) -> None:
    told = found(server, language, "whereabouts")
    secrets = (str(server.data_dir), str(CACHE), TOKEN)
    assert {name: text for name, text in told.items() if any(secret in str(text) for secret in secrets)} == {}


HARMLESS = {"PATH", "HOME", "LANG", "TMPDIR", "USER", "GOTRACEBACK", "GOMEMLIMIT", "DO_NOT_TRACK"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_environment_holds_nothing_of_the_servers(server: Server, language: str) -> None:
    told = found(server, language, "environment")
    names = {*told["now"], *told["start"], *told["bun"]}
    assert {name for name in names if not name.startswith("BUN_")} <= HARMLESS
    assert TOKEN not in told["values"]
    assert told["user"] == [1000] * 4
    assert told["host"] == "sandbox"


# Pipes of the run's own, and nothing that is the server's: a socket would bring the host's network along.
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_run_inherits_no_descriptor_but_its_own(server: Server, language: str) -> None:
    links = found(server, language, "descriptors")
    assert links.pop("0") == "/dev/null"
    assert all(links.pop(fd).startswith("pipe:") for fd in ("1", "2", "4"))
    others = [link for link in links.values() if not link.startswith("pipe:")]
    assert set(others) <= {"anon_inode:[eventpoll]", "anon_inode:[eventfd]", "anon_inode:[timerfd]"}
    assert len(links) <= 8


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_two_runs_draw_the_same_random_numbers(server: Server, language: str) -> None:
    FILES.deployed(server, language)
    with ThreadPoolExecutor(4) as pool:
        drawn = list(pool.map(lambda _: found(server, language, "random"), range(8)))
    for values in zip(*drawn, strict=True):
        assert len({str(value) for value in values}) == len(drawn), values
