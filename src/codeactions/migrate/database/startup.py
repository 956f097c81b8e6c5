"""Settings at the start of a session: libpq's keyword `options`, and what is in it."""

import os
import re

from codeactions.migrate.database.address import Address

# Patterns are compiled by `re` at their first use: most connections need none of them.
# A word of `options`, in which a backslash escapes white space and itself.
_WORD = r"(?:[^\s\\]|\\.)+"
_SETTING = r"(?:-c\s*|--)([^=\s]+)=(.*)"


def startup_options(address: Address) -> str:
    """Return what the session is to begin with, for the keyword `options`; "" for nothing.

    Go's drivers send what they do not know of a URL to the server as a run-time setting (search_path, ...).
    """
    # What is given here would take the place of PGOPTIONS.
    before = address.parameters.get("options") or os.environ.get("PGOPTIONS", "")
    settings = ["-c " + escaped_option(f"{key}={value}") for key, value in address.settings.items()]
    # Not stripped: the last value may end in an escaped blank.
    return " ".join(filter(None, [before, *settings])) if settings else before


def escaped_option(option: str) -> str:
    """Escape an option for libpq's keyword `options`.

    Every character that separates options for the server is escaped, tabs and line breaks too. Otherwise a value
    could bring further options along.
    """
    return re.sub(r"([\s\\])", r"\\\1", option)


def settings_of(options: str) -> tuple[list[tuple[str, str]], list[str]]:
    """Return the settings in `options` by name, and the words that set nothing and so can only come at the start."""
    words = [re.sub(r"\\(.)", r"\1", word, flags=re.DOTALL) for word in re.findall(_WORD, options, re.DOTALL)]
    settings, others = [], []
    while words:
        word = words.pop(0)
        if word == "-c" and words:
            word += words.pop(0)
        found = re.fullmatch(_SETTING, word, re.DOTALL)
        if found:
            # The server reads a dash in a name as an underscore.
            settings.append((found[1].replace("-", "_"), found[2]))
        else:
            others.append(word)
    return settings, others
