"""The list of languages, and the runtimes of this node: those that are there, and what is wrong with the others.

A further language is one package beside this module, and one entry in `LANGUAGES`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from codeactions.domain.errors import Error, ErrorCode, invalid
from codeactions.domain.rules import OneOf
from codeactions.runtimes.go.language import GO
from codeactions.runtimes.javascript.language import JAVASCRIPT
from codeactions.runtimes.python.language import PYTHON
from codeactions.runtimes.runtime import Runtime, no_runtime

LANGUAGES = {language.name: language for language in (PYTHON, GO, JAVASCRIPT)}
OWN = PYTHON
"""The language that this server is written in: every node has it, and with it the walls are tested."""
DEFAULT_SETTING = "python,javascript,go"
"""`CODEACTIONS_LANGUAGES` when it is absent."""


def names() -> tuple[str, ...]:
    """Return the name of every language, in the order in which people are told."""
    return tuple(LANGUAGES)


def language_rule() -> OneOf:
    """Return the rule of a code's field `language`: the name of a language that there is."""
    return OneOf(names())


def require_known(language: str) -> None:
    """Raise `Error` (conflict) for what no server has as a language: another program stored the code."""
    if language not in LANGUAGES:
        said = f"{language[:50]!r} is no language of this server, which has {', '.join(LANGUAGES)}"
        raise Error(ErrorCode.CONFLICT, f"{said}: change the code's language")


def name_of(given: str) -> str:
    """Return the name of the language that is called so, by its name or another one, in any case.

    What no language is called is returned as it is, for `language_rule` to refuse.
    """
    word = given.strip().lower()
    called = (language.name for language in LANGUAGES.values() if word in (language.name, *language.aliases))
    return next(called, given)


def endings() -> tuple[str, ...]:
    """Return every file ending that tells a language, with the dot."""
    return tuple(ending for language in LANGUAGES.values() for ending in language.endings)


def language_of_ending(ending: str) -> str | None:
    """Return the name of the language that a file's ending tells, in any case; None if it tells none."""
    for language in LANGUAGES.values():
        if ending.lower() in language.endings:
            return language.name
    return None


@dataclass(frozen=True, slots=True)
class Registry:
    """By language, the runtime of this node or why there is none."""

    found: dict[str, Runtime]
    problems: dict[str, Error] = field(default_factory=dict)

    def get(self, language: str) -> Runtime:
        """Return the runtime of a language. Raises `Error` (busy) that says what is missing on this node."""
        if language in self.found:
            return self.found[language]
        raise self.problems.get(language) or no_runtime(language, "it is not switched on", "see CODEACTIONS_LANGUAGES")

    def give_up(self, language: str, reason: str) -> None:
        """Take a language down; from now on `get` tells the reason."""
        self.problems[language] = no_runtime(language, reason, "the server's log says more")
        del self.found[language]


def find(languages: Iterable[str], cache_dir: Path) -> Registry:
    """Look for the runtimes of these languages. A missing one takes only its language down.

    The server's own language is always there. `cache_dir` is where the others keep what is compiled of themselves.
    Raises `Error` (invalid) for a language that does not exist.
    """
    found: dict[str, Runtime] = {}
    problems: dict[str, Error] = {}
    for name in dict.fromkeys((OWN.name, *map(name_of, languages))):
        if name not in LANGUAGES:
            raise invalid(f"there is no language {name!r}; there are {', '.join(LANGUAGES)}")
        try:
            found[name] = LANGUAGES[name].find(cache_dir)
        except Error as error:
            problems[name] = error
    return Registry(found, problems)
