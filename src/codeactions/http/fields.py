"""Drafts and changes in requests: read from query parameters and body, and described in the OpenAPI document.

Both come from the rules of the draft's fields (domain/draft.py), so that the description is what is checked.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from fastapi import Request

from codeactions.domain.code import SOURCE_LIMIT
from codeactions.domain.draft import Draft, field_rules
from codeactions.domain.errors import invalid
from codeactions.domain.rules import Rule
from codeactions.http.bodies import is_json, parse_object, read_body
from codeactions.http.dependencies import Options

_MOST_BYTES = 4 * 1024 * 1024  # of a JSON body: ten thousand authorizations and then some
# Of a JSON body with a source, in which a character may take six bytes; the other fields come on top.
_MOST_BYTES_WITH_SOURCE = 6 * SOURCE_LIMIT + 65536
_Read = TypeVar("_Read")
_Draft = TypeVar("_Draft", bound=Draft)


@dataclass(frozen=True, eq=False)  # FastAPI wants dependencies that hash: each is only itself
class RequestFields(Generic[_Read]):
    """A dependency that reads the fields of a request and makes a draft of them.

    read: makes the draft of fields by name; raises `Error`. schema: the JSON Schema of the fields. noun: the thing that
    has them, for messages. parameters: the rules of fields that may be query parameters. takes_source: whether a body
    that is not JSON is the field `source`.
    """

    read: Callable[[Mapping[str, Any]], _Read]
    schema: Mapping[str, Any]
    noun: str
    parameters: Mapping[str, Rule] = field(default_factory=dict)
    takes_source: bool = False

    async def __call__(self, request: Request, options: Options) -> _Read:
        """Return the draft. Raises `Error`: invalid, too_large, timeout."""
        return self.read(await read_fields(request, options.body_timeout, self))

    @property
    def openapi(self) -> dict[str, Any]:
        """The body and the parameters for the OpenAPI document, as a route's `openapi_extra`."""
        required = [name for name in self.schema.get("required", ()) if name not in self.parameters]
        content: dict[str, Any] = {"application/json": {"schema": dict(self.schema)}}
        description = f"A JSON object with the fields of {self.noun}"
        if self.takes_source:
            content = {"text/plain": {"schema": {"type": "string", "minLength": 1}}, **content}
            description = f"The source, or a JSON object with the fields of {self.noun}"
        if self.parameters:
            description += ". Fields that are also parameters may be given as such instead"
        body = {"description": description, "content": content, "required": bool(required) or "oneOf" in self.schema}
        needed = self.schema.get("required", ())
        parameters = [_parameter(name, rule, needed=name in needed) for name, rule in self.parameters.items()]
        return {"requestBody": body, "parameters": parameters}


def fields_of(
    draft: type[_Draft],
    *,
    parameters: Iterable[str] = (),
    takes_source: bool = False,
    rules: Mapping[str, Rule] | None = None,
) -> RequestFields[_Draft]:
    """Return the dependency that reads a draft.

    parameters: the fields that may be query parameters. rules: rules that the service checks beyond the draft's own,
    for the description.
    """
    narrower = rules or {}
    found = {name: field.rule for name, field in field_rules(draft).items()} | dict(narrower)
    schema = draft.json_schema()
    schema["properties"] |= {name: rule.json_schema() for name, rule in narrower.items()}
    return RequestFields(draft.read, schema, draft.noun, {name: found[name] for name in parameters}, takes_source)


async def read_fields(request: Request, timeout: float, wanted: RequestFields[Any]) -> dict[str, Any]:
    """Return the fields that body and query parameters give, by name.

    A field may be given in both, and a parameter repeatedly, with the same value only. Raises `Error`: invalid, naming
    a field that has two values; too_large; timeout.
    """
    fields = await _read_body_fields(request, timeout, wanted)
    for name, text in request.query_params.multi_items():
        if name not in wanted.parameters:
            continue
        value = wanted.parameters[name].parse(text, name)
        if name in fields and (type(fields[name]), fields[name]) != (type(value), value):  # true is not 1 here
            raise invalid(f"{name} is given twice, with different values")
        fields[name] = value
    return fields


async def _read_body_fields(request: Request, timeout: float, wanted: RequestFields[Any]) -> dict[str, Any]:
    if not wanted.takes_source:
        body = await read_body(request, _MOST_BYTES, timeout)
    elif is_json(request):
        body = await read_body(request, _MOST_BYTES_WITH_SOURCE, timeout, "the source")
        if not _may_be_json(body):
            return _as_source(body)
    else:
        return _as_source(await read_body(request, SOURCE_LIMIT, timeout, "the source"))
    return parse_object(body, wanted.noun) if body else {}


def _may_be_json(body: bytes) -> bool:
    """Return whether a body is JSON, or was meant to be.

    Many clients call every body JSON, a bare source too. One that begins like an object is no source of ours.
    """
    if body.lstrip()[:1] in (b"", b"{"):
        return True
    try:
        json.loads(body)
    except RecursionError:
        return True
    except ValueError:
        return False
    return True


def _as_source(body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    try:
        return {"source": body.decode("utf-8")}
    except UnicodeDecodeError as error:
        raise invalid(f"the source must be UTF-8; byte {error.start} is not") from None


def _parameter(name: str, rule: Rule, *, needed: bool) -> dict[str, Any]:
    """Return a parameter. OpenAPI cannot say that a field is needed here or in the body, so its description does."""
    schema = rule.json_schema()
    told = [str(schema.pop("description", "")), "Required, here or in the body" if needed else ""]
    description = {"description": ". ".join(filter(None, told))} if any(told) else {}
    return {"name": name, "in": "query", "required": False, "schema": schema, **description}
