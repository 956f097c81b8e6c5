"""The name and the version under which this program shows itself to people and to the database."""

from codeactions import __version__

VERSION = __version__
TOOL = f"codeactions {VERSION}"
"""In the history: the program that ran a step."""
APPLICATION = "codeactions migrate"
"""In pg_stat_activity: the application's name."""
