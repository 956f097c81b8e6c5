"""The builds of all languages, as the build zygote finds them.

A language's build, such as runtimes/go/build.py, is a function of the source, an empty folder to work in, and `places`
(what a zygote's `preload` gets). It returns what runs are given in the source's place, and raises `InvalidSource` for a
source that the language does not accept. It runs inside the sandbox and executes nothing of the source.
"""

from __future__ import annotations

from collections.abc import Callable

Build = Callable[[bytes, str, dict[str, str]], bytes]
BUILDS: dict[str, Build] = {}
"""By language. Complete in the build zygote, which imports the module of each language's build."""


def build_of(language: str) -> Callable[[Build], Build]:
    """Make the decorated function the build of a language."""

    def add(build: Build) -> Build:
        BUILDS[language] = build
        return build

    return add
