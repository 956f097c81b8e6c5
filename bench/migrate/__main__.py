"""`python -m bench.migrate`: a thousand tiny migrations, one look at the version, a start with 10,000 files.

On a PostgreSQL of its own with the settings that the server ships, each beside what it is to be compared with.
"""

import contextlib
import dataclasses
import json
import sys

import structlog

from bench.command import carry_out, parser_of, say
from bench.migrate import report
from bench.migrate.results import QUICK, Plan
from bench.migrate.suite import measure


def main() -> int:
    """Exit code 0: measured, and everything did what it should, whatever the times. 1 otherwise."""
    parser = parser_of("python -m bench.migrate", __doc__, Plan().rounds, "few and small")
    arguments = parser.parse_args()
    plan = QUICK if arguments.quick else Plan()
    if arguments.rounds:
        plan = dataclasses.replace(plan, rounds=arguments.rounds)
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))

    def work(stack: contextlib.ExitStack) -> bool:
        measured = measure(plan, stack, say)
        print(json.dumps(report.data(measured), indent=2) if arguments.json else report.text(measured))
        return True

    return carry_out(work)


if __name__ == "__main__":
    sys.exit(main())
