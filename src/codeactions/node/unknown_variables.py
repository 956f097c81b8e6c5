"""Variables of the environment that look like settings and are none: mostly typing errors."""

import difflib
import re
from collections.abc import Iterable

from codeactions.node.settings import Settings, variable

_LIKE_OURS = re.compile(r"CODE_?ACTIONS?_?\w+")
# What Kubernetes and Docker set in every container for a service that is named codeactions.
_OF_A_SERVICE = re.compile(r"CODEACTIONS_(?:SERVICE_(?:HOST|PORT(?:_\w+)?)|PORT_\d+_(?:TCP|UDP|SCTP)\w*)")
_LEAST_LIKENESS = 0.6


def unknown_variables(names: Iterable[str]) -> list[str]:
    """Return a warning for each variable that looks like a setting and is none, with the setting that is nearest."""
    known = [variable(name) for name in Settings.model_fields]
    folded = {name.upper() for name in known}  # settings are read in any case
    found = []
    for name in sorted(names):
        upper = name.upper()
        if upper not in folded and _LIKE_OURS.fullmatch(upper) and not _OF_A_SERVICE.fullmatch(upper):
            found.append(f"{name} is no setting and does nothing{_advice(upper, known)}")
    return found


def _advice(name: str, known: list[str]) -> str:
    # By the part that tells settings apart: the prefix is much of a short name.
    bare = {_bare(setting): setting for setting in known}
    nearest = difflib.get_close_matches(_bare(name), bare, n=1, cutoff=_LEAST_LIKENESS)
    return f": did you mean {bare[nearest[0]]}?" if nearest else "; docs/settings.md lists those there are"


def _bare(name: str) -> str:
    return re.sub(r"^CODE_?ACTIONS?_?", "", name)
