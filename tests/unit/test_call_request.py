"""The names of project and code in the URL of an endpoint."""

from dataclasses import replace
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.calls import request

from codeactions.services.call_request import CallRequest

_NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=255)


def sent(text: str) -> CallRequest:
    """A request whose URL has this after `/endpoint/`."""
    return replace(request(), sent=text)


@given(_NAMES, _NAMES, st.sampled_from(["", "/", "/a", "/a%2Fb//c", "/%"]))
def test_whatever_the_names_they_are_read_as_they_were_quoted(project: str, name: str, path: str) -> None:
    found = sent(f"{quote(project, safe='')}/{quote(name, safe='')}{path}").by_name()
    assert found is not None
    assert found[:2] == (project, name)
    assert found[2].raw_path == path
    assert found[2].path == path.replace("%2F", "/")


@pytest.mark.parametrize(
    "text",
    ["", "p", "p/", "/n", "//n", "p//n", "p%00/n", "p/%00", "%FF/n", "p/n%FF", "p/" + "x" * 256, "x" * 256 + "/n"],
)
def test_what_no_project_and_code_can_be_called_is_no_name(text: str) -> None:
    assert sent(text).by_name() is None


def test_all_else_of_the_request_stays() -> None:
    asked = sent("p/n/rest")
    found = asked.by_name()
    assert found is not None
    assert found[2] == replace(asked, path="/rest", raw_path="/rest")
