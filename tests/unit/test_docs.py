"""What the documents point at exists, and what they name is what the program has."""

import re
from pathlib import Path

import pytest

from codeactions.domain.errors import ErrorCode
from codeactions.domain.run import ErrorType
from codeactions.examples import examples
from codeactions.node.settings import Settings, variable
from codeactions.runtimes.protocol import LOG_LEVELS
from codeactions.runtimes.python import worker

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("migrations/*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_the_readme_calls_an_example_that_is_deployed() -> None:
    readme = (ROOT / "README.md").read_text()
    assert f"/endpoint/{examples()[0].id}?name=you" in readme
    for command in ("make run", "make test"):
        assert command in readme


def test_every_variable_that_a_page_names_is_a_setting() -> None:
    known = {variable(name) for name in Settings.model_fields} | {"CODEACTIONS_RUN_ID"}
    for page in PAGES:
        named = set(re.findall(r"CODEACTIONS_[A-Z_]+[A-Z]", page.read_text()))
        assert named <= known, page


def test_the_closed_sets_are_told_in_full() -> None:
    functions, api = (ROOT / "docs/functions.md").read_text(), (ROOT / "docs/api.md").read_text()
    assert [kind for kind in ErrorType if kind != ErrorType.INTERNAL and f"`{kind}`" not in functions] == []
    assert [code for code in ErrorCode if f"`{code}`" not in api] == []
    assert [level for level in LOG_LEVELS if f"`{level}`" not in functions] == []


def test_the_modules_that_cost_nothing_are_named() -> None:
    text = (ROOT / "docs/functions.md").read_text()
    assert [name for name in worker._PRELOADED if f"`{name}`" not in text] == []
