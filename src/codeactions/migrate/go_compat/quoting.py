"""Text as Go quotes it, and the percent escapes of URLs as Go reads them."""

import re

SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*):")
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_BAD_ESCAPE = re.compile(r"%(?![0-9a-fA-F]{2}).{0,2}", re.DOTALL)
_ESCAPES = re.compile(r"(?:%[0-9a-fA-F]{2})+")
_SHORT_ESCAPES = {plain: f"\\{letter}" for plain, letter in zip('\a\b\f\n\r\t\v\\"', 'abfnrtv\\"', strict=True)}


def quoted(text: str) -> str:
    """Return the text as Go quotes it. Bytes that are not UTF-8 come as surrogates, as from os.fsdecode."""
    return '"' + "".join(map(_quoted, text)) + '"'


def bad_escape(text: str) -> str | None:
    """Return the first % in a part of a URL that begins no escape, with what follows it, as Go shows it."""
    match = _BAD_ESCAPE.search(text)
    return cut(match[0]) if match else None


def unescaped(text: str) -> str:
    """Decode a part of a URL. Bytes that are not UTF-8 become surrogates, as in os.fsdecode."""
    return _ESCAPES.sub(lambda found: bytes.fromhex(found[0].replace("%", "")).decode(errors="surrogateescape"), text)


def cut(escape: str) -> str:
    """Cut a bad escape after three bytes, wherever a character ends, as Go does."""
    return escape.encode(errors="surrogateescape")[:3].decode(errors="surrogateescape")


def _quoted(character: str) -> str:
    number = ord(character)
    if character in _SHORT_ESCAPES:
        return _SHORT_ESCAPES[character]
    if character.isprintable():
        return character
    if number < 0x80 or 0xDC80 <= number <= 0xDCFF:
        return f"\\x{number & 0xFF:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
