"""Credentials that a browser sends by itself for another site's page."""

from collections.abc import Mapping

from codeactions.domain.errors import Error, ErrorCode


def refuse_cross_site_credentials(headers: Mapping[str, str]) -> None:
    """Refuse credentials that a browser kept because /docs had asked for them, and sends for another site's page.

    Browsers say where a request comes from in Sec-Fetch-Site; over plain HTTP only in Origin, which they leave out of
    requests that only read. Names in `headers` are in small letters. Raises `Error` (unauthorized).
    """
    if not headers.get("authorization", "").lstrip().lower().startswith("basic"):
        return
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        forged = site not in ("same-origin", "none")
    else:
        forged = origin is not None and origin.partition("://")[2] != headers.get("host")
    if forged:
        raise Error(ErrorCode.UNAUTHORIZED, "another site's page cannot use the credentials that your browser keeps")
