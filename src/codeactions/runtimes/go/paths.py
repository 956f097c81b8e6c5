"""Where Go's tools, the compiled packages and the engine are inside the walls of a build."""

import platform

TOOLS = "/runtimes/go/tools"
LIBRARY = "/runtimes/go/library"
# In the library: each package compiled, and by import path where it is. An action may import what is in IMPORTS,
# the linker needs what is in LINKS: the packages that are internal to the standard library as well.
PACKAGES, IMPORTS, LINKS = "packages", "imports.cfg", "links.cfg"
LANGUAGE = "go1.27"
# The program around an action.
MAIN = """package main

import (
	action "run/action"

	"codeactions"
)

func main() { codeactions.Serve(action.Run) }
"""
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def tools_folder(root: str) -> str:
    """The compiler and the linker of a toolchain for this machine."""
    machine = platform.machine()
    return f"{root}/pkg/tool/linux_{_ARCHITECTURES.get(machine, machine)}"
