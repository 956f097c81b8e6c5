"""Text that can be stored. PostgreSQL accepts all of Unicode except U+0000 and lone surrogates."""

import base64

from codeactions.domain.errors import invalid

SHORT_TEXT = 255  # characters of names, addresses and identifiers: they are VARCHAR(255)


def require_text(value: object, name: str, longest: int) -> str:
    """Check a text that a caller sent, and return it. It must have 1 to `longest` characters.

    Raises `Error` (invalid); its message names the field and what is wrong.
    """
    if not isinstance(value, str):
        raise invalid(f"{name} must be text")
    if not value.strip():
        raise invalid(f"{name} must not be empty")
    if len(value) > longest:
        raise invalid(f"{name} must have at most {longest} characters, not {len(value)}")
    return require_storable(value, name)


def require_storable(value: str, name: str) -> str:
    """Check that PostgreSQL can store a text, and return it. Raises `Error` (invalid)."""
    if "\x00" in value:
        raise invalid(f"{name} must not contain the character U+0000")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise invalid(f"{name} must not contain lone surrogates")
    return value


def storable(value: str) -> str:
    """Return a text that PostgreSQL can store: U+0000 becomes U+FFFD, a lone surrogate becomes a question mark."""
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
    """Convert bytes for a text column: to (text, None) if they are text, else to (base64, "base64")."""
    if b"\x00" not in content:
        try:
            return content.decode("utf-8"), None
        except UnicodeDecodeError:
            pass
    return base64.b64encode(content).decode("ascii"), "base64"


def whole_characters(data: bytes) -> bytes:
    """Return UTF-8 that was cut anywhere without the character that is not whole; anything else as it is."""
    try:
        data.decode()
    except UnicodeDecodeError as error:
        if error.end == len(data) and error.reason == "unexpected end of data":
            return data[: error.start]
    return data
