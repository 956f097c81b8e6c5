"""The identity system's messages as bytes, and what the consumer says before there is a RabbitMQ."""

import contextlib
import json
import re
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeactions.domain.errors import Error, ErrorCode
from codeactions.domain.event import (
    MOST_BYTES,
    PermissionEvent,
    ProjectEvent,
    fingerprint,
    parse_permission_event,
    parse_project_event,
)
from codeactions.domain.project import Authorization
from codeactions.domain.role import Role
from codeactions.events.config import EventsConfig
from codeactions.events.consumer import EventsConsumer
from codeactions.events.rabbitmq import reason_of
from codeactions.postgres.database import Database
from codeactions.services.membership_sync import MembershipSync

ANA, BEN = "ana@example.com", "ben@example.com"


def project(**fields: Any) -> bytes:
    message = {"uuid": "p", "name": "P", "authorizations": [{"user_email": ANA, "role": 1}], **fields}
    return json.dumps({name: value for name, value in message.items() if value is not ...}).encode()


def permission(**fields: Any) -> bytes:
    message = {"action": "create", "project": "p", "user": ANA, "role": 2, **fields}
    return json.dumps({name: value for name, value in message.items() if value is not ...}).encode()


def refused(parse: Any, body: bytes) -> str:
    with pytest.raises(Error) as caught:
        parse(body)
    assert caught.value.code is ErrorCode.INVALID
    return caught.value.message


# ---- projects


def test_a_project_is_read_and_what_else_it_has_is_not() -> None:
    listed = [{"user_email": " Ben@Example.com", "role": 3, "since": 1}, {"user_email": ANA, "role": 1}]
    event = parse_project_event(project(authorizations=listed, icon="x", version=7))
    authorizations = (Authorization(ANA, Role.VIEWER), Authorization(BEN, Role.MODERATOR))
    assert event == ProjectEvent(project_uuid="p", name="P", authorizations=authorizations)


def test_a_list_that_is_not_there_is_not_an_empty_one() -> None:
    assert parse_project_event(project(authorizations=...)).authorizations is None
    assert parse_project_event(project(authorizations=None)).authorizations is None
    assert parse_project_event(project(authorizations=[])).authorizations == ()


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"uuid": ...}, "uuid must be text"),
        ({"uuid": 7}, "uuid must be text"),
        ({"uuid": " "}, "uuid must not be empty"),
        ({"uuid": "x" * 256}, "uuid must have at most 255"),
        ({"uuid": "a\0b"}, "uuid must not contain the character U\\+0000"),
        ({"name": ...}, "name must be text"),
        ({"name": "\ud800"}, "name must not contain lone surrogates"),
        ({"authorizations": {}}, "authorizations must be a list"),
        ({"authorizations": "ana"}, "authorizations must be a list"),
        ({"authorizations": [{}] * 10_001}, "authorizations must have at most 10000 entries, not 10001"),
    ],
)
def test_a_wrong_field_of_a_project_is_named(fields: dict[str, Any], told: str) -> None:
    message = refused(parse_project_event, project(**fields))
    assert re.match(told, message), message
    assert "ana@" not in message.replace("such as ana@example.com", "").lower()


BROKEN = [
    (ANA, "it must be an object"),
    (None, "it must be an object"),
    ([ANA, 1], "it must be an object"),
    ({}, "user_email must be text"),
    ({"role": 1}, "user_email must be text"),
    ({"email": ANA, "role": 1}, "user_email must be text"),
    ({"user_email": "", "role": 1}, "user_email must not be empty"),
    ({"user_email": " ", "role": 1}, "user_email must not be empty"),
    ({"user_email": None, "role": 1}, "user_email must be text"),
    ({"user_email": "ana", "role": 1}, "user_email must be an address"),
    ({"user_email": "a\0@example.com", "role": 1}, "user_email must not contain"),
    ({"user_email": f"{'a' * 255}@example.com", "role": 1}, "user_email must have at most 255"),
    ({"user_email": ANA}, "role must be 1, 2 or 3"),
    *(
        ({"user_email": ANA, "role": role}, "role must be 1, 2 or 3")
        for role in (0, 4, 5, -1, 10**30, 1.5, "5", "", "viewer", True, None, [1], {})
    ),
]


@pytest.mark.parametrize(("broken", "told"), BROKEN, ids=lambda value: str(value)[:40])
def test_an_authorization_that_cannot_be_read_is_dropped_and_the_project_stays(broken: Any, told: str) -> None:
    ben = {"user_email": BEN, "role": 3}
    event = parse_project_event(project(authorizations=[ben, broken]))
    assert event.authorizations == (Authorization(BEN, Role.MODERATOR),)
    (reason,) = event.dropped
    assert reason.startswith(f"authorizations[1]: {told}")
    assert "ana@" not in reason.replace("such as ana@example.com", "").lower()
    assert parse_project_event(project(authorizations=[broken])).authorizations == ()


def test_an_address_that_is_named_twice_has_the_lower_role() -> None:
    for roles in ((3, 1), (1, 3)):
        listed = [{"user_email": email, "role": role} for email, role in zip((ANA, ANA.upper()), roles, strict=True)]
        event = parse_project_event(project(authorizations=listed))
        assert event.authorizations == (Authorization(ANA, Role.VIEWER),)
        assert len(event.dropped) == 1


@pytest.mark.parametrize("role", [2, "2", " 2 ", 2.0])
def test_a_number_may_be_text(role: Any) -> None:
    event = parse_project_event(project(authorizations=[{"user_email": ANA, "role": role}]))
    assert (event.authorizations, event.dropped) == ((Authorization(ANA, Role.CONTRIBUTOR),), ())
    assert parse_permission_event(permission(role=role)).role is Role.CONTRIBUTOR


# ---- permissions


@pytest.mark.parametrize(("action", "role"), [("create", 1), ("update", 3), ("delete", None)])
def test_a_permission_is_read(action: str, role: int | None) -> None:
    event = parse_permission_event(
        permission(action=action, role=... if role is None else role, user="ANA@example.com")
    )
    assert event == PermissionEvent(project_uuid="p", email=ANA, role=None if role is None else Role(role))


def test_what_is_taken_away_needs_no_role_and_may_have_any() -> None:
    assert parse_permission_event(permission(action="delete", role=0)).role is None
    assert parse_permission_event(permission(action="delete", role="owner")).role is None


@pytest.mark.parametrize("role", [1.5, "", "viewer", True, None, [1], ...])
def test_a_role_is_a_number(role: Any) -> None:
    assert refused(parse_permission_event, permission(role=role)) == "role must be 1, 2 or 3"


@pytest.mark.parametrize("role", [0, 4, 5, -1, "5", 10**30])
@pytest.mark.parametrize("action", ["create", "update"])
def test_a_number_that_is_no_role_here_gives_none(action: str, role: Any) -> None:
    event = parse_permission_event(permission(action=action, role=role))
    assert (event.email, event.role) == (ANA, None)
    assert event.dropped == (f"{int(role)} is no role here",)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"action": ...}, "action must be create, update or delete"),
        ({"action": "Create"}, "action must be create, update or delete"),
        ({"action": ["create"]}, "action must be create, update or delete"),
        ({"project": ...}, "project must be text"),
        ({"project": None, "project_uuid": "p"}, "project must be text"),
        ({"user": ...}, "user must be text"),
        ({"user": "ana"}, "user must be an address such as ana@example.com"),
        ({"user": "a na@example.com"}, "user must be an address such as ana@example.com"),
    ],
)
def test_a_wrong_field_of_a_permission_is_named(fields: dict[str, Any], told: str) -> None:
    assert refused(parse_permission_event, permission(**fields)) == told


# ---- both


@pytest.mark.parametrize("parse", [parse_project_event, parse_permission_event])
@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "the message must be JSON"),
        (b"{", "the message must be JSON"),
        (b"\xff\xfe{}", "the message must be UTF-8"),
        (b"\x00", "the message must be JSON"),
        (b'"text"', "the message must be a JSON object"),
        (b"[]", "the message must be a JSON object"),
        (b"null", "the message must be a JSON object"),
        (b"[" * 200_000, "the message must be JSON"),
        (b'{"a":' * 200_000, "the message must be JSON"),
        (b'{"uuid": ' + b"9" * 10_000 + b"}", "the message must be JSON"),
    ],
    ids=range(10),
)
def test_what_is_no_object_in_json_is_refused(parse: Any, body: bytes, told: str) -> None:
    assert refused(parse, body) == told


def test_a_message_may_have_just_so_many_bytes() -> None:
    full = project(more="")
    full = project(more="x" * (MOST_BYTES - len(full)))
    assert len(full) == MOST_BYTES
    assert parse_project_event(full).name == "P"
    told = f"the message must have at most {MOST_BYTES} bytes, not {MOST_BYTES + 1}"
    assert refused(parse_project_event, full + b" ") == told


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
_names = st.sampled_from(["uuid", "name", "authorizations", "action", "project", "user", "role"])


@given(st.binary(max_size=64) | st.dictionaries(_names, _json).map(lambda fields: json.dumps(fields).encode()))
def test_whatever_comes_is_read_or_refused_and_nothing_else_happens(body: bytes) -> None:
    for parse in (parse_project_event, parse_permission_event):
        with contextlib.suppress(Error):
            parse(body)


def test_the_fingerprint_is_that_of_the_set() -> None:
    ana, ben = Authorization(ANA, Role.VIEWER), Authorization(BEN, Role.MODERATOR)
    assert fingerprint((ana, ben)) == fingerprint((ben, ana))
    others = [(), (ana,), (ben,), (ana, ben), (Authorization(ANA, Role.MODERATOR), Authorization(BEN, Role.VIEWER))]
    assert len({fingerprint(one) for one in others}) == 5
    assert all(len(fingerprint(one)) == 32 for one in others)


# ---- the consumer, before there is a RabbitMQ


def consumer(url: str) -> EventsConsumer:
    return EventsConsumer(EventsConfig(url=url), MembershipSync(Database("postgresql://127.0.0.1:1/none")))


async def test_without_the_optional_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aio_pika", None)
    with pytest.raises(Error, match=r"^install codeactions\[events\]: ") as caught:
        await consumer("amqp://localhost/").start()
    assert caught.value.code is ErrorCode.INVALID


@pytest.mark.parametrize(
    "url",
    [
        *("", "localhost:5672", "http://u:se/cret@host/", "amqp://", "amqp:///v"),
        *("amqp://u:se/cret@host/", "amqp://u:se#cret@host/", "amqp://u:se?cret@host/", "amqp://u:12/cret@host/"),
    ],
)
async def test_an_address_that_is_none_is_refused_and_its_password_not_told(url: str) -> None:
    with pytest.raises(Error, match="must be like amqp://user:password@host:5672/vhost") as caught:
        await consumer(url).start()
    assert caught.value.code is ErrorCode.INVALID
    assert "cret" not in str(caught.value)


async def test_it_is_not_healthy_before_it_is_connected_and_stops_without_a_start() -> None:
    never = consumer("amqp://localhost/")
    with pytest.raises(Error, match=r"^not connected: still connecting$") as caught:
        await never.check()
    assert caught.value.code is ErrorCode.BUSY
    await never.stop()


@pytest.mark.parametrize("text", ["no se%2Fcret here", "no se/cret here"])
def test_a_reason_never_holds_the_password(text: str) -> None:
    assert reason_of(ValueError(text), "amqp://u:se%2Fcret@host/") == "no *** here"
    assert reason_of(ValueError("two\nlines"), "amqp://host/") == "two lines"
    assert reason_of(TimeoutError(), "amqp://host/") == "TimeoutError"


def test_what_is_shown_of_the_configuration_holds_no_password() -> None:
    assert "secret" not in repr(EventsConfig(url="amqp://ana:secret@host/"))
