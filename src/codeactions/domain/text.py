"""What may be stored as text: PostgreSQL takes any Unicode but U+0000 and lone surrogates."""

import base64

from codeactions.domain.errors import invalid

SHORT_TEXT = 255  # characters of names, addresses and identifiers: they are VARCHAR(255)


def require_text(value: object, name: str, longest: int) -> str:
    """Check a text that a caller sent. Raises `Error` (invalid) that names the field and what is wrong."""
    if not isinstance(value, str):
        raise invalid(f"{name} must be text")
    if not value.strip():
        raise invalid(f"{name} must not be empty")
    if len(value) > longest:
        raise invalid(f"{name} must have at most {longest} characters, not {len(value)}")
    return require_storable(value, name)


def require_storable(value: str, name: str) -> str:
    """Refuse what PostgreSQL cannot store. Raises `Error` (invalid)."""
    if "\x00" in value:
        raise invalid(f"{name} must not contain the character U+0000")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise invalid(f"{name} must not contain lone surrogates")
    return value


def storable(value: str) -> str:
    """The same text with what PostgreSQL cannot store replaced by U+FFFD."""
    if "\x00" in value:
        value = value.replace("\x00", "\ufffd")
    return value.encode("utf-8", "replace").decode("utf-8") if not _is_unicode(value) else value


def _is_unicode(value: str) -> bool:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def bytes_to_text(content: bytes) -> tuple[str, str | None]:
    """Bytes as they are kept in a text column: (text, None) when they are text, else (base64, "base64")."""
    if b"\x00" not in content:
        try:
            return content.decode("utf-8"), None
        except UnicodeDecodeError:
            pass
    return base64.b64encode(content).decode("ascii"), "base64"
