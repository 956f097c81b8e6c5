"""The words for yes and no: those that Go's strconv.ParseBool takes, and on and off."""

from codeactions.migrate.errors import invalid

TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})
FALSE = frozenset({"0", "f", "F", "false", "FALSE", "False"})


def is_on(word: str, name: str) -> bool:
    """Return whether an option is on, by `on`, `off`, or a boolean of Go's. Raises `MigrationError` (invalid)."""
    if word in TRUE | {"on"} or word in FALSE | {"off"}:
        return word in TRUE | {"on"}
    raise invalid(f"{name} must be one of on, off")
