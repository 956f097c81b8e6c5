"""The environment variables of runs: the values of a project that have a fitting name."""

import re
from functools import cache, lru_cache

from codeactions.runtimes.registry import LANGUAGES

_VALID = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Names that decide how a loader, a shell, a library or an HTTP client behaves, or where a run keeps its files.
_OF_THE_SYSTEM = (
    r"(?:LD|DYLD|MALLOC|GLIBC|LC)_.*|GCONV_PATH|PATH|HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|TZ|TZDIR|TMPDIR|TMP|TEMP"
    r"|LOCPATH|NLSPATH|HOSTALIASES|LOCALDOMAIN|RES_OPTIONS|RESOLV_HOST_CONF|GETCONF_DIR"
    r"|IFS|ENV|BASH_ENV|(?:HTTPS?|ALL|FTP|NO)_PROXY|OPENSSL_.*|SSL_CERT_(?:FILE|DIR)|SSLKEYLOGFILE"
)


@cache
def _reserved() -> re.Pattern[str]:
    of_languages = [language.own_variables for language in LANGUAGES.values() if language.own_variables]
    return re.compile("|".join((_OF_THE_SYSTEM, *of_languages)), re.IGNORECASE)


@lru_cache(4096)  # each call asks for the same few
def is_environment_name(name: str) -> bool:
    """Return whether a value of this name becomes an environment variable; else it is known to the engine alone.

    It does not if the name is none for a variable, or has a meaning to a loader, to a runtime of any language or to
    what finds a proxy: a value must not change how a run is executed.
    """
    return _VALID.fullmatch(name) is not None and _reserved().fullmatch(name) is None
