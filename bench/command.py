"""The command line that all benches share.

Progress goes to standard error. A bench that cannot go on prints one line. No process is left behind.
"""

import argparse
import contextlib
import sys
import urllib.error
from collections.abc import Callable

from bench.processes import BenchError, cleaning_up


def parser_of(prog: str, description: str | None, rounds: int, quick: str) -> argparse.ArgumentParser:
    """Make a parser with the options that all benches share.

    rounds: the default, for the help. quick: what `--quick` reduces, such as "few calls".
    """
    parser = argparse.ArgumentParser(prog=prog, description=description)
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument("--quick", action="store_true", help=f"{quick}, to see that the bench itself works")
    parser.add_argument("--rounds", type=int, help=f"interleaved rounds ({rounds})")
    return parser


def say(line: str) -> None:
    """Print a line of progress to standard error."""
    print(line, file=sys.stderr, flush=True)


def carry_out(work: Callable[[contextlib.ExitStack], bool]) -> int:
    """Run `work` and return the exit code: 0 if it returns true, 1 if not or after an error, 130 after Ctrl-C.

    `work` prints its result and returns whether all was right, whatever the times. Its stack stops what it started.
    """
    try:
        with cleaning_up() as stack:
            return 0 if work(stack) else 1
    except (BenchError, urllib.error.URLError) as error:
        say(f"bench: {error}")
        return 1
    except KeyboardInterrupt:
        say("bench: stopped")
        return 130
