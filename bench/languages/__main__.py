"""`python -m bench.languages`: measure calls and deploys of JavaScript and Go in one run.

The peers run the same function in a new process for each call, once bare and once in a sandbox made for the call.
"""

import contextlib
import dataclasses
import json
import sys

from bench.command import carry_out, parser_of, say
from bench.languages import report
from bench.languages.results import QUICK, Plan
from bench.languages.suite import measure


def main() -> int:
    """Measure and print the result.

    Returns the exit code: 0 if every answer was right and recorded, whatever the times; 1 otherwise.
    """
    parser = parser_of("python -m bench.languages", __doc__, Plan().rounds, "few calls")
    arguments = parser.parse_args()
    plan = QUICK if arguments.quick else Plan()
    if arguments.rounds:
        plan = dataclasses.replace(plan, rounds=arguments.rounds)

    def work(stack: contextlib.ExitStack) -> bool:
        measured = measure(plan, stack, say)
        print(json.dumps(report.data(measured), indent=2) if arguments.json else report.text(measured))
        return measured.answers_right and measured.complete

    return carry_out(work)


if __name__ == "__main__":
    sys.exit(main())
