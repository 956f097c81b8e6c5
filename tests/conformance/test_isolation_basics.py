"""Every run begins anew: files, globals, environment, chance. (Attacks are another suite.)"""

import time

from conformance.languages import Language, run, run_return
from harness import TOKEN


def results(language: Language, sources: dict[str, str], times: int = 5) -> list[list[object]]:
    """What one deployed code answers, called several times."""
    code_id = language.deploy(sources)
    answers = [language.server.client.post(f"/endpoint/{code_id}") for _ in range(times)]
    assert [answer.status_code for answer in answers] == [200] * times, answers[0].text
    return [answer.json() for answer in answers]


def test_temporary_files_can_be_written_and_are_gone_in_the_next_run(language: Language) -> None:
    sources = {
        "python": """
            import os, tempfile

            def Run(engine):
                before = os.listdir("/tmp")
                with open("/tmp/kept", "x") as file:
                    file.write("data")
                with tempfile.NamedTemporaryFile("w+") as file:
                    file.write("more")
                    file.seek(0)
                    return [before, open("/tmp/kept").read(), file.read(), tempfile.gettempdir()]
        """,
        "javascript": """
            import fs from "node:fs";
            import os from "node:os";
            import path from "node:path";

            export function Run(engine) {
                const before = fs.readdirSync("/tmp");
                fs.writeFileSync("/tmp/kept", "data", {flag: "wx"});
                const file = path.join(fs.mkdtempSync("/tmp/more-"), "file");
                fs.writeFileSync(file, "more");
                return [before, fs.readFileSync("/tmp/kept", "utf8"), fs.readFileSync(file, "utf8"), os.tmpdir()];
            }
        """,
        "go": """
            func Run(engine *codeactions.Engine) (any, error) {
                before := []string{}
                entries, err := os.ReadDir("/tmp")
                for _, entry := range entries {
                    before = append(before, entry.Name())
                }
                os.WriteFile("/tmp/kept", []byte("data"), 0o600)
                kept, _ := os.ReadFile("/tmp/kept")
                file, err := os.CreateTemp("", "")
                if err != nil {
                    return nil, err
                }
                file.WriteString("more")
                more, err := os.ReadFile(file.Name())
                return []any{before, string(kept), string(more), os.TempDir()}, err
            }
        """,
    }
    assert results(language, sources) == [[[], "data", "more", "/tmp"]] * 5


def test_the_working_folder_is_the_runs_own(language: Language) -> None:
    sources = run(
        python="""
            import os
            before = os.listdir(".")
            open("notes.txt", "w").write("x")
            return [before, os.path.exists("notes.txt")]
        """,
        javascript="""
            const fs = require("node:fs");
            const before = fs.readdirSync(".");
            fs.writeFileSync("notes.txt", "x");
            return [before, fs.existsSync("notes.txt")];
        """,
        go="""
            before, _ := filepath.Glob("*")
            err := os.WriteFile("notes.txt", []byte("x"), 0o600)
            return []any{append([]string{}, before...), err == nil}, nil
        """,
    )
    assert results(language, sources) == [[[], True]] * 5


def test_globals_are_fresh(language: Language) -> None:
    sources = {
        "python": """
            calls = []

            def Run(engine):
                calls.append(1)
                return [len(calls)]
        """,
        "javascript": """
            const calls = [];

            export function Run(engine) {
                calls.push(1);
                globalThis.seen = (globalThis.seen ?? 0) + 1;
                Object.prototype.left = (Object.prototype.left ?? 0) + 1;
                return [calls.length * seen * ({}).left];
            }
        """,
        "go": """
            var calls int

            func Run(engine *codeactions.Engine) (any, error) {
                calls++
                return []int{calls}, nil
            }
        """,
    }
    assert results(language, sources) == [[1]] * 5


def test_what_a_run_does_to_its_engine_stays_in_it(language: Language) -> None:
    sources = run(
        python="""
            type(engine).body = property(lambda self: "poisoned")
            type(engine.params).get = lambda *_: "poisoned"
            return [engine.body, engine.params.get("a")]
        """,
        javascript="""
            Object.defineProperty(engine.constructor.prototype, "body", {value: "poisoned"});
            Object.getPrototypeOf(engine.params).get = () => "poisoned";
            JSON.parse = () => "poisoned";
            return [engine.body, engine.params.get("a")];
        """,
        go="""
            engine.Body, engine.Params = "poisoned", codeactions.Params{}
            return []string{engine.Body, "poisoned" + engine.Params.Get("a")}, nil
        """,
    )
    assert results(language, sources) == [["poisoned", "poisoned"]] * 5
    echo = run_return(
        python='[engine.body, engine.params.get("a")]',
        javascript='[engine.body, engine.params.get("a")]',
        go='[]string{engine.Body, engine.Params.Get("a")}',
    )
    assert language.call(echo, params={"a": "1"}, content=b"2").json() == ["2", "1"]


def test_chance_differs_from_run_to_run(language: Language) -> None:
    sources = {
        "python": """
            import os, random, secrets, uuid

            def Run(engine):
                numbers = [random.random(), random.getrandbits(64)]
                return numbers + [secrets.token_hex(), os.urandom(8).hex(), str(uuid.uuid4())]
        """,
        "javascript": """
            import {randomBytes, randomUUID} from "node:crypto";

            export function Run(engine) {
                const secure = [...crypto.getRandomValues(new Uint32Array(2))].join();
                return [Math.random(), secure, crypto.randomUUID(), randomUUID(), randomBytes(8).toString("hex")];
            }
        """,
        "go": """
            func Run(engine *codeactions.Engine) (any, error) {
                content := make([]byte, 8)
                rand.Read(content)
                return []any{rand.Text(), hex.EncodeToString(content), unseeded()}, nil
            }

            func unseeded() string {
                return fmt.Sprint(maps.Collect(maps.All(map[string]uint64{"chance": chance.Uint64()})))
            }
        """,
    }
    for values in zip(*results(language, sources), strict=True):
        assert len(set(values)) == 5


def test_the_clock_is_the_real_one(language: Language) -> None:
    sources = run(
        python="import time, datetime\nreturn [time.time(), datetime.datetime.now(datetime.timezone.utc).timestamp()]",
        javascript="return [Date.now() / 1000, (performance.timeOrigin + performance.now()) / 1000];",
        go="return []float64{float64(time.Now().UnixMilli()) / 1000}, nil",
    )
    began = time.time()
    for values in results(language, sources):
        # A whole second comes without a fraction.
        assert all(isinstance(value, int | float) and began - 1 < value < time.time() + 1 for value in values)


def test_the_time_zone_is_utc_and_others_are_there(language: Language) -> None:
    sources = run(
        python="""
            import datetime, time, zoneinfo
            noon = datetime.datetime(2026, 7, 1, 12, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin"))
            return [time.localtime().tm_gmtoff, noon.astimezone(datetime.timezone.utc).hour]
        """,
        javascript="""
            const noon = new Date("2026-07-01T10:00:00Z");
            const hour = noon.toLocaleString("en-GB", {timeZone: "Europe/Berlin", hour: "numeric"});
            return [new Date().getTimezoneOffset(), 22 - Number(hour)];
        """,
        go="""
            berlin, err := time.LoadLocation("Europe/Berlin")
            if err != nil {
                return nil, err
            }
            _, offset := time.Now().Zone()
            return []int{offset, time.Date(2026, 7, 1, 12, 0, 0, 0, berlin).UTC().Hour()}, nil
        """,
    )
    assert language.call(sources).json() == [0, 10]


def test_a_run_finds_no_secret_of_the_server_in_its_environment(language: Language) -> None:
    sources = run(
        python="import os\nreturn dict(os.environ)",
        javascript="return process.env;",
        go="""
            found := map[string]string{}
            for _, pair := range os.Environ() {
                name, value, _ := strings.Cut(pair, "=")
                found[name] = value
            }
            return found, nil
        """,
    )
    environment = language.call(sources).json()
    assert environment["PATH"]
    strange = ("CODEACTIONS_", "REHEARSED_")  # a warm sandbox has rehearsed a run with some
    assert [name for name in environment if name == "DATABASE_URL" or name.startswith(strange)] == []
    assert TOKEN not in str(environment)
