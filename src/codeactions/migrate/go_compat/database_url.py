"""A database URL, taken apart as Go's parser does it, and shown without its passwords."""

import re

from codeactions.migrate.errors import MigrationError
from codeactions.migrate.go_compat.quoting import CONTROL, SCHEME, bad_escape, quoted, unescaped
from codeactions.migrate.go_compat.url_options import KEYWORDS, OPTIONS, SECRETS, refused

# Not compiled here, because every command imports this and few URLs need them all; `re` keeps what it compiles.
HOST = r"(\[[0-9a-zA-Z:.%]+\]|[^:\[\],]*)(?::([0-9]*))?"
HOSTS = f"{HOST}(?:,{HOST})*"
# Of a setting: it becomes a word on a command line.
NAME = r"[A-Za-z_][A-Za-z0-9_.$-]*"


def take_apart(url: str) -> tuple[dict[str, str], str, dict[str, str]]:
    """Return what stands before the query, by libpq's keywords; the path; the query's keys and values, all decoded.

    Missing parts are empty. Raises `MigrationError` (invalid) if Go cannot read the URL, or would take a piece of the
    password for something else. The error shows no piece of a password.
    """
    scheme, slashes, rest = url.partition("://")
    if ":" in scheme or not slashes:
        raise refused("must have the form postgres://user:password@host:port/database")
    if not _is_text(url):
        raise _malformed(url, "not UTF-8")
    if CONTROL.search(url.partition("#")[0]):
        raise _malformed(url, "net/url: invalid control character in URL")
    at, end = _user_part(rest)
    if at > end:
        in_go = re.fullmatch(HOSTS, rest[:end].rpartition("@")[2]) is None
        # In a password of the query, it is its @ that is taken for the end of the user part.
        advice = _encode("@" if _has_secret(rest[end:at]) else rest[end])
        raise _malformed(url, "invalid port after host" if in_go else advice, advice)
    hosts, ports = _hosts(url, rest[at + 1 : end], hidden=at < 0)
    user, _, password = rest[: max(at, 0)].partition(":")
    given = {"host": hosts, "port": ports, "user": _decoded(url, user), "password": _decoded(url, password)}
    path, _, query = rest[end:].partition("#")[0].partition("?")
    path = _decoded(url, path, hidden=False)
    return given | {"dbname": path[1:]}, path, _values(url, query)


def masked(url: str) -> str:
    """Return the URL for messages: no fragment, and *** for passwords and all that could be a piece of one."""
    found = SCHEME.match(url)
    if found is None:
        return "***"
    if not url.startswith("//", found.end()):
        return found[0] + "***"
    head, rest = found[0] + "//", url[found.end() + 2 :]
    at, end = _user_part(rest)
    if at > end and _has_secret(rest[:at]):
        # The last @ may just as well be one of a password in the query, and what follows it, too.
        return head + "***"
    if at >= 0:
        user = re.split("[:/?#]|%3[aA]", rest[:at])[0]
        head += user + (":***@" if len(user) < at else "@")
    elif not re.fullmatch(HOSTS, rest[:end]):
        return head + re.split(r"[:\[\]]", rest)[0] + ":***"
    rest, mark, query = rest[at + 1 :].partition("#")[0].partition("?")
    return head + rest + mark + _masked_query(query)


def password_doubt(url: str) -> str:
    """Return what may be wrong with the way in which a URL holds its password; "" if nothing. The URL can be read."""
    rest, mark, _ = url.partition("://")[2].partition("#")
    _, end = _user_part(rest)
    pairs = [pair.partition("=") for pair in rest[end:].partition("?")[2].split("&")]
    in_query = [value for key, _, value in pairs if unescaped(key) == "password"]
    if mark:
        return f"what follows `#` in the URL is not read: {_encode('#')}"
    return f"a `+` in the query is a blank: {_encode('+')}" if "+" in "".join(in_query) else ""


def _masked_query(query: str) -> str:
    shown, hiding = [], False
    for pair in query.split("&"):
        name = pair.partition("=")[0]
        key = unescaped(name).lower()
        if key in SECRETS:
            shown.append(f"{name}=***")
            hiding = True
        # After a password with an & comes the rest of it.
        elif not hiding or key in KEYWORDS | OPTIONS:
            shown.append(pair if not key or key.startswith("x-") or re.fullmatch(NAME, key) else "***")
            hiding = False
    return "&".join(shown)


def _user_part(rest: str) -> tuple[int, int]:
    """Return the place of the @ that ends the user part (-1: none), and the place where hosts end for Go.

    For Go that is the first / ? or #. With an @ behind it, it is most likely a character of the password that is not
    percent-encoded; the first place then lies behind the second.
    """
    end = next((index for index, character in enumerate(rest) if character in "/?#"), len(rest))
    at = rest.rfind("@", 0, end)
    if "@" in rest[end:] and not (re.fullmatch(HOSTS, rest[at + 1 : end]) and _is_plain(rest[end:])):
        at = rest.rfind("@")
    return at, end


def _is_plain(tail: str) -> bool:
    """Return whether an @ stands only in values of known keys (user=me@example.org)."""
    front, _, fragment = tail.partition("#")
    path, _, query = front.partition("?")
    pairs = [pair.partition("=") for pair in query.split("&")]
    strange = [key + value for key, _, value in pairs if unescaped(key) not in KEYWORDS | OPTIONS]
    return not any("@" in text for text in (path, fragment, *strange))


def _hosts(url: str, text: str, *, hidden: bool) -> tuple[str, str]:
    """Return `host:port[,host:port]` as libpq's two lists."""
    hosts, ports = [], []
    for part in text.split(","):
        found = re.fullmatch(HOST, part)
        if part.startswith("[") and "]" not in part:
            raise _malformed(url, "missing ']' in host")
        if found is None:
            port = "" if hidden else " " + quoted(part[part.rfind(":") :])
            many = part.count(":") > 1 and "[" not in part
            raise _malformed(url, "too many colons in address" if many else f"invalid port{port} after host")
        odd = next((character for character in part if character in " \\^`{|}"), None)
        if odd:
            raise _malformed(url, f"invalid character {quoted(odd)} in host name")
        hosts.append(_decoded(url, found[1].strip("[]"), hidden=hidden))
        ports.append(found[2] or "")
    return ",".join(hosts), ",".join(ports) if any(ports) else ""


def _values(url: str, query: str) -> dict[str, str]:
    """Return the query's keys and values. As in Go, the first of two values counts."""
    found: dict[str, str] = {}
    for pair in filter(None, query.split("&")):
        key, _, value = (_decoded(url, text.replace("+", " ")) for text in pair.partition("="))
        if not key.startswith("x-") and not re.fullmatch(NAME, key):
            raise _malformed(url, "the part behind the question mark must be key=value pairs joined by &")
        found.setdefault(key, value)
    return found


def _decoded(url: str, part: str, *, hidden: bool = True) -> str:
    escape = bad_escape(part)
    if escape:
        advice = _encode("%") if hidden else ""
        raise _malformed(url, "invalid URL escape" + ("" if hidden else f" {quoted(escape)}"), advice)
    text = unescaped(part)
    if "\0" in text or not _is_text(text):
        raise _malformed(url, "an escape stands for no character")
    return text


def _is_text(text: str) -> bool:
    # Without an exception, which would carry the text along.
    return text.encode(errors="ignore").decode() == text


def _has_secret(text: str) -> bool:
    return any(f"{key}=" in unescaped(text).lower() for key in SECRETS)


def _encode(character: str) -> str:
    return f"a `{character}` in user or password must be percent-encoded: write %{ord(character):02X}"


def _malformed(url: str, reason: str, advice: str = "") -> MigrationError:
    """Return the error. `reason` is in Go's words, and `advice` tells people what to do about it."""
    in_go = f"failed to open database: parse {quoted(masked(url))}: {reason}"
    return refused(advice or reason, go_text=in_go, hint=advice if advice != reason else "")
