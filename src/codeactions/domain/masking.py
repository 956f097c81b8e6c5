"""Addresses and messages without the passwords that they may hold."""

import re
from urllib.parse import quote, unquote, urlsplit

MASK = "***"
_HOST = r"(?:\[[\da-fA-F:.]+\]|[\w.-]+)(?::\d+)?"
# A user part must end at the only @. Any other @ may be one of an unescaped password, which then is anywhere.
_URL = re.compile(
    rf"(?P<scheme>[A-Za-z][\w+.-]*://)(?P<user>[^@/?#\s]*@)?(?P<hosts>{_HOST}(?:,{_HOST})*)?(?P<path>/[^@?#\s]*)?"
    r"(?:[?#][^@]*)?"
)
_SCHEME = re.compile(r"[A-Za-z][\w+.-]*://")


def masked_url(url: str) -> str:
    """Return a URL for messages: its scheme, hosts, ports and path; *** for everything that may be of a password.

    User, password, query and fragment are never shown. If an unescaped password may have moved the borders of the
    parts, only the scheme is shown.
    """
    found = _URL.fullmatch(url)
    if found is None or not (found["user"] or found["hosts"] or found["path"]):
        scheme = _SCHEME.match(url)
        return f"{scheme[0] if scheme else ''}{MASK}"
    path = found["path"] or ""
    if not found["user"] and ":" in (found["hosts"] or ""):
        path = ""  # without an @, host:port/path may be user:password with a slash in it
    return f"{found['scheme']}{f'{MASK}@' if found['user'] else ''}{found['hosts'] or ''}{path}"


def without_password(text: str, url: str) -> str:
    """Return a text, such as an error's message, with *** for each occurrence of the URL's password.

    The password is found as it is in the URL, decoded, and encoded anew. Raises ValueError if the URL cannot be read.
    """
    given = urlsplit(url).password or ""
    decoded = unquote(given)
    forms = {given, decoded, quote(decoded), quote(decoded, safe="")} - {""}
    for form in sorted(forms, key=len, reverse=True):  # a longer form may contain a shorter one
        text = text.replace(form, MASK)
    return text
