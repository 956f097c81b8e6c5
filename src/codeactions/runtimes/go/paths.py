"""Paths: where Go's tools, the compiled packages and the engine are inside the walls of a build."""

import platform

TOOLS = "/runtimes/go/tools"
LIBRARY = "/runtimes/go/library"
# In the library: the compiled packages, and two lists that tell by import path where each is. An action may import what
# IMPORTS lists. The linker needs what LINKS lists: also the packages that are internal to the standard library.
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
    """Return the folder of a toolchain's compiler and linker for this machine."""
    machine = platform.machine()
    return f"{root}/pkg/tool/linux_{_ARCHITECTURES.get(machine, machine)}"
