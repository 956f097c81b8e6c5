"""Messages in the words of this command line: commands as they work when typed, and options in place of fields.

Everything below names commands as `codeactions serve`, settings by their variables, and fields as the API does. Only
here it is known how this program was called, and with which options.
"""

import os
import re
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import Any

_COMMAND = re.compile(r"`codeactions( [a-z]+[^`]*)?`")
# The options that stand for a variable.
_VARIABLES = {
    "--data-dir": "CODEACTIONS_DATA_DIR",
    "--database-url": "DATABASE_URL",
    "--host": "CODEACTIONS_HOST",
    "--port": "CODEACTIONS_PORT",
}
# The commands that take the first two.
_WITH_PLACES = {"serve", "backup", "restore", "adopt", "project", "permission", "token", "audit"}
_WITH_PLACES |= {"secret", "variable"}
# The fields that an option is for, where its parameter has another name.
_FIELDS = {
    "days": r"expires_in_days",
    "moderator": r"authorizations(?:\[\d+\](?:\.email)?)?",
    "thing": r"thing_id",
}
_ENDING = r"(?= (?:must|may|names|is|holds|needs|cannot)\b)"


def program(called: str | None = None) -> str:
    """Return the command that starts this program, as it can be typed. called: replaces `sys.argv[0]`."""
    called = sys.argv[0] if called is None else called
    name = os.path.basename(called)
    found = shutil.which(name)
    # `python -m codeactions` is the same program, and so is whatever else imports it.
    if name != "codeactions" or (found and os.path.realpath(found) == os.path.realpath(called)):
        return "codeactions"
    return shlex.quote(called)


def typed(text: str, words: Sequence[str] | None = None) -> str:
    """Return a text whose commands can be typed as they stand. words: replace those of this command line."""
    given = _given(sys.argv[1:] if words is None else words)
    for option, variable in _VARIABLES.items():
        if option in given:
            text = re.sub(rf"\b{variable}\b", option, text)
    return _COMMAND.sub(lambda found: _command(found[1] or "", given), text)


def in_options(text: str, parameters: Mapping[str, str]) -> str:
    """Return a message about fields with the names of options. parameters: by parameter its option, such as --days."""
    for parameter, option in parameters.items():
        field = _FIELDS.get(parameter, re.escape(parameter))
        if "_" in parameter or parameter in _FIELDS:  # no word of a sentence
            text = re.sub(rf"(?<![\w-])(?:{field}|{re.escape(parameter)}{_ENDING})(?!\w)", option, text)
        elif text.startswith("give "):
            text = re.sub(rf"\b(?<!-){field}\b(?=,| or | and |$)", option, text)
        else:
            text = re.sub(rf"^{field}{_ENDING}", option, text)
    return text


def options_of(command: Any, words: Sequence[str]) -> dict[str, str]:
    """Return by parameter the option of the command that the words call. command: the root, as click has it."""
    for word in words:
        if word in getattr(command, "commands", {}):
            command = command.commands[word]
    found = [(one.name, one.opts) for one in command.params if one.param_type_name == "option"]
    return {str(name): max(options, key=len) for name, options in found}


def _command(rest: str, given: Mapping[str, str]) -> str:
    """Return one command with the options that say where this one's database is.

    A database's URL may hold a password, so it is not repeated.
    """
    name = rest.split()[0] if rest.split() else ""
    command, folder, has_url = f"{program()}{rest}", given.get("--data-dir"), "--database-url" in given
    if name == "migrate":
        if has_url:
            return f"`{command}` (with that URL as DATABASE_URL)"
        return f"`{'' if folder is None else f'CODEACTIONS_DATA_DIR={folder} '}{command}`"
    if name not in _WITH_PLACES:
        return f"`{command}`"
    same = " (with the same --database-url)" if has_url else ""
    return f"`{command}{'' if folder is None else f' --data-dir {folder}'}`{same}"


def _given(words: Sequence[str]) -> dict[str, str]:
    """Return the options among the words with their values, as they can be typed."""
    found: dict[str, str] = {}
    if words[:1] == ["migrate"]:  # its words are not ours
        return found
    for number, word in enumerate(words):
        if word == "--":
            break
        option, equals, value = word.partition("=")
        if option in _VARIABLES:
            value = value if equals else words[number + 1] if number + 1 < len(words) else ""
            found[option] = shlex.quote(value)
    return found
