"""The runtimes of this node: those that are there, and what is wrong with those that are not."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from codeactions.domain.errors import Error, invalid
from codeactions.runtimes.go import runtime as go
from codeactions.runtimes.javascript import runtime as javascript
from codeactions.runtimes.python import runtime as python
from codeactions.runtimes.runtime import Runtime, missing

_FINDERS: dict[str, Callable[[Path], Runtime]] = {
    "python": lambda _: python.find(),
    "javascript": javascript.find,
    "go": go.find,
}


@dataclass(frozen=True, slots=True)
class Registry:
    """By language, its runtime or why there is none. `get` raises what a caller is to be told."""

    found: dict[str, Runtime]
    problems: dict[str, Error] = field(default_factory=dict)

    def get(self, language: str) -> Runtime:
        """The runtime of a language. Raises `Error` (busy) that says what is missing on this node."""
        if language in self.found:
            return self.found[language]
        raise self.problems.get(language) or missing(language, "it is not switched on", "see CODEACTIONS_LANGUAGES")

    def give_up(self, language: str, reason: str) -> None:
        """Take a language down, and say why to whoever asks for it."""
        self.problems[language] = missing(language, reason, "the server's log says more")
        del self.found[language]


def find(languages: Iterable[str], cache_dir: Path) -> Registry:
    """Look for the runtimes of these languages. A missing one takes only its language down.

    Python, the server's own, is always there. `cache_dir` is where the others keep what is compiled of themselves.
    Raises `Error` (invalid) for a language that does not exist.
    """
    found: dict[str, Runtime] = {}
    problems: dict[str, Error] = {}
    for language in dict.fromkeys(("python", *languages)):
        if language not in _FINDERS:
            raise invalid(f"there is no language {language!r}; there are {', '.join(_FINDERS)}")
        try:
            found[language] = _FINDERS[language](cache_dir)
        except Error as error:
            problems[language] = error
    return Registry(found, problems)
