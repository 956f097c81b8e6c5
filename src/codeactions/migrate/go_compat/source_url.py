"""The address of a folder with migrations, read as golang-migrate reads it."""

import os
import re

from codeactions.migrate.errors import ErrorCode, MigrationError
from codeactions.migrate.go_compat.quoting import CONTROL, SCHEME, bad_escape, cut, quoted, unescaped

# Compiled by `re` at their first use: most addresses are plain paths.
_ADDRESS = r"(?s)^([^:]*:(?://)?[^:@]*:).*@"
_USER_PART = r"[A-Za-z0-9._:~!$&'()*+,;=%@-]*"
# In a host, Go takes escapes for nothing but % itself and what is not ASCII.
_BAD_IN_HOST = r"(?s)%(?!25|[89a-fA-F][0-9a-fA-F]).{0,2}|[ \\^`{|}]"


def from_path(path: str) -> tuple[str, str]:
    """Return the address, as golang-migrate calls it in errors, and the folder that `-path` stands for.

    A path is a path here. golang-migrate reads it as a URL, so that `c%20d` opens `c d` and `m#x` opens `m`; that is
    tried if there is nothing at the plain path. Raises `MigrationError` (invalid) if the URL makes no sense. Whether
    the folder exists shows when it is read.
    """
    address = f"file://{path}"
    if os.path.exists(path):
        return address, path
    folder = _folder(_read(address))
    return address, folder if os.path.isdir(folder) else path


def from_url(url: str) -> tuple[str, str]:
    """Return the same for `-source`. Raises `MigrationError` (invalid) if it is no URL, or not one of files."""
    if url.find(":") < 1:
        reason = "no scheme" if url else "URL cannot be empty"
        raise MigrationError(
            ErrorCode.INVALID,
            f"the address of the migrations: {reason}; it has the form file://FOLDER",
            go_text=f"failed to parse scheme from source URL: {reason}",
        )
    found = SCHEME.match(url)
    if found and found[1].lower() != "file":
        # Addresses of other sources may hold passwords and tokens.
        shown = re.sub(_ADDRESS, r"\1***@", url)
        raise _refused(shown, f"source driver: unknown driver '{found[1].lower()}' (forgotten import?)")
    return url, _folder(_read(url))


def _read(url: str) -> str:
    """Return the path of a URL: the opaque part, or host and path. User part, query and fragment do not count."""
    text, _, fragment = url.partition("#")
    found = SCHEME.match(text)
    rest = (text[found.end() :] if found else text).partition("?")[0]
    user, at, host, path = "", "", "", rest
    if found and rest.startswith("//"):
        authority, slash, path = rest[2:].partition("/")
        user, at, host = authority.rpartition("@")
        path = slash + path
    opaque = not rest.startswith("/")
    problem = None
    if CONTROL.search(text):
        problem = "net/url: invalid control character in URL"
    elif not found:
        problem = "first path segment in URL cannot contain colon" if opaque else None
    elif not opaque:
        problem = _host_problem(host) or (_user_problem(user) if at else None) or _escape_problem(path)
    if problem:
        raise _refused(url, f"parse {quoted(text)}: {problem}")
    if problem := _escape_problem(fragment):
        raise _refused(url, f"parse {quoted(url)}: {problem}")
    if not found:
        raise _refused(url, "source driver: invalid URL scheme")
    return rest if opaque else unescaped(host) + unescaped(path)


def _folder(path: str) -> str:
    try:
        return path if path.startswith("/") else os.path.abspath(path)
    except OSError:  # the current folder is gone, which shows when this one is read
        return path or "."


def _host_problem(host: str) -> str | None:
    """Return what is wrong with a host and its port, in Go's words."""
    port = host[host.rfind(":") :] if ":" in host else ""
    if host.startswith("["):
        if "]" not in host:
            return "missing ']' in host"
        port = host[host.rfind("]") + 1 :]
    if not re.fullmatch(r"(:[0-9]*)?", port):
        return f"invalid port {quoted(port)} after host"
    match = re.search(_BAD_IN_HOST, host)
    if match and match[0].startswith("%"):
        return f"invalid URL escape {quoted(cut(match[0]))}"
    return f"invalid character {quoted(match[0])} in host name" if match else None


def _user_problem(user: str) -> str | None:
    if not re.fullmatch(_USER_PART, user):
        return "net/url: invalid userinfo"
    name, _, password = user.partition(":")
    return _escape_problem(name) or _escape_problem(password)


def _escape_problem(path: str) -> str | None:
    escape = bad_escape(path)
    return f"invalid URL escape {quoted(escape)}" if escape else None


def _refused(url: str, reason: str) -> MigrationError:
    return MigrationError(
        ErrorCode.INVALID,
        f"the address of the migrations: {reason}",
        go_text=f"failed to open source, {quoted(url)}: {reason}",
    )
