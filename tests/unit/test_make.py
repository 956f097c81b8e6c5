"""Which Python `make` takes."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Stands for an interpreter: it says what it is asked, as one of that version with or without `ensurepip` does.
INTERPRETER = "#!/bin/sh\nexit {status}\n"
Chosen = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    """The folders of PATH: two for interpreters, and one with the programs that `make` itself needs."""
    made = [tmp_path / name for name in ("first with space", "second", "tools")]
    for folder in made:
        folder.mkdir()
    for tool in ("make", "sh", "date", "echo", "false"):
        found = shutil.which(tool)
        assert found is not None
        (made[2] / tool).symlink_to(found)
    return made


@pytest.fixture
def chosen(folders: list[Path]) -> Chosen:
    """Runs `make python`."""

    def run(*words: str) -> "subprocess.CompletedProcess[str]":
        command = [str(folders[2] / "make"), "--silent", "-C", str(ROOT), "python", *words]
        environment = {"PATH": ":".join(map(str, folders))}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    return run


def install(folder: Path, name: str, *, works: bool = True) -> Path:
    """Put an interpreter there. One that does not work is too old, has no `ensurepip`, or is a manager's empty shim."""
    path = folder / name
    path.write_text(INTERPRETER.format(status=0 if works else 127))
    path.chmod(0o755)
    return path


def test_the_newest_that_works_is_taken(folders: list[Path], chosen: Chosen) -> None:
    install(folders[0], "python3")
    install(folders[0], "python3.11")
    newest = install(folders[1], "python3.13")
    assert chosen().stdout == f"{newest}\n"


def test_one_that_fails_hides_no_other_of_its_name(folders: list[Path], chosen: Chosen) -> None:
    install(folders[0], "python3.14", works=False)
    install(folders[0], "python3.13", works=False)
    behind = install(folders[1], "python3.13")
    install(folders[1], "python3.12")
    assert chosen().stdout == f"{behind}\n"


def test_one_without_a_version_in_its_name_is_taken_last(folders: list[Path], chosen: Chosen) -> None:
    nameless = install(folders[0], "python3")
    assert chosen().stdout == f"{nameless}\n"
    install(folders[1], "python3.11")
    assert chosen().stdout == f"{folders[1] / 'python3.11'}\n"


def test_the_one_that_is_asked_for_is_taken(folders: list[Path], chosen: Chosen) -> None:
    install(folders[0], "python3.14")
    mine = install(folders[1], "mine")
    assert chosen(f"PYTHON={mine}").stdout == f"{mine}\n"


@pytest.mark.parametrize("words", [[], ["PYTHON=python3.12"], ["PYTHON=nonsense"]])
def test_without_a_suitable_one_it_says_what_is_needed(folders: list[Path], chosen: Chosen, words: list[str]) -> None:
    install(folders[0], "python3.12", works=False)
    done = chosen(*words)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "codeactions needs Python 3.11 or later, with venv and ensurepip, on PATH or as PYTHON=" in done.stderr
