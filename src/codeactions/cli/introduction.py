"""The lines that a server introduces itself with, once it serves: each is true for how it was started."""

import shlex
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from codeactions.domain.masking import masked_url
from codeactions.node.settings import Settings

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - an address to compare with, and its loopback


@dataclass(frozen=True, slots=True)
class Token:
    """The administrator's token. file: where it is kept; None: it was given. is_new: whether this start made it."""

    value: str
    file: Path | None
    is_new: bool


def introduction(
    settings: Settings, address: tuple[str, int], token: Token, example: UUID | None, *, terminal: bool
) -> list[str]:
    """Return the lines.

    address: that of the listener. example: an endpoint without protection; None: there is none. terminal: whether
    a human reads this on a terminal, where alone a new token is shown.
    """
    host, port = address
    shown = _EVERYWHERE.get(host, host)
    base = _base(shown, port)
    everywhere = ", and on every other address of this host" if shown != host else ""
    # At the host name of endpoints there are only those, and at any other name everything else.
    api = _base("localhost" if settings.endpoint_host == shown else shown, port)
    lines = ["", f"codeactions is serving on {base}{everywhere}", ""]
    if example is not None:
        name = f"-H {shlex.quote(f'Host: {settings.endpoint_host}')} " if settings.endpoint_host else ""
        lines.append(f"  try it:  curl {name}'{base}/endpoint/{example}?name=you'")
    if token.file is None:
        lines.append("  token:   as given in CODEACTIONS_AUTH_TOKEN")
    elif token.is_new and terminal:
        lines += [f"  token:   {token.value}", f"           (shown this once; kept in {token.file})"]
    else:
        lines.append(f"  token:   in {token.file}")
    lines.append(f"  data:    {masked_url(settings.database_url) if settings.database_url else settings.data_dir}")
    lines.append(f"  docs:    {api}/docs  (any name, the token as the password)")
    if example is not None:
        known = "$CODEACTIONS_AUTH_TOKEN" if token.file is None else f"$(cat {shlex.quote(str(token.file))})"
        lines.append(f"  history: curl -H \"Authorization: Token {known}\" '{api}/coderun?code_id={example}'")
    stop = "Ctrl-C stops" if terminal else "SIGTERM stops"
    what = "the server; its database goes on." if settings.database_url else "everything, the database too."
    return [*lines, "", f"{stop} {what}"]


def _base(host: str, port: int) -> str:
    # A zone, as in fe80::1%eth0, has its percent sign encoded in URLs.
    return f"http://{f'[{host}]'.replace('%', '%25') if ':' in host else host}:{port}"
