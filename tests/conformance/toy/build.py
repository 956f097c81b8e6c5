"""The build of the toy language: JSON of [command, text] pairs."""

import json

from conformance.toy.paths import COMMANDS, FOLDER

from codeactions.runtimes.builds import build_of
from codeactions.runtimes.invalid_source import InvalidSource


@build_of("toy")
def build(source: bytes, folder: str, places: dict[str, str]) -> bytes:
    """Return the JSON. Raises `InvalidSource` with the line of an unknown command."""
    with open(f"{places.get(FOLDER, FOLDER)}/{COMMANDS}") as file:
        known = file.read().split()
    pairs = [line.split(" ", 1) for line in source.decode().splitlines()]
    for number, (command, *_) in enumerate(pairs, 1):
        if command not in known:
            listing = f"line {number}: {command}\n"
            raise InvalidSource(f"there is no command {command}", line=number, column=1, listing=listing)
    return json.dumps(pairs).encode()
