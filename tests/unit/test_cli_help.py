"""The command line: its help is on the page, its errors are one line."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from harness import clean_environment

from codeactions import __version__

DOCS = Path(__file__).parents[2] / "docs"
COMMANDS = (
    *("", "serve", "run", "backup", "restore", "adopt", "doctor", "project", "project list"),
    *("project show", "project create", "project rename", "project delete", "permission", "permission list"),
    *("permission set", "permission remove", "token", "token create", "token list", "token revoke", "audit"),
    *("secret", "secret set", "secret list", "secret delete", "secret rotate-key"),
    *("variable", "variable set", "variable list", "variable delete"),
)


def codeactions(*words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run the command line."""
    environment = clean_environment(**{"COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1", **variables})
    command = [sys.executable, "-m", "codeactions", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


@pytest.fixture(scope="module")
def page() -> str:
    """docs/cli.md."""
    return (DOCS / "cli.md").read_text()


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_every_command_is_on_the_page(page: str, command: str) -> None:
    done = codeactions(*command.split(), "--help")
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.rstrip() for line in done.stdout.replace("python -m codeactions", "codeactions").strip().splitlines()]
    title = f"codeactions {command}".strip()
    assert f"\n## {title}\n\n```\n" + "\n".join(lines) + "\n```\n" in page, "run `python docs/generate.py`"


def test_the_page_has_every_command_there_is(page: str) -> None:
    def below(command: str) -> set[str]:
        listed = codeactions(*command.split(), "--help").stdout.partition("Commands:\n")[2]
        names = [line.split()[0] for line in listed.splitlines() if line.startswith("  ") and line[2] != " "]
        return {f"{command} {name}".strip() for name in names}

    groups = {command.rpartition(" ")[0] for command in COMMANDS if " " in command}
    commands = below("").union(*(below(group) for group in groups))
    # `migrate` answers as golang-migrate does, on standard error; docs/migrate.md is its page.
    assert commands == set(COMMANDS) - {""} | {"migrate"}
    assert page.count("\n## ") == len(COMMANDS)


def test_the_page_is_what_its_generator_makes(page: str) -> None:
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.cli_page() == page


def test_the_version_is_shown() -> None:
    assert codeactions("--version").stdout == f"codeactions {__version__}\n"


def test_errors_are_one_line_and_exit_code_1(tmp_path: Path) -> None:
    latin = tmp_path / "latin.py"
    latin.write_bytes(b"x = '\xff'")
    large = tmp_path / "large.py"
    large.write_bytes(b"#" * (1024 * 1024 + 1))
    file = tmp_path / "a.py"
    file.write_text("def Run(engine): pass\n")
    secret = "s3cret-in-a-variable"
    cases = [
        (("run", str(tmp_path / "absent.py")), {}, "cannot be read: No such file or directory"),
        (("run", str(tmp_path)), {}, "cannot be read: Is a directory"),
        (("run", str(latin)), {}, "is not UTF-8: byte 5"),
        (("run", str(large)), {}, "has 1048577 bytes; a source may have 1048576"),
        (("run", str(file), "--param", "x"), {}, "--param 'x': write it as name=value"),
        (("run", str(file), "--header", "x"), {}, "--header 'x': write it as 'Name: value'"),
        *(
            (("run", str(file), "--header", f"{name}: {secret}"), {}, f"--header {name!r}: write it as 'Name: value'")
            for name in ("X Y", "Grü", "")
        ),
        (("run", str(file), "--param", f"={secret}"), {}, "--param '': write it as name=value"),
        (("run", str(file), "--header", f"X: {secret}\nY: b"), {}, "--header 'X': the value must be one line"),
        *(
            (("run", str(file), "--method", method), {}, f"--method {method!r}: write it as GET")
            for method in ("", "G T", "GÉT", "GET\n")
        ),
        (("run", str(file), "--body", f"@{tmp_path}/absent"), {}, "absent cannot be read"),
        (("run", str(file)), {"CODEACTIONS_MEMORY_MB": secret}, "CODEACTIONS_MEMORY_MB: "),
        (("serve",), {"CODEACTIONS_PORT": secret}, "CODEACTIONS_PORT: "),
        (("serve", "--host", "no.such.host.invalid"), {}, "'no.such.host.invalid' is not an address of this host"),
        (("serve", "--port", "70000"), {}, "--port: Input should be less than"),
    ]
    for words, variables, message in cases:
        done = codeactions(*words, **{"CODEACTIONS_DATA_DIR": str(tmp_path / "data"), **variables})
        assert done.returncode == 1, (words, done.stderr)
        assert done.stdout == ""
        [line] = done.stderr.splitlines()
        assert line.startswith("codeactions: ")
        assert message in line
        assert secret not in line


def test_an_error_does_not_go_to_standard_output_when_standard_error_is_closed(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "codeactions", "run", str(tmp_path / "absent.py")]
    closing = ["sh", "-c", 'exec "$@" 2>&-', "sh"]
    done = subprocess.run([*closing, *command], env=clean_environment(), capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")


@pytest.mark.parametrize("command", COMMANDS)
def test_h_is_help_everywhere(command: str) -> None:
    assert codeactions(*command.split(), "-h").stdout == codeactions(*command.split(), "--help").stdout


@pytest.mark.parametrize("words", [("migrate", "-h"), ("migrate", "up", "-h"), ("migrate", "status", "-h")])
def test_h_is_help_of_migrate_too(words: tuple[str, ...]) -> None:
    done = codeactions(*words)
    assert done.returncode == 0
    assert "sage" in done.stderr


def test_a_variable_that_is_no_setting_is_named_with_the_nearest_one(tmp_path: Path) -> None:
    done = codeactions("project", "list", CODEACTIONS_SLOT="4", CODEACTIONS_DATA_DIR=str(tmp_path / "absent"))
    warning, error = done.stderr.splitlines()
    assert warning == "warning: CODEACTIONS_SLOT is no setting and does nothing: did you mean CODEACTIONS_SLOTS?"
    assert error.startswith("codeactions: there is no database in ")


def test_the_nearest_setting_is_a_variable_even_where_its_option_is_given(tmp_path: Path) -> None:
    done = codeactions("project", "list", "--data-dir", str(tmp_path), CODEACTIONS_DATADIR="/x")
    warning = done.stderr.splitlines()[0]
    assert warning.endswith("CODEACTIONS_DATADIR is no setting and does nothing: did you mean CODEACTIONS_DATA_DIR?")


def test_a_data_folder_that_is_passed_over_is_said_to_be(tmp_path: Path) -> None:
    url = "postgresql://u:secret@127.0.0.1:1/d"
    said = "warning: DATABASE_URL is set, so this is about that database, and not about one of --data-dir"
    done = codeactions("backup", "--data-dir", str(tmp_path), DATABASE_URL=url)
    assert done.stderr.splitlines()[0] == said
    assert "secret" not in done.stderr
    for words in (("--database-url", url), ()):
        done = codeactions("backup", *words, DATABASE_URL=url, CODEACTIONS_DATA_DIR=str(tmp_path))
        assert said not in done.stderr


def test_errors_name_options_as_they_were_given(tmp_path: Path) -> None:
    for words, message in {
        ("token", "create", "x", "--days", "0", "--email", "a@b.c"): "--days must be a whole number from 1 to 3650",
        ("token", "create", "x", "--email", "a"): "--email must be an address such as ana@example.com",
        ("token", "create", "x", "--project", ""): "--project must not be empty",
        ("token", "create", "x", "--role", "king"): "--role must be 1 (viewer), 2 (contributor) or 3 (moderator)",
        ("token", "revoke", "x"): "token_id must be a UUID such as 0190a5d8-7f3c-7cc0-8f00-3a1b2c3d4e5f",
        ("project", "create", ""): "name must not be empty",
        ("project", "create", "x", "--uuid", " "): "--uuid must not be empty",
        ("project", "create", "x", "--moderator", "a@b.c", "--moderator", "b"): "--moderator must be an address such as"
        " ana@example.com",
        ("project", "list", "--data-dir", f"{tmp_path}/no"): f"there is no database in {tmp_path}/no: check --data-dir",
        ("project", "list", "--database-url", "x"): "the database URL: no scheme; see --database-url",
        ("audit", "--before", "x"): "--before 'x' is not a time with a time zone: write it as 2026-11-23T06:00:00Z",
    }.items():
        done = codeactions(*words, CODEACTIONS_DATA_DIR=str(tmp_path / "absent"))
        assert (done.returncode, done.stderr) == (1, f"codeactions: {message}\n"), words


@pytest.mark.parametrize("words", [("nothing",), ("run",), ("run", "x.py", "--timeout", "0"), ("serve", "--nope")])
def test_a_command_line_that_cannot_be_understood_is_exit_code_2(words: tuple[str, ...]) -> None:
    done = codeactions(*words)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "Usage: " in done.stderr
