"""The forms in which a secret value shows up in a text: as it is, and as the common encoders write it."""

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote

LEAST_BYTES = 8
"""Bytes of a value that is masked. A shorter one would be found by chance all over a log."""

_SIGNS = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
# What encoders of URLs leave as it is beside letters and digits.
_LEFT = (
    "-_.~",  # RFC 3986, and QueryEscape of Go
    "-_.~/",  # quote of Python
    "*-._",  # forms in browsers and in Java
    "-_.!~*'()",  # encodeURIComponent
    "@*_+-./",  # escape
    "-_.!~*'();,/?:@&=+$#",  # encodeURI
    "-_.~$&+=:@",  # PathEscape of Go,
    "-_.~$&+,/:;=@",  # its URLs' paths,
    "-_.~$&+,;=",  # and their user parts
    "-_.~!#$%&'()*+,/:;=?@[]",  # clients that only mend a URL
    *(  # Parts of URLs in browsers: fragment, queries of web and of other addresses, path, user part
        "".join(sorted(set(_SIGNS) - set(encoded)))
        for encoded in ('"<>`', "\"#<>'", '"#<>', '"#<>?^`{}', '"#<>?`{}', '"#<>?^`{}/:;=@[\\]|')
    ),
)
# How these are encoded; that of the sign of encoding itself is undone last.
_ENCODED = {sign: f"%{ord(sign):02X}" for sign in (*sorted(set(_SIGNS) - set("-_.~%")), "%")}
_LEFT_SIGNS = tuple(frozenset(left).intersection(_ENCODED) for left in _LEFT)
_PLAIN = re.compile(r"[A-Za-z0-9_.\-]*")  # what none but base64 and hex changes
_QUOTES_IN_HTML = (("&quot;", "&#x27;"), ("&#34;", "&#39;"), ("&quot;", "&#39;"), ("&quot;", "&apos;"), ('"', "'"))
# What JSON that is safe in HTML has as \\u003c and the like: of Go, Rails and Django; PHP, Jinja and .NET have more.
_SAFE_IN_HTML = ("", "<", "<>", "<&", "<>&", "<>&'", "<>&'\"", "<>&'\"+`")
_SHORT = {7: "\\a", 8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r"}


def roots(value: str) -> Iterator[str]:
    """Yield the texts of a value that are secret: all of it, each of its lines, and each without white space around.

    Those under `LEAST_BYTES` are left out.
    """
    whole = [value]
    if "\n" in value:
        unix = value.replace("\r\n", "\n")
        whole += [unix, unix.replace("\n", "\r\n")]
    for text in dict.fromkeys((*whole, *value.splitlines())):
        for root in dict.fromkeys((text, text.strip())):
            if len(_bytes(root)) >= LEAST_BYTES:
                yield root


def forms(root: str) -> set[bytes]:
    """Return the encoded forms of a text, as UTF-8. Of those that are the same when `folded`, one is enough."""
    raw = _bytes(root)
    found = {raw, *_hex(raw), *_base64(raw)}
    if not _PLAIN.fullmatch(root):
        in_json = {json.dumps(root, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False)}
        for text in {root, *in_json}:
            found.update(map(_bytes, (*_in_urls(text), *_in_html(text))))
            if text != root:
                found.update(_base64(_bytes(text)))
        found.update(map(_bytes, (*_escaped(root), *_doubled(root))))
    return found


def usual_forms(root: str) -> set[bytes]:
    """Return those of the forms that are met most: as it is, in base64, in URLs, in JSON and in HTML."""
    texts = {quote(root, safe=left, errors="surrogatepass") for left in _LEFT[:4]}
    texts |= {text.replace("%20", "+") for text in texts}
    texts |= {html.escape(root), *(json.dumps(root, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False))}
    raw = _bytes(root)
    return {raw, *map(_bytes, texts), *_base64(raw)}


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _hex(raw: bytes) -> Iterator[bytes]:
    pairs = raw.hex(" ").encode()
    for before in (b"", b"%", b"\\x"):
        yield before + pairs.replace(b" ", before)


def _base64(raw: bytes) -> Iterator[bytes]:
    """Yield what a text with this value in it has in base64, wherever the value begins in the text.

    The characters at both ends that hold bits of other bytes are left out, unless the text ends with the value.
    """
    for before in range(3):
        padded = base64.b64encode(bytes(before) + raw)
        start, end = (8 * before + 5) // 6, 8 * (before + len(raw)) // 6
        for encoded in {padded, padded.translate(bytes.maketrans(b"+/", b"-_"))}:
            yield encoded[start:end]
            yield encoded[start:].rstrip(b"=")
            yield encoded[start:]
        for place in (end, None):
            yield padded[start:place].replace(b"+", b"%2B").replace(b"/", b"%2F").replace(b"=", b"%3D")
    encoded = base64.b64encode(raw)
    for columns in (64, 76):
        if len(encoded) > columns:  # each line for itself, since a log has them apart
            lines = [encoded[place : place + columns] for place in range(0, len(encoded), columns)]
            yield from (line for line in lines if len(line) > LEAST_BYTES)
            yield b"\n".join(lines[-2:])


def _in_urls(text: str) -> Iterator[str]:
    """Yield a text as encoders of URLs have it, from what encodes most: that is far faster than each for itself."""
    encoded = quote(_bytes(text), safe="")
    signs = _ENCODED.keys() & set(text)  # encoders that differ only in signs that are not there do the same
    lefts = dict.fromkeys(left & signs for left in _LEFT_SIGNS)
    seen = {_replaced(encoded, [(_ENCODED[sign], sign) for sign in _ENCODED if sign in left]): left for left in lefts}
    for form in (*seen, *(_encoded_again(form, left) for form, left in (*seen.items(),)[:3])):
        yield form
        yield form.replace("%20", "+")


def _encoded_again(form: str, left: Iterable[str]) -> str:
    return _replaced(form, [("%", "%25"), *((sign, _ENCODED[sign]) for sign in left if sign != "%")])


def _replaced(text: str, pairs: Iterable[tuple[str, str]]) -> str:
    for old, new in pairs:
        text = text.replace(old, new)
    return text


def _escaped(text: str) -> Iterator[str]:
    """Yield a text as JSON and as literals of languages have it."""
    unsafes = dict.fromkeys("".join(sign for sign in unsafe if sign in text) for unsafe in _SAFE_IN_HTML)
    for form in {json.dumps(text, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False)}:
        for unsafe in unsafes:
            yield form.translate({ord(letter): f"\\u{ord(letter):04x}" for letter in unsafe})
    yield repr('"' + text)[2:-1]
    yield ascii('"' + text)[2:-1]
    yield repr(b'"' + _bytes(text))[3:-1]
    letters = set(text)
    yield text.translate({ord(letter): _literal(letter) for letter in letters})
    yield text.translate({ord(letter): _literal(letter, ascii_only=True) for letter in letters})


def _literal(letter: str, *, ascii_only: bool = False) -> str:
    number = ord(letter)
    if number in _SHORT:
        return _SHORT[number]
    if letter.isprintable() and (number < 128 or not ascii_only):
        return letter
    return f"\\x{number:02x}" if number < 128 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _in_html(text: str) -> Iterable[str]:
    angled = html.escape(text, quote=False)
    return {angled.replace('"', double).replace("'", single) for double, single in _QUOTES_IN_HTML}


def _doubled(text: str) -> Iterator[str]:
    """Yield a text as shells, CSV and SQL write its quotes."""
    yield text.replace("'", "'\"'\"'")
    yield text.replace("'", "'\\''")
    yield text.replace('"', '""')
    yield text.replace("'", "''")
