"""`python -m bench`: measure the server next to its peers. One run starts and stops all of them."""

import contextlib
import dataclasses
import json
import sys

from bench import report
from bench.command import carry_out, parser_of, say
from bench.results import PARTS, QUICK, Plan
from bench.suite import measure


def main() -> int:
    """Measure and print the result.

    Returns the exit code: 0 if every answer was right and recorded, whatever the times; 1 otherwise.
    """
    parser = parser_of("python -m bench", __doc__, Plan().rounds, "few calls")
    parser.add_argument("--only", action="append", choices=PARTS, help="measure this part; may be repeated")
    arguments = parser.parse_args()
    plan = QUICK if arguments.quick else Plan()
    if arguments.rounds:
        plan = dataclasses.replace(plan, rounds=arguments.rounds)
    if arguments.only:
        plan = dataclasses.replace(plan, only=frozenset(arguments.only))

    def work(stack: contextlib.ExitStack) -> bool:
        measured = measure(plan, stack, say)
        print(json.dumps(report.data(measured), indent=2) if arguments.json else report.text(measured))
        return measured.answers_right and all(found.ok for found in measured.recorded.values())

    return carry_out(work)


if __name__ == "__main__":
    sys.exit(main())
