"""Secrets and variables as environment variables."""

from uuid import uuid4

import pytest
from conformance.languages import Language, run, run_return
from conformance.test_secrets import called, give

VALUE = "value-öß🐍 with 'quotes' $HOME\nand a line"
# Names with a meaning to a loader, a runtime or a client: a value of this name is known to the engine alone.
RESERVED = (
    *("LD_PRELOAD", "LD_LIBRARY_PATH", "PATH", "PYTHONPATH", "PYTHONSTARTUP", "BUN_OPTIONS", "NODE_OPTIONS"),
    *("NODE_TLS_REJECT_UNAUTHORIZED", "GOGC", "GODEBUG", "GOFLAGS", "HTTP_PROXY", "https_proxy", "ALL_PROXY"),
    *("no_proxy", "HOME", "TMPDIR", "TZ", "MALLOC_ARENA_MAX", "OPENSSL_CONF", "BASH_ENV"),
)


def test_values_are_environment_variables(language: Language) -> None:
    project = f"project-{uuid4()}"
    give(language, project, "secret", API_KEY=VALUE)
    give(language, project, "variable", _region2="eu")
    sources = run(
        python='import os\nreturn [os.environ["API_KEY"], os.getenv("_region2"), os.environb[b"_region2"] == b"eu"]'
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
    )
    assert called(language, project, sources) == [False, "only-for-the-engine"]


def test_the_next_run_of_another_project_has_none_of_them(language: Language) -> None:
    project, other = f"project-{uuid4()}", f"project-{uuid4()}"
    give(language, project, "secret", API_KEY=VALUE)
    sources = run_return(python='[__import__("os").environ.get("API_KEY"), engine.secrets.get("API_KEY")]')
    codes = [language.deploy(sources, project_uuid=one) for one in (project, other)]
    nothing = "" if language.name == "go" else None
    for _ in range(5):
        seen = [language.server.client.get(f"/endpoint/{code_id}").json() for code_id in codes]
        assert seen == [[VALUE, VALUE], [nothing, nothing]]
