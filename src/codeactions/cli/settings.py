"""The settings of a command."""

import os

from codeactions.cli.logging import say, say_as_it_is
from codeactions.node.settings import Settings, read_settings
from codeactions.node.unknown_variables import unknown_variables


def command_settings(**given: object) -> Settings:
    """Read the settings, and print a warning for each variable that looks like one and is none.

    given: values of options, which override the environment unless they are None. Raises `Error` (invalid).
    """
    for line in unknown_variables(os.environ):
        say_as_it_is(f"warning: {line}")
    settings = read_settings(**given)
    # `serve`, which alone has a host, keeps more in the folder than a database.
    if "host" not in given and given.get("data_dir") and not given.get("database_url") and settings.database_url:
        say("warning: DATABASE_URL is set, so this is about that database, and not about one of --data-dir")
    return settings
