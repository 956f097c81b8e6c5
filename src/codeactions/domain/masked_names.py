"""Names of parameters whose values are not recorded."""

import fnmatch
import re
from collections.abc import Iterable

DEFAULT_MASKED_PARAMS = (
    "*_key,*-key,*apikey*,*privatekey*,*token*,*password*,passwd,pwd,*passphrase*,*secret*,*signature*,sig,"
    "*credential*,authorization,jwt"
)
_MOST_KNOWN = 4096
_LONGEST_KNOWN = 64  # characters


class MaskedNames:
    """The names that fit one of some patterns, of which `*` stands for any text. The case does not count."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._patterns = tuple(pattern.lower() for pattern in patterns)
        self._fits = re.compile("|".join(map(fnmatch.translate, self._patterns)))
        self._known: dict[str, bool] = {}

    @classmethod
    def of(cls, setting: str) -> "MaskedNames":
        """Read patterns that are separated by commas; none is no name."""
        return cls(pattern.strip() for pattern in setting.split(",") if pattern.strip())

    def __repr__(self) -> str:
        return f"<MaskedNames {', '.join(self._patterns)}>"

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str) or not self._patterns:
            return False
        known = self._known.get(name)
        if known is None:
            known = self._fits.match(name.lower()) is not None
            if len(name) <= _LONGEST_KNOWN:  # callers choose the names, so what is kept of them has a bound
                if len(self._known) >= _MOST_KNOWN:
                    self._known.clear()
                self._known[name] = known
        return known
