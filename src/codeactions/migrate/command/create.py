"""The command `create`. It looks at no database, unlike golang-migrate's, which opens one for nothing."""

from collections.abc import Callable, Mapping, Sequence

from codeactions.domain.errors import Error, invalid
from codeactions.migrate.command.flags import Kind

FLAGS = {
    "ext": Kind.TEXT,
    "dir": Kind.TEXT,
    "seq": Kind.BOOLEAN,
    "digits": Kind.INTEGER,
    "format": Kind.TEXT,
    "tz": Kind.TEXT,
    "help": Kind.BOOLEAN,
}
DEFAULT_DIGITS = 6
DEFAULT_ZONE = "UTC"


def run(
    values: Mapping[str, str | int | bool],
    words: Sequence[str],
    say: Callable[[str], None],
    complain: Callable[[str], None],
    now: int | None = None,
) -> int:
    """Make the pair of files named by the first word, `say` the path of each, and return the exit code.

    Further words are ignored. `complain` gets the one mistake that golang-migrate prints as it is. `now` is in
    nanoseconds since 1970, by default the clock's. Raises `Error` with what goes behind `error: `; the paths of files
    that were made before have been said then. `-help` is the caller's to answer.
    """
    if not words:
        raise invalid("please specify name")

    # Here, since the other commands have no use for time zones.
    import time

    from codeactions.migrate.source import create

    try:
        made = create.create(
            str(values.get("dir", "")),
            words[0],
            str(values.get("ext", "")),
            sequential=bool(values.get("seq", False)),
            digits=int(values.get("digits", DEFAULT_DIGITS)),
            layout=str(values.get("format", create.DEFAULT_LAYOUT)),
            zone=str(values.get("tz", DEFAULT_ZONE)),
            now=time.time_ns() if now is None else now,
        )
    except create.UnknownZone as error:
        complain(error.message)
        return 1
    except Error as error:
        for path in error.details.get("made", ()):
            say(path)
        raise
    for path in made:
        say(path)
    return 0
