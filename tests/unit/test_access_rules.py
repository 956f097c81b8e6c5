"""The rules of access that need no server: roles, tokens, addresses, and what a change tells."""

import dataclasses
import hashlib
import itertools
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from codeactions.domain.access import LEAST_ROLE, Action, require, require_everywhere, require_token_maker
from codeactions.domain.audit import changed_values
from codeactions.domain.caller import Caller, CallerKind
from codeactions.domain.errors import Error, ErrorCode, not_found
from codeactions.domain.project import MOST_AUTHORIZATIONS, Authorization, parse_authorizations, parse_email
from codeactions.domain.role import Role, parse_role
from codeactions.domain.token import ApiToken, TokenDraft, digest, make_secret, new_token

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
VIEWER, CONTRIBUTOR, MODERATOR = Role
MISSING = not_found("there is no such thing")
NO_TIMES = ("2027-01-01", "2027-01-01T00:00:00", datetime(2027, 1, 1), "tomorrow", "", 1_900_000_000, True)
WORDS = ("viewer", "VIEWER", " Contributor ", "moderator", "1", " 3\n")


def caller(kind: CallerKind = CallerKind.USER, **fields: Any) -> Caller:
    return Caller(kind=kind, name="ana", **fields)


def refusal(*call: Any, **named: Any) -> Error:
    """What a function refuses its arguments with."""
    function, *arguments = call
    with pytest.raises(Error) as caught:
        function(*arguments, **named)
    return caught.value


def wrong(*call: Any, **named: Any) -> str:
    """The message that a function calls its arguments invalid with."""
    error = refusal(*call, **named)
    assert error.code is ErrorCode.INVALID
    return error.message


def token(**fields: Any) -> ApiToken:
    given = {"name": "ci", "email": "ana@example.com", **fields}
    draft = TokenDraft.read({name: value for name, value in given.items() if value is not ...})
    return new_token(draft, "secret", id=uuid4(), created_by="b", now=NOW)


def test_a_role_is_its_number_or_its_name_and_nothing_else() -> None:
    assert [parse_role(role) for role in (1, 2, 3, *WORDS)] == [1, 2, 3, 1, 1, 2, 3, 1, 3]
    for value in (None, 0, 4, -1, True, 1.0, "", "owner", "0", "1.0", "\uff11", [1], {"role": 1}, b"1"):
        assert wrong(parse_role, value).startswith("role must be 1 (viewer)"), value


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("role", [None, *Role])
def test_an_action_needs_its_role_and_hides_the_thing_from_who_has_none(role: Role | None, action: Action) -> None:
    who = caller(roles={"other": MODERATOR} | ({"p": role} if role else {}))
    least = {"read": 1, "change": 2, "run": 2, "delete": 3, "manage": 3}[action]
    if role is not None and role >= least:
        require(who, action, "p", MISSING)
        return
    error = refusal(require, who, action, "p", MISSING)
    if role is None:
        assert (error.code, error.message) == (ErrorCode.NOT_FOUND, MISSING.message)
    else:
        told = f"to {action} here you need the role {Role(least).title} in the project; your role is {role.title}"
        assert (error.code, error.message) == (ErrorCode.FORBIDDEN, told)


def test_every_action_has_its_role_and_who_is_everywhere_may_all_of_them() -> None:
    assert set(LEAST_ROLE) == set(Action)
    everywhere = caller(CallerKind.ADMINISTRATOR, everywhere=True)
    for action in Action:
        require(everywhere, action, "any project", MISSING)
    require_everywhere(everywhere, "x")
    assert refusal(require_everywhere, caller(roles={"p": MODERATOR}), "make projects").code is ErrorCode.FORBIDDEN


def test_the_lower_of_a_tokens_role_and_its_users_counts() -> None:
    for role, ceiling in itertools.product(Role, Role):
        who = caller(CallerKind.USER_TOKEN, roles={"p": role}, ceiling=ceiling)
        assert who.role_in("p") is min(role, ceiling)
        assert who.role_in("other") is None
        assert who.projects == ["p"]
    assert caller(everywhere=True).projects is None


def test_tokens_are_for_oneself_or_made_by_the_administrator_and_never_by_tokens() -> None:
    require_token_maker(caller(email="ana@example.com"), "Ana@Example.com")
    require_token_maker(caller(), None)
    require_token_maker(caller(CallerKind.SERVICE, everywhere=True), "bo@example.com")
    for who, email in (
        (caller(email="ana@example.com"), "bo@example.com"),
        (caller(), "bo@example.com"),
        (caller(CallerKind.USER_TOKEN, email="ana@example.com"), "ana@example.com"),
        (caller(CallerKind.PROJECT_TOKEN, roles={"p": MODERATOR}), None),
    ):
        assert refusal(require_token_maker, who, email).code is ErrorCode.FORBIDDEN


def test_a_token_that_manages_tokens_manages_those_of_projects_alone() -> None:
    manager = caller(CallerKind.USER_TOKEN, email="ana@example.com", manages_tokens=True)
    require_token_maker(manager, None)
    for email in ("ana@example.com", "bo@example.com"):
        assert refusal(require_token_maker, manager, email).code is ErrorCode.FORBIDDEN


def test_the_right_to_manage_tokens_is_a_moderating_users() -> None:
    assert not token().manage_tokens
    assert token(manage_tokens=True).manage_tokens
    assert token(manage_tokens=True, role=3).manage_tokens
    for fields in ({"role": 1}, {"role": 2}, {"role": 3, "email": ..., "project_uuid": "p"}):
        assert "manage_tokens goes together with" in wrong(token, manage_tokens=True, **fields)


def test_a_token_does_not_outlive_its_maker() -> None:
    hour, draft = timedelta(hours=1), TokenDraft(name="x", project_uuid="p", role=1)

    def expiry(latest: datetime | None, **fields: Any) -> datetime | None:
        return new_token(
            dataclasses.replace(draft, **fields), "s", id=uuid4(), created_by="b", now=NOW, latest=latest
        ).expires_at

    assert expiry(None) is None
    assert expiry(NOW + hour) == NOW + hour
    assert expiry(NOW + hour, expires_at=NOW + hour / 2) == NOW + hour / 2
    told = "the token must expire at 2026-11-23T07:00:00.000000Z at the latest"
    assert told in wrong(expiry, NOW + hour, expires_in_days=1)


def test_a_token_lives_as_long_as_it_was_said() -> None:
    hour = timedelta(hours=1)
    assert token().expires_at is token(expires_in_days=None, expires_at=None).expires_at is None
    assert token().counts_at(NOW + timedelta(days=36500))
    for fields, lives in (
        ({"expires_in_days": 1}, 24 * hour),
        ({"expires_in_days": 3650}, 3650 * 24 * hour),
        ({"expires_at": "2026-11-23T07:00:00Z"}, hour),
        ({"expires_at": "2026-11-23T12:00:00+05:30"}, hour / 2),
        ({"expires_at": NOW + hour}, hour),
    ):
        made = token(**fields)
        assert made.expires_at == NOW + lives
        assert made.counts_at(NOW + lives - timedelta(microseconds=1))
        assert not made.counts_at(NOW + lives)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        *[({"expires_in_days": days}, "expires_in_days must be") for days in (0, -1, 3651, 1.5, True, "7", [])],
        *[({"expires_at": at}, "must be a time with a time zone") for at in NO_TIMES],
        *[({"expires_at": at}, "must be in the future") for at in ("2026-11-23T06:00:00Z", "2001-01-01T00:00Z", NOW)],
        ({"expires_in_days": 1, "expires_at": "2027-01-01T00:00:00Z"}, "not both"),
        ({"email": ...}, "either email"),
        ({"project_uuid": "p", "role": 1}, "either email"),
        ({"email": ..., "project_uuid": "p"}, "role is missing: it must be"),
        ({"email": ..., "project_uuid": " ", "role": 1}, "project_uuid must not be empty"),
        ({"email": "ana"}, "email must be an address"),
        ({"role": 4}, "role must be"),
        ({"role": None}, "role must be"),
        ({"name": ...}, "name is missing"),
        *[({"name": name}, "name must") for name in ("", " ", 7, "x" * 256, "a\0")],
        *[({"manage_tokens": value}, "manage_tokens must be true or false") for value in (1, 0, None, "true", [])],
        ({"sha256": "x"}, "unknown field 'sha256'"),
        ({"created_by": "me@example.com"}, "unknown field 'created_by'"),
    ],
    ids=repr,
)
def test_a_token_of_anything_else_is_refused_by_name(fields: dict[str, Any], named: str) -> None:
    assert named in wrong(token, **fields)


def test_a_token_is_a_users_with_any_ceiling_or_a_projects_with_a_role() -> None:
    assert (token().role, token(role="viewer").role) == (MODERATOR, VIEWER)
    assert token(email=" Ana@Example.COM").email == "ana@example.com"
    of_project = token(email=..., project_uuid="p", role=2)
    assert (of_project.email, of_project.project_uuid, of_project.role) == (None, "p", CONTRIBUTOR)
    assert of_project.sha256 == hashlib.sha256(b"secret").digest() == digest("secret")
    made = {make_secret() for _ in range(100)}
    assert {(len(secret), secret[:3]) for secret in made} == {(46, "ca_")}
    assert len(made) == 100


def test_an_address_is_kept_in_small_letters() -> None:
    assert parse_email("  ANA@Example.COM\n") == parse_email("ana@example.com") == "ana@example.com"
    assert parse_email("Äna+x'y@b@[::1]") == "äna+x'y@b@[::1]"


def test_what_is_no_address_or_pretends_to_be_another_is_refused() -> None:
    incomplete = ("", " ", "ana", "@", "ana@", "@b", None, 7, ["a@b"], "a@" + "b" * 255)
    spaced = ("a na@b", "a@b c", "a\u2003a@b", "a@b\u2028c", "a\0@b", "\ud800@b")
    disguised = (
        "\u212aarl@b",
        "carl@b\u212a",
        "\u212a@\u212a",
        "bo\u212a@ex\u00e4mple.com",
    )  # the sign of kelvin is small as an ASCII k
    for text in (*incomplete, *spaced, *disguised):
        assert wrong(parse_email, text, "who").startswith("who must"), ascii(text)


def test_authorizations_are_sorted_by_address_with_the_address_in_small_letters() -> None:
    given = [{"email": "Bo@x", "role": 1}, {"email": "ana@x", "role": "moderator", "more": 1}]
    assert parse_authorizations(given) == (Authorization("ana@x", MODERATOR), Authorization("bo@x", VIEWER))
    assert parse_authorizations([{"user": "a@x", "role": 2}], "user") == (Authorization("a@x", CONTRIBUTOR),)
    assert parse_authorizations([]) == ()
    assert len(parse_authorizations([{"email": f"{n}@x", "role": 1} for n in range(MOST_AUTHORIZATIONS)])) == 10_000


def test_wrong_authorizations_are_refused_by_place() -> None:
    first, many = {"email": "a@b", "role": 1}, [{"email": f"{n}@x", "role": 1} for n in range(10_001)]
    for value in (None, {}, "", "a@b", 7, first):
        assert "must be a list" in wrong(parse_authorizations, value)
    assert "[1] must be an object" in wrong(parse_authorizations, [first, 7])
    assert "[1].email must be text" in wrong(parse_authorizations, [first, {"role": 1}])
    assert "[1].email must be an address" in wrong(parse_authorizations, [first, {"email": "b", "role": 1}])
    for role in ({}, {"role": None}, {"role": 9}):
        assert "role must be" in wrong(parse_authorizations, [{"email": "a@b", **role}])
    assert "names a@b twice" in wrong(parse_authorizations, [first, {"email": " A@B ", "role": 2}])
    assert "at most 10000 authorizations, not 10001" in wrong(parse_authorizations, many)


def test_calls_are_counted_for_the_owner_whatever_token_is_shown() -> None:
    def counted(kind: CallerKind, name: str, **fields: Any) -> str:
        return Caller(kind=kind, name=name, **fields).counted_as

    assert counted(CallerKind.USER_TOKEN, "token 1", email="a@b") == "a@b"
    assert counted(CallerKind.USER_TOKEN, "token 2", email="a@b") == "a@b"
    assert counted(CallerKind.USER, "a@b", email="a@b") == "a@b"
    assert counted(CallerKind.PROJECT_TOKEN, "token 3", roles={"p": Role.VIEWER}) == "project p"
    assert counted(CallerKind.PROJECT_TOKEN, "token 4", roles={"p": Role.VIEWER}) == "project p"
    assert counted(CallerKind.SERVICE, "billing") == "billing"


def test_changes_name_both_values_of_some_fields_and_of_the_others_only_that_they_differ() -> None:
    before = {"name": "a", "source": "old", "url": "u", "timeout": 5, "same": 1}
    after = {"name": "b", "source": "new", "url": None, "timeout": 5, "same": 1, "added": 2}
    named = ("name", "url", "timeout")
    assert changed_values(before, after, named) == {
        "name": ["a", "b"],
        "url": ["u", None],
        "changed": ["added", "source"],
    }
    assert changed_values(before, before, named) == {}
    assert changed_values(before, {"name": "c"}, named) == {"name": ["a", "c"]}
