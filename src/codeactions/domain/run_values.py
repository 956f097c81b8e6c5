"""The named values that a run is given: the secrets and variables of its project."""

import hashlib
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, eq=False)
class RunValues:
    """The values of one run, as pairs of name and value. No name comes twice. Its text tells the numbers alone.

    Two are equal if all their values are. A digest tells it: what is kept by them is found in each call without a look
    at the values.
    """

    secrets: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    variables: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    _digest: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        content = repr((self.secrets, self.variables)).encode("utf-8", "surrogatepass")
        object.__setattr__(self, "_digest", hashlib.sha256(content).digest())

    def __repr__(self) -> str:
        return f"<RunValues {len(self.secrets)} secrets, {len(self.variables)} variables>"

    def __bool__(self) -> bool:
        return bool(self.secrets or self.variables)

    def __eq__(self, other: object) -> bool:
        return self._digest == other._digest if isinstance(other, RunValues) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._digest)


NO_VALUES = RunValues()
