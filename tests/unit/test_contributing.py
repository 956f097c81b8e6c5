"""CONTRIBUTING.md, held against the source: its map names every folder, and its walks can be followed."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "codeactions"
TEXT = (ROOT / "CONTRIBUTING.md").read_text()
MAP = re.search(r"^```\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
# A walk: its heading, then numbered lines that begin with a path.
WALKS = {
    title: re.findall(r"^\d+\. `([^`]+)`", body, re.MULTILINE)
    for title, body in re.findall(r"^### (A walk: .*?)\n(.*?)(?=^#|\Z)", TEXT, re.MULTILINE | re.DOTALL)
}
STEPS = [(title, number) for title, paths in WALKS.items() for number in range(len(paths))]


def folders_of_the_map() -> dict[str, int]:
    """Each folder with a trailing slash, as it is written below its parents, and its depth."""
    assert MAP is not None
    found: dict[str, int] = {}
    parents: list[tuple[int, str]] = []
    for line in MAP[1].splitlines():
        match = re.match(r"( *)([\w./]+/)(?:\s|$)", line)
        if match and len(match[1]) % 4 == 0 and len(match[1]) <= 12:
            indent = len(match[1])
            parents = [parent for parent in parents if parent[0] < indent]
            parents.append((indent, match[2]))
            found["".join(name for _, name in parents)] = indent
    return found


def tracked() -> set[str]:
    """Every file of the repository."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode != 0:
        pytest.skip("not a git checkout: which files belong to the project is not known")
    return {line for line in listed.stdout.splitlines() if (ROOT / line).exists()}


def test_every_folder_of_the_map_is_there() -> None:
    folders = folders_of_the_map()
    assert len(folders) > 20
    assert [folder for folder in folders if not (ROOT / folder).is_dir()] == []


def test_every_package_is_on_the_map() -> None:
    named = set(folders_of_the_map())
    below = {
        "/".join(path.split("/")[:depth]) + "/" for path in tracked() for depth in (1, 3, 4) if path.count("/") >= depth
    }
    source = {folder for folder in below if folder.startswith("src/codeactions/") and folder.count("/") == 3}
    # Of packages, the folders in them too.
    subpackages = {
        folder
        for folder in below
        if folder.startswith("src/codeactions/") and folder.count("/") == 4 and any((ROOT / folder).glob("*.py"))
    }
    top = {folder for folder in below if folder.count("/") == 1 and not folder.startswith(".")}
    assert (top | source | subpackages) - named == {"src/"}


def test_there_are_walks() -> None:
    assert len(WALKS) == 3
    assert all(len(paths) >= 5 for paths in WALKS.values())


@pytest.mark.parametrize("title", WALKS)
def test_no_file_of_a_walk_is_opened_twice(title: str) -> None:
    assert len(set(WALKS[title])) == len(WALKS[title])
    assert [path for path in WALKS[title] if not (SOURCE / path).is_file()] == []


@pytest.mark.parametrize(("title", "number"), STEPS)
def test_each_step_of_a_walk_is_named_by_an_earlier_one(title: str, number: int) -> None:
    """Named means imported, or mentioned by its path where a protocol or another process lies between."""
    paths = WALKS[title]
    if number:
        assert any(leads_to(SOURCE / earlier, paths[number]) for earlier in paths[:number])


def leads_to(path: Path, step: str) -> bool:
    """Tell whether a file imports a module, or mentions its path or dotted name."""
    text = path.read_text()
    dotted = "codeactions." + step.removesuffix(".py").replace("/", ".")
    statements = f'queries.load("{Path(step).stem}")' if step.endswith(".sql") else step
    if step in text or dotted in text or statements in text:
        return True
    if path.suffix != ".py":
        return False
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom):
            names = {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
            if dotted in names:
                return True
    return False
