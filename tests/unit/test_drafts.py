"""Drafts and changes: what is required, unknown, not given, and what their JSON Schema says."""

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import pytest

from codeactions.domain.code import CodeChange, CodeDraft
from codeactions.domain.draft import UNSET, Draft
from codeactions.domain.errors import Error, ErrorCode
from codeactions.domain.permission import PermissionChange, PermissionDraft
from codeactions.domain.project import Authorization, ProjectChange, ProjectDraft
from codeactions.domain.protection import DEFAULT_HEADER
from codeactions.domain.protection_draft import HmacProtectionDraft, protection_schema, read_protection_draft
from codeactions.domain.role import Role
from codeactions.domain.token import TokenDraft

DRAFTS: dict[type[Draft], dict[str, Any]] = {
    CodeDraft: {"name": "n", "type": "flow", "source": "x", "language": "python", "project_uuid": "p"},
    ProjectDraft: {"name": "n"},
    PermissionDraft: {"project_uuid": "p", "email": "a@b", "role": 1},
    PermissionChange: {"role": 1},
    TokenDraft: {"name": "n"},
    CodeChange: {},
    ProjectChange: {},
}


@pytest.mark.parametrize("draft", DRAFTS, ids=lambda draft: draft.__name__)
def test_exactly_the_required_fields_must_be_given_and_the_schema_says_so(draft: type[Draft]) -> None:
    given = DRAFTS[draft]
    made = draft.read(given)
    assert set(draft.json_schema().get("required", ())) == set(given)
    assert list(draft.json_schema()["properties"]) == [field.name for field in fields(made)]
    for name in given:
        for rest in ({**given, name: None}, {other: value for other, value in given.items() if other != name}):
            with pytest.raises(Error, match=f"^{name} is missing$"):
                draft.read(rest)


@pytest.mark.parametrize("draft", DRAFTS, ids=lambda draft: draft.__name__)
def test_an_unknown_field_is_named_with_the_known_ones(draft: type[Draft]) -> None:
    with pytest.raises(
        Error, match=f"^unknown field 'nope'; {draft.noun} has {next(iter(draft.json_schema()['properties']))}"
    ):
        draft.read({**DRAFTS[draft], "nope": 1})


def test_a_change_tells_what_is_not_given_from_none() -> None:
    assert CodeChange().given() == {}
    assert CodeChange.read({"url": None}).given() == {"url": None}
    assert CodeChange(url="").given() == {"url": None}
    assert repr(CodeChange().name) == "UNSET"
    assert ProjectChange.read({"name": "x"}).authorizations is UNSET


def test_a_draft_is_checked_however_it_is_made() -> None:
    for make in (lambda: CodeDraft(**{**DRAFTS[CodeDraft], "timeout": 4}), lambda: CodeChange(timeout=301)):
        with pytest.raises(Error, match="timeout must be a whole number of seconds from 5 to 300") as caught:
            make()
        assert caught.value.code is ErrorCode.INVALID
    draft = ProjectDraft(
        name="n", authorizations=(Authorization("B@x", Role.VIEWER), Authorization("a@x", Role.VIEWER))
    )
    assert draft.authorizations == (Authorization("a@x", Role.VIEWER), Authorization("b@x", Role.VIEWER))


def test_times_are_kept_in_utc() -> None:
    draft = TokenDraft.read({"name": "n", "expires_at": "2026-11-23T07:00:00+01:00"})
    assert draft.expires_at == datetime(2026, 11, 23, 6, tzinfo=UTC)
    assert draft.role is UNSET


def test_a_protection_is_read_by_its_kind_and_never_shows_its_secret() -> None:
    for given in ({}, {"header": None}, {"header": ""}):
        made = read_protection_draft({"kind": "hmac", **given})
        assert made == HmacProtectionDraft(header=DEFAULT_HEADER)
    secret = "a secret of some length"
    for given in ({"kind": "hmac", "secret": secret}, {"kind": "basic", "username": "a", "password": secret}):
        assert secret not in repr(read_protection_draft(given))
    with pytest.raises(Error, match="unknown field 'secret'; token has no further ones"):
        read_protection_draft({"kind": "token", "secret": secret})
    kinds = {schema["properties"]["kind"]["const"]: schema["required"] for schema in protection_schema()["oneOf"]}
    assert kinds == {"token": ["kind"], "basic": ["kind", "username", "password"], "hmac": ["kind"]}
