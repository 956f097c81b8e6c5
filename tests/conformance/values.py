"""Codes that return a value, with the types that some values are of."""

from conformance.languages import run_return

HEADS = {
    "python": """
import dataclasses
import enum

class Colour(enum.Enum):
    RED = "red"

class Level(enum.IntEnum):
    LOW = 1

@dataclasses.dataclass
class Order:
    name: str
    items: list

class Loop:
    pass

""",
    "javascript": "",
    "go": """
type language int

func (one language) MarshalText() ([]byte, error) { return []byte(fmt.Sprint("language ", int(one))), nil }

type refused struct{}

func (refused) MarshalJSON() ([]byte, error) { return nil, errors.New("not today") }

type loop struct{ Me *loop `json:"me"` }

func circle() *loop { one := &loop{}; one.Me = one; return one }

func selfish() map[string]any { one := map[string]any{}; one["me"] = []any{one}; return one }

""",
}


def sources_of(values: dict[str, str]) -> dict[str, str]:
    """Codes that return a value."""
    return {language: HEADS[language] + source for language, source in run_return(**values).items()}
