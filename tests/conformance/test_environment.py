"""Secrets and variables as environment variables."""

from uuid import uuid4

import pytest
from conformance.languages import Language, run, run_return
from conformance.test_secrets import called, give

VALUE = "value-öß🐍 with 'quotes' $HOME\nand a line"
# Names with a meaning to a loader, a runtime or a client: a value of this name is known to the engine alone.
RESERVED = (
    *("LD_PRELOAD", "LD_LIBRARY_PATH", "PATH", "PYTHONPATH", "PYTHONSTARTUP", "BUN_OPTIONS", "NODE_OPTIONS"),
    *(
        "NODE_TLS_REJECT_UNAUTHORIZED",
        "GOGC",
        "GODEBUG",
        "GOFLAGS",
        "ZONEINFO",
        "HTTP_PROXY",
        "https_proxy",
        "ALL_PROXY",
    ),
    *("no_proxy", "HOME", "TMPDIR", "TZ", "MALLOC_ARENA_MAX", "OPENSSL_CONF", "BASH_ENV"),
)


def test_values_are_environment_variables(language: Language) -> None:
    project = f"project-{uuid4()}"
    give(language, project, "secret", API_KEY=VALUE)
    give(language, project, "variable", _region2="eu")
    sources = run(
        python='import os\nreturn [os.environ["API_KEY"], os.getenv("_region2"), os.environb[b"_region2"] == b"eu"]',
        javascript='return [process.env["API_KEY"], Bun.env._region2, import.meta.env._region2 === "eu"];',
        go="""
            value, found := os.LookupEnv("API_KEY")
            return []any{value, os.Getenv("_region2"), found && slices.Contains(os.Environ(), "_region2=eu")}, nil
        """,
    )
    assert called(language, project, sources) == [VALUE, "eu", True]


def test_they_are_there_before_the_code_of_the_module_runs(language: Language) -> None:
    project = f"project-{uuid4()}"
    give(language, project, "secret", API_KEY=VALUE)
    sources = {
        "python": """
            import os
            KEY = os.environ["API_KEY"]
            def Run(engine):
                return [KEY]
            """,
        "javascript": "const key = process.env.API_KEY;\nexport function Run() { return [key]; }",
        "go": """
            var key = os.Getenv("API_KEY")
            func Run(*codeactions.Engine) (any, error) { return []string{key}, nil }
            """,
    }
    assert called(language, project, sources) == [VALUE]


def test_a_program_that_a_code_starts_gets_them(language: Language) -> None:
    project = f"project-{uuid4()}"
    give(language, project, "secret", API_KEY=VALUE)
    sources = run(
        python="""
            import subprocess
            return [subprocess.run(["sh", "-c", 'printf %s "$API_KEY"'], capture_output=True, text=True).stdout]
        """,
        javascript="""
            return [require("node:child_process").execFileSync("sh", ["-c", 'printf %s "$API_KEY"']).toString()];
        """,
        go="""
            printed, err := exec.Command("sh", "-c", `printf %s "$API_KEY"`).Output()
            return []string{string(printed)}, err
        """,
    )
    assert called(language, project, sources) == [VALUE]


def test_names_that_mean_something_to_a_runtime_are_for_the_engine_alone(language: Language) -> None:
    project = f"project-{uuid4()}"
    give(language, project, "secret", **dict.fromkeys(RESERVED, "only-for-the-engine"))
    sources = run(
        python="""
            import os
            found = [name for name, value in os.environ.items() if value == "only-for-the-engine"]
            return [found, [name for name in engine.secrets if engine.secrets[name] != "only-for-the-engine"],
                    len(engine.secrets)]
        """,
        javascript="""
            const is = (value) => value === "only-for-the-engine", {secrets} = engine;
            const found = Object.keys(process.env).filter((name) => is(process.env[name]));
            return [found, secrets.keys().filter((name) => !is(secrets[name])), secrets.size];
        """,
        go="""
            found, other := []string{}, []string{}
            for _, line := range os.Environ() {
                if name, value, _ := strings.Cut(line, "="); value == "only-for-the-engine" { found = append(found, name) }
            }
            for _, name := range engine.Secrets.Keys() {
                if engine.Secrets.Get(name) != "only-for-the-engine" { other = append(other, name) }
            }
            return []any{found, other, engine.Secrets.Len()}, nil
        """,
    )
    assert called(language, project, sources) == [[], [], len(RESERVED)]


@pytest.mark.parametrize("name", ["1ST", "with space", "with-hyphen", "a=b", "ö", "a.b"])
def test_a_name_that_no_variable_has_is_for_the_engine_alone(language: Language, name: str) -> None:
    project = f"project-{uuid4()}"
    give(language, project, "secret", **{name: "only-for-the-engine"})
    sources = run(
        python=f"""
            import os
            return ["only-for-the-engine" in os.environ.values(), engine.secrets.get({name!r})]
        """,
        javascript=f"""
            return [Object.values(process.env).includes("only-for-the-engine"), engine.secrets.get("{name}")];
        """,
        go=f"""
            isSet := strings.Contains(strings.Join(os.Environ(), " "), "only-for-the-engine")
            return []any{{isSet, engine.Secrets.Get("{name}")}}, nil
        """,
    )
    assert called(language, project, sources) == [False, "only-for-the-engine"]


def test_the_next_run_of_another_project_has_none_of_them(language: Language) -> None:
    project, other = f"project-{uuid4()}", f"project-{uuid4()}"
    give(language, project, "secret", API_KEY=VALUE)
    sources = run_return(
        python='[__import__("os").environ.get("API_KEY"), engine.secrets.get("API_KEY")]',
        javascript='[process.env.API_KEY ?? null, engine.secrets.get("API_KEY")]',
        go='[]string{os.Getenv("API_KEY"), engine.Secrets.Get("API_KEY")}',
    )
    codes = [language.deploy(sources, project_uuid=one) for one in (project, other)]
    nothing = "" if language.name == "go" else None
    for _ in range(5):
        seen = [language.server.client.get(f"/endpoint/{code_id}").json() for code_id in codes]
        assert seen == [[VALUE, VALUE], [nothing, nothing]]


SHOWS = """["sh", "-c", 'printf %s "$API_KEY"']"""
# By name: what stands in an async `Run` and returns the environment variable as something that the code starts has it.
STARTED = {
    "Bun.spawn": f"return await new Response(Bun.spawn({SHOWS}).stdout).text();",
    "Bun.spawn of an object": f"return await new Response(Bun.spawn({{cmd: {SHOWS}}}).stdout).text();",
    "Bun.spawnSync": f"return Bun.spawnSync({SHOWS}, {{cwd: '/'}}).stdout.toString();",
    "the shell": """return await Bun.$`sh -c 'printf %s "$API_KEY"'`.text();""",
    "the shell itself": "return await Bun.$`echo -n $API_KEY`.text();",
    "a worker of the web": """
        const worker = new Worker("data:text/javascript,postMessage(process.env.API_KEY)");
        return await new Promise((done) => { worker.onmessage = ({data}) => done(data); });
    """,
    "a worker of Node": """
        const {Worker} = require("node:worker_threads");
        const worker = new Worker("require('node:worker_threads').parentPort.postMessage(process.env.API_KEY)", {eval: true});
        return await new Promise((done) => worker.on("message", done));
    """,
}


@pytest.mark.parametrize("name", STARTED)
def test_what_bun_starts_gets_them(javascript: Language, name: str) -> None:
    project = f"project-{uuid4()}"
    give(javascript, project, "secret", API_KEY="the value")
    answer = javascript.call(run(javascript=STARTED[name]), fields={"project_uuid": project})
    assert answer.text == "the value", javascript.record(answer)["extra"].get("error")


def test_what_a_code_gives_a_program_itself_counts(javascript: Language) -> None:
    project = f"project-{uuid4()}"
    give(javascript, project, "secret", API_KEY="the value")
    body = f"return Bun.spawnSync({SHOWS}, {{env: {{API_KEY: 'own'}}}}).stdout.toString();"
    assert javascript.call(run(javascript=body), fields={"project_uuid": project}).text == "own"
