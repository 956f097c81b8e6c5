"""Commands in messages can be typed as they stand, and fields are called by their options."""

import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from codeactions.cli.main import app
from codeactions.cli.wording import _WITH_PLACES, in_options, options_of, program, typed

SERVE = "run `codeactions serve`, then `codeactions migrate up`"


@pytest.mark.parametrize(
    ("words", "text", "expected"),
    [
        ([], SERVE, SERVE),
        (["restore", "f"], SERVE, SERVE),
        (
            ["restore", "f", "--data-dir", "a b"],
            SERVE,
            "run `codeactions serve --data-dir 'a b'`, then `CODEACTIONS_DATA_DIR='a b' codeactions migrate up`",
        ),
        (["serve", "--data-dir=/x"], "run `codeactions adopt`, which", "run `codeactions adopt --data-dir /x`, which"),
        (["serve", "--data-dir=/x"], "`codeactions doctor` shows", "`codeactions doctor` shows"),
        (["backup", "--", "--data-dir", "x"], SERVE, SERVE),
        (
            ["serve", "--database-url", "postgresql://u:secret@h/d"],
            "`codeactions adopt`; see DATABASE_URL",
            "`codeactions adopt` (with the same --database-url); see --database-url",
        ),
        (
            ["serve", "--database-url", "postgresql:///d"],
            "`codeactions migrate force 5`",
            "`codeactions migrate force 5` (with that URL as DATABASE_URL)",
        ),
        (["serve", "--data-dir", "x"], "or set CODEACTIONS_DATA_DIR to another", "or set --data-dir to another"),
        (["serve", "--port", "x"], "CODEACTIONS_PORT: wrong", "--port: wrong"),
        (["serve", "--port", "x"], "CODEACTIONS_HOST: wrong", "CODEACTIONS_HOST: wrong"),
        (["migrate", "--data-dir", "x"], SERVE, SERVE),
    ],
)
def test_commands_have_the_options_of_this_one(words: list[str], text: str, expected: str) -> None:
    assert typed(text, words) == expected


def test_the_commands_that_get_the_folder_are_those_that_take_it() -> None:
    def takes_it(command: Any) -> bool:
        below = getattr(command, "commands", {}).values()
        return any("--data-dir" in option.opts for option in command.params) or any(map(takes_it, below))

    commands: dict[str, Any] = getattr(typer.main.get_command(app), "commands", {})
    assert {name for name, command in commands.items() if takes_it(command)} == _WITH_PLACES


def test_a_program_that_is_not_in_the_path_is_called_by_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "codeactions"
    script.write_text("")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", "/nowhere")
    assert program(str(script)) == str(script)
    monkeypatch.chdir(tmp_path)
    assert program("./codeactions") == "./codeactions"
    monkeypatch.setattr(sys, "argv", [".venv/bin/codeactions"])
    assert typed("`codeactions serve`", []) == "`.venv/bin/codeactions serve`"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert program(str(script)) == "codeactions"
    assert program("/somewhere/codeactions/__main__.py") == "codeactions"


@pytest.mark.parametrize(
    ("words", "text", "options"),
    [
        ("token create x", "{} must be a whole number", {"expires_in_days": "--days"}),
        ("token create x", "{} must be an address", {"email": "--email"}),
        ("token create x", "give {} or expires_at, not both", {"expires_in_days": "--days"}),
        (
            "token create x",
            "give either {}, the user it stands for, or {}, the project it belongs to",
            {"email": "--email", "project_uuid": "--project"},
        ),
        ("project create x", "{} must be an address", {"authorizations[1].email": "--moderator"}),
        ("project create x", "{} names a@b.c twice", {"authorizations": "--moderator"}),
        ("audit --actor x", "{} must not contain the character U+0000", {"actor": "--actor"}),
    ],
)
def test_fields_are_called_by_the_options_of_the_command(words: str, text: str, options: dict[str, str]) -> None:
    assert said(words, text.format(*options)) == text.format(*options.values())


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("token create x", "name must not be empty"),
        ("token create x", "there is no project email"),
        ("permission set p e r", "role must be 1 (viewer)"),
    ],
)
def test_other_words_stay(words: str, text: str) -> None:
    assert said(words, text) == text


def said(words: str, text: str) -> str:
    """A message about fields, as the command of these words says it."""
    return in_options(text, options_of(typer.main.get_command(app), words.split()))
