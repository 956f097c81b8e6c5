"""The named values that a run is given: the secrets and variables of its project."""

import hashlib
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class RunValues:
    """The values of one run, as pairs of name and value. No name comes twice. Its text tells the numbers alone.

    Digests stand for the values: what is kept by them is found in each call without a look at all of them.
    """

    secrets: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    variables: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    secrets_digest: bytes = field(init=False, repr=False)
    digest: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "secrets_digest", _digest(self.secrets))
        object.__setattr__(self, "digest", self.secrets_digest + _digest(self.variables))

    def __repr__(self) -> str:
        return f"<RunValues {len(self.secrets)} secrets, {len(self.variables)} variables>"

    def __bool__(self) -> bool:
        return bool(self.secrets or self.variables)


def _digest(pairs: tuple[tuple[str, str], ...]) -> bytes:
    return hashlib.sha256(repr(pairs).encode("utf-8", "surrogatepass")).digest()


NO_VALUES = RunValues()
