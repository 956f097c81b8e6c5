"""`create`: make a pair of empty files. Unlike golang-migrate's, it opens no database."""

from collections.abc import Mapping, Sequence

from codeactions.migrate.errors import invalid
from codeactions.migrate.terminal.output import Output

_DIGITS = 6
_ZONE = "UTC"


def run(words: Sequence[str], flags: Mapping[str, str | int | bool], output: Output, now: int | None = None) -> int:
    """Make the pair of files named by the first word, print the path of each, and return the exit code.

    Further words are ignored. `now` is in nanoseconds since 1970, by default the clock's. Raises `MigrationError`; the
    paths of files that were made before have been printed then.
    """
    if not words:
        raise invalid("please specify name")

    # Imported here: the other commands have no use for time zones.
    import time

    from codeactions.migrate.files import create

    made: list[str] = []
    try:
        made = create.create(
            str(flags.get("dir", "")),
            words[0],
            str(flags.get("ext", "")),
            sequential=bool(flags.get("seq", False)),
            digits=int(flags.get("digits", _DIGITS)),
            layout=str(flags.get("format", create.DEFAULT_LAYOUT)),
            zone=str(flags.get("tz", _ZONE)),
            now=time.time_ns() if now is None else now,
        )
    except create.UnknownZone as error:
        output.line(error.message, "error", code=error.code.value, message=error.message)
        return 1
    except create.NotAllMade as error:
        made = error.made
        raise
    finally:
        for path in made:
            output.line(path, "created", path=path)
    return 0
