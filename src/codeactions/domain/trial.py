"""A trial: one run of a draft of a code, which touches nothing that is live."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar
from urllib.parse import quote, unquote

from codeactions.domain.code import Code, LanguageName, SourceText, Timeout, TimezoneText
from codeactions.domain.draft import UNSET, Draft, Unset
from codeactions.domain.errors import invalid
from codeactions.domain.rules import TextRule
from codeactions.domain.text import require_storable, require_text

_METHOD = re.compile(r"[A-Za-z]{1,32}")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_LONGEST_PATH = 8192
_OF_A_URL = "/%:@!$&'()*+,;=~-._"  # characters of a path that are sent as they are
_PLAIN = (str, int, float)  # bool, too


@dataclass(frozen=True, slots=True)
class _Method(TextRule):
    """An HTTP method."""

    def check(self, value: Any, name: str) -> str:
        if not isinstance(value, str) or not _METHOD.fullmatch(value):
            raise invalid(f"{name} must be an HTTP method such as GET")
        return value.upper()

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^{_METHOD.pattern}$", "default": "POST"}


@dataclass(frozen=True, slots=True)
class _Path(TextRule):
    """What follows the code in an endpoint's URL."""

    def check(self, value: Any, name: str) -> str:
        text = require_text(value, name, _LONGEST_PATH)
        if "?" in text or "#" in text:
            raise invalid(f"{name} is the path alone: give what follows the question mark in params")
        return text

    def json_schema(self) -> dict[str, Any]:
        description = "What follows the code in an endpoint's URL; percent-encoded, where it has to be"
        return {"type": "string", "maxLength": _LONGEST_PATH, "description": description, "default": "/"}


@dataclass(frozen=True, slots=True)
class _Texts(TextRule):
    """Values by name: each is a text, a number, true or false, or a list of these."""

    of_headers: bool

    def check(self, value: Any, name: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise invalid(f"{name} must be an object of texts by name")
        for key, text in _pairs(value):
            if not isinstance(text, _PLAIN):
                raise invalid(f"{name}.{key[:64]} must be a text, or a list of texts")
            require_storable(key, f"a name in {name}")
            require_storable(_as_text(text), f"{name}.{key[:64]}")
            if self.of_headers and not _HEADER_NAME.fullmatch(key):
                raise invalid(f"{key[:64]!r} in {name} is no name of a header")
            if self.of_headers and re.search(r"[\r\n]", _as_text(text)):
                raise invalid(f"{name}.{key[:64]} must not have several lines")
        return value

    def json_schema(self) -> dict[str, Any]:
        one: dict[str, Any] = {"type": ["string", "number", "boolean"]}
        return {"type": "object", "additionalProperties": {"anyOf": [one, {"type": "array", "items": one}]}}


@dataclass(frozen=True, slots=True)
class _Body(TextRule):
    """A text; any other value is sent as JSON."""

    def check(self, value: Any, name: str) -> Any:
        if isinstance(value, str):
            try:
                value.encode()
            except UnicodeEncodeError:
                raise invalid(f"{name} must not contain lone surrogates") from None
        return value

    def json_schema(self) -> dict[str, Any]:
        kinds = ["string", "object", "array", "number", "boolean", "null"]
        return {"type": kinds, "description": "A text as it is; anything else is sent as JSON"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialDraft(Draft):
    """A draft to be tried and the request that it gets. What is not given is the code's own, or empty."""

    noun: ClassVar[str] = "a trial"
    source: SourceText | Unset = UNSET
    language: LanguageName | Unset = UNSET
    timeout: Timeout | Unset = UNSET
    timezone: TimezoneText | Unset | None = UNSET
    method: Annotated[str, _Method()] = "POST"
    path: Annotated[str, _Path()] = "/"
    params: Annotated[dict[str, Any] | Unset, _Texts(of_headers=False)] | Unset = UNSET
    headers: Annotated[dict[str, Any] | Unset, _Texts(of_headers=True)] | Unset = UNSET
    body: Annotated[Any, _Body()] | Unset = UNSET

    @property
    def raw_path(self) -> str:
        """The path as it is sent."""
        return quote(self.path, safe=_OF_A_URL)

    @property
    def decoded_path(self) -> str:
        """The path as the code sees it."""
        return unquote(self.raw_path)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The query parameters."""
        return [] if self.params is UNSET else [(name, _as_text(value)) for name, value in _pairs(self.params)]

    @property
    def header_pairs(self) -> list[tuple[str, str]]:
        """The headers, with names in small letters. A body that is sent as JSON says so, unless they do."""
        given = {} if self.headers is UNSET else self.headers
        found = [(name.lower(), _as_text(value).strip()) for name, value in _pairs(given)]
        if self._is_json and not any(name == "content-type" for name, _ in found):
            found.append(("content-type", "application/json"))
        return found

    @property
    def content(self) -> bytes:
        """The body."""
        if self._is_json:
            return json.dumps(self.body, ensure_ascii=False).encode(errors="replace")
        return self.body.encode() if isinstance(self.body, str) else b""

    @property
    def _is_json(self) -> bool:
        return self.body is not UNSET and self.body is not None and not isinstance(self.body, str)


def tried_code(code: Code, draft: TrialDraft) -> Code:
    """Return the code as the draft would have it. It has no version."""
    own = ("source", "language", "timeout", "timezone")
    given = {name: value for name, value in draft.given().items() if name in own}
    return replace(code, version=None, **given)


def _pairs(values: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        for one in value if isinstance(value, list) else [value]:
            yield name, one


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
