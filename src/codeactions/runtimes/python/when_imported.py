"""Act as soon as a run imports a module: done before, it would cost every run the import."""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # as in typing, which is too large to import here
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any


class WhenImported:
    """A finder of modules that finds none by itself, and has `act` done with some that the others find."""

    def __init__(self, names: Sequence[str], act: Callable[[Any], None]) -> None:
        """act: gets a module of one of these names, once it is loaded and before its importer goes on."""
        self._names = names
        self._act = act

    def watch(self) -> None:
        """Begin to look at what is imported."""
        sys.meta_path.insert(0, self)

    def stop(self) -> None:
        """Look no more."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return what the other finders find; for a module of another name nothing, so that they are asked."""
        if name not in self._names:
            return None
        others = [finder for finder in sys.meta_path if finder is not self]
        spec = next((found for finder in others if (found := finder.find_spec(name, path, target))), None)
        if spec is None or spec.loader is None:
            return spec
        load = spec.loader.exec_module

        def load_and_act(module: ModuleType) -> None:
            load(module)
            self._act(module)

        spec.loader.exec_module = load_and_act  # type: ignore[method-assign]
        return spec
