"""JSON bodies in the OpenAPI document: they are read by the domain, whose errors say more, and described here."""

from typing import Any

TEXT: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": 255}
ROLE: dict[str, Any] = {
    "type": "integer",
    "minimum": 1,
    "maximum": 3,
    "description": "1 viewer, 2 contributor, 3 moderator",
}


def json_body(*required: str, **fields: dict[str, Any]) -> dict[str, Any]:
    """What a route adds to its description for a JSON object with these fields, of which some are required."""
    schema: dict[str, Any] = {"type": "object", "properties": fields, "additionalProperties": False}
    if required:
        schema["required"] = list(required)
    return {"requestBody": {"content": {"application/json": {"schema": schema}}}}
