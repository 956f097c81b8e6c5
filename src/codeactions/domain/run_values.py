"""The named values that a run is given: the secrets and variables of its project."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class RunValues:
    """The values of one run, as pairs of name and value. No name comes twice. Its text tells the numbers alone."""

    secrets: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    variables: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    def __repr__(self) -> str:
        return f"<RunValues {len(self.secrets)} secrets, {len(self.variables)} variables>"

    def __bool__(self) -> bool:
        return bool(self.secrets or self.variables)


NO_VALUES = RunValues()
