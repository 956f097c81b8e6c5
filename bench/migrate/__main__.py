"""`python -m bench.migrate`: measure a thousand tiny migrations, `migrate version`, and a start with 10,000 files.

It starts its own PostgreSQL with the settings of the server. Each part is measured next to its peers.
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
    """Measure and print. Returns the exit code: 0 if everything worked, whatever the times; 1 otherwise."""
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
