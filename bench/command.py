"""What every bench is as a command: progress on standard error, one line if it cannot go on, nothing left behind."""

import argparse
import contextlib
import sys
import urllib.error
from collections.abc import Callable

from bench.processes import BenchError, cleaning_up


def parser_of(prog: str, description: str | None, rounds: int, quick: str) -> argparse.ArgumentParser:
    """The options that every bench has. quick: what `--quick` takes less of."""
    parser = argparse.ArgumentParser(prog=prog, description=description)
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument("--quick", action="store_true", help=f"{quick}, to see that the bench itself works")
    parser.add_argument("--rounds", type=int, help=f"interleaved rounds ({rounds})")
    return parser


def say(line: str) -> None:
    """Show progress."""
    print(line, file=sys.stderr, flush=True)


def carry_out(work: Callable[[contextlib.ExitStack], bool]) -> int:
    """The exit code of `work`: 0 if all was as it should be, whatever the times; 1 if not; 130 after Ctrl-C.

    `work` prints what it found; the stack stops what it started.
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
