"""Writes the pages that the program itself knows best: `python docs/generate.py`. Tests compare them."""

import os
import re
import subprocess
import sys
from pathlib import Path

from codeactions.node.settings import Settings, variable

_HERE = Path(__file__).parent
_COMMANDS = (
    *("", "serve", "run", "backup", "restore", "adopt", "doctor", "project", "project list"),
    *("project show", "project create", "project rename", "project delete", "permission", "permission list"),
    *("permission set", "permission remove", "token", "token create", "token list", "token revoke", "audit"),
    *("secret", "secret set", "secret list", "secret delete", "secret rotate-key"),
    *("variable", "variable set", "variable list", "variable delete"),
)
_SETTINGS_HEAD = """# Settings

Every setting is an environment variable; `make run` and `codeactions serve` honour them all. A bad value stops the
start with one line that names the variable. A variable that looks like a setting and is none is named at the start,
with the nearest one that there is. A file `.env` is not read: `set -a; . ./.env; set +a` puts it into the environment.
This page is made by `python docs/generate.py`.

| variable | default | |
| --- | --- | --- |
"""
_CLI_HEAD = """# Command line

Errors are one line on standard error, with exit code 1 (2 for a command line that cannot be understood). `migrate` is a
command of its own: [migrate.md](migrate.md). This page is made by `python docs/generate.py`.
"""


def settings_page() -> str:
    """docs/settings.md."""
    rows = []
    for name, field in Settings.model_fields.items():
        default = _shown(name, field.default)
        rows.append(f"| `{variable(name)}` | {default} | {field.description} |\n")
    return _SETTINGS_HEAD + "".join(rows)


def _shown(name: str, default: object) -> str:
    if name == "data_dir":
        return "`~/.local/share/codeactions`"
    if name == "node":
        return "the host's name"
    return "" if default is None else f"`{str(default).lower() if isinstance(default, bool) else default}`"


def cli_page() -> str:
    """docs/cli.md."""
    parts = [_CLI_HEAD]
    for command in _COMMANDS:
        title = f"codeactions {command}".strip()
        environment = {**os.environ, "COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1"}
        words = [sys.executable, "-m", "codeactions", *command.split(), "--help"]
        text = subprocess.run(words, capture_output=True, text=True, env=environment, check=True).stdout
        text = text.replace("python -m codeactions", "codeactions")
        text = re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE).strip()
        parts.append(f"\n## {title}\n\n```\n{text}\n```\n")
    return "".join(parts)


if __name__ == "__main__":
    (_HERE / "settings.md").write_text(settings_page())
    (_HERE / "cli.md").write_text(cli_page())
