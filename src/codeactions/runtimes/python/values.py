"""How the values of a Python code become JSON.

`json` alone does nearly all: what it knows goes through it at its full speed. It asks `_plain` about a value that it
does not know. When it fails, `_Search` finds the place, and converts the keys that it does not know.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

TYPE_CHECKING = False  # as in typing, which is too large to import here
if TYPE_CHECKING:
    from typing import Any

# By module and name, since importing the modules would cost every run. What is below one of them is meant, too.
_BY_NAME: dict[tuple[str, str], Callable[[Any], Any]] = {
    ("datetime", "date"): lambda value: value.isoformat(),
    ("datetime", "time"): lambda value: value.isoformat(),
    ("datetime", "timedelta"): lambda value: value.total_seconds(),
    ("datetime", "tzinfo"): str,
    ("decimal", "Decimal"): lambda value: str(value) if value.is_finite() else _no_number(value),
    ("fractions", "Fraction"): str,
    ("uuid", "UUID"): str,
    ("ipaddress", "_IPAddressBase"): str,
    ("enum", "Enum"): lambda value: value.value,
    ("types", "SimpleNamespace"): vars,
    ("codeactions.runtimes.python.named_values", "NamedValues"): list,  # of names: no secret gets out by accident
    ("builtins", "BaseException"): lambda value: str(value) or type(value).__name__,
}
_SHOWN_STEPS = 12  # of a path; of a longer one the beginning and the end are shown


def to_json(value: Any) -> bytes:
    """Return a value as JSON in UTF-8. Raises `TypeError` or `ValueError` that names the place of what JSON has not."""
    try:
        # NaN and Infinity are not JSON; a client that meets them fails far from where the mistake was made.
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, default=_plain)
    except (TypeError, ValueError, RecursionError):
        value = _Search().convert(value)
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    try:
        return text.encode()
    except UnicodeEncodeError:  # a lone surrogate, which only an escape can stand for
        return json.dumps(value, allow_nan=False, default=_plain).encode()


def _plain(value: Any) -> Any:
    """Return what stands for a value in JSON, one step of the way. Raises `TypeError` that says what it is."""
    kind = type(value)
    for one in kind.__mro__:
        plain = _BY_NAME.get((one.__module__, one.__name__))
        if plain is not None:
            return plain(value)
    if isinstance(value, bytes | bytearray | memoryview):
        raise TypeError("is bytes, which JSON does not have: decode it, or encode it by base64.b64encode")
    if isinstance(value, type):
        raise TypeError(f"is the class {value.__name__}, not a value of it")
    if hasattr(kind, "__dataclass_fields__"):
        import dataclasses

        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if hasattr(kind, "__fspath__"):
        return value.__fspath__()
    return _container(value, kind)


def _no_number(value: Any) -> float:
    """Return a decimal that is not finite as a float, which is refused with its place."""
    return float("nan" if value.is_nan() else value)


def _container(value: Any, kind: type) -> Any:
    """Return a mapping as a dict and any other sized collection as a list; a set in order, if it has one."""
    if hasattr(kind, "keys") and hasattr(kind, "__getitem__"):
        return {key: value[key] for key in value.keys()}  # noqa: SIM118 - not all can be iterated
    if hasattr(kind, "__iter__") and hasattr(kind, "__len__"):
        found = list(value)
        if isinstance(value, set | frozenset):
            try:
                found.sort()
            except TypeError:
                return found
        return found
    if hasattr(kind, "__await__"):
        raise TypeError(f"is a {kind.__name__}: await it first")
    if hasattr(kind, "__next__"):
        raise TypeError(f"is a {kind.__name__}: make a list of it first")
    if callable(value):
        raise TypeError(f"is a {kind.__name__}: call it first")
    raise TypeError(f"is of the class {kind.__name__}, which JSON does not have: make a dict, a list or a text of it")


class _Search:
    """Goes through a value that `json` refused, and knows at each moment where it is."""

    def __init__(self) -> None:
        self._path: list[str] = []  # as it is at the moment that something is raised
        self._above: dict[int, int] = {}  # the containers above, by identity: how many steps lead to each

    def convert(self, value: Any) -> Any:
        """Return the value made of what JSON has.

        Raises `TypeError`, `ValueError` or `RecursionError` that names the place.
        """
        try:
            return self._converted(value)
        except RecursionError:
            raise RecursionError(f"{self._where()} is nested too deeply for JSON") from None

    def _converted(self, value: Any) -> Any:
        if isinstance(value, int):
            return self._whole(value)
        if value is None or isinstance(value, str):
            return value
        if isinstance(value, float):
            if value - value != 0:
                raise ValueError(f"{self._where()} is {self._number(value)}, which JSON does not have")
            return value
        mark = id(value)
        if mark in self._above:
            outer = self._where(self._above[mark])
            raise ValueError(f"{self._where()} is {outer} itself: JSON has no circles")
        self._above[mark] = len(self._path)
        if isinstance(value, dict):
            made: Any = self._dict(value)
        elif isinstance(value, list | tuple):
            made = [self._below(f"[{number}]", one) for number, one in enumerate(value)]
        else:
            try:
                plain = _plain(value)
            except TypeError as error:
                raise TypeError(f"{self._where()} {error}") from None
            made = self._converted(plain)
        del self._above[mark]
        return made

    def _whole(self, value: int) -> int:
        """Return a number that Python can write. Raises `ValueError` that names the place."""
        try:
            int.__repr__(value)
        except ValueError:  # its own says nothing of the place
            most = f"more than {sys.get_int_max_str_digits():,} digits"
            raise ValueError(f"{self._where()} is a number of {most}, which Python does not write") from None
        return value

    def _dict(self, value: dict[Any, Any]) -> dict[Any, Any]:
        made = {}
        for key, one in value.items():
            text = self._key(key)
            made[text] = self._below(_step(text), one)
        return made

    def _key(self, key: Any) -> Any:
        """Return a key that `json` takes. Those that it knows stay as they are."""
        plain = key
        while not (plain is None or isinstance(plain, str | int | float)):
            try:
                plain = _plain(plain)
            except TypeError:
                break
            if isinstance(plain, dict | list):
                break
        if isinstance(plain, float) and plain - plain != 0:
            raise ValueError(f"{self._where()} has the key {self._number(plain)}, which JSON does not have")
        if not (plain is None or isinstance(plain, str | int | float)):
            raise TypeError(f"{self._where()} has a key that is a {type(key).__name__}: JSON has only texts as keys")
        return plain

    def _below(self, step: str, value: Any) -> Any:
        self._path.append(step)
        made = self._converted(value)
        self._path.pop()
        return made

    def _where(self, steps: int | None = None) -> str:
        path = self._path[:steps]
        if len(path) > _SHOWN_STEPS:
            path = [*path[: _SHOWN_STEPS // 2], " … ", *path[-_SHOWN_STEPS // 2 :]]
        return "result" + "".join(path)

    @staticmethod
    def _number(value: float) -> str:
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"


def _step(key: object) -> str:
    """Return how a path goes on to a key: `.name`, or `["any text"]`."""
    text = key if isinstance(key, str) else json.dumps(key)
    if text.isascii() and text.isidentifier():
        return f".{text}"
    return f"[{json.dumps(text[:40], ensure_ascii=False)}]"
