"""`python -m bench`: the server next to its peers, in one run that starts and stops all of them itself."""

import argparse
import dataclasses
import json
import sys
import urllib.error

from bench import report
from bench.processes import BenchError, cleaning_up
from bench.results import PARTS, QUICK, Plan
from bench.suite import measure


def main() -> int:
    """Exit code 0: measured, every answer right and on record, whatever the times. 1 otherwise."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument("--quick", action="store_true", help="few calls, to see that the bench itself works")
    parser.add_argument("--rounds", type=int, help="interleaved rounds (3)")
    parser.add_argument("--only", action="append", choices=PARTS, help="measure this part; may be repeated")
    arguments = parser.parse_args()
    plan = QUICK if arguments.quick else Plan()
    if arguments.rounds:
        plan = dataclasses.replace(plan, rounds=arguments.rounds)
    if arguments.only:
        plan = dataclasses.replace(plan, only=frozenset(arguments.only))
    try:
        with cleaning_up() as stack:
            measured = measure(plan, stack, lambda line: print(line, file=sys.stderr, flush=True))
    except (BenchError, urllib.error.URLError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench: stopped", file=sys.stderr)
        return 130
    print(json.dumps(report.data(measured), indent=2) if arguments.json else report.text(measured))
    complete = all(found.ok for found in measured.recorded.values())
    return 0 if measured.answers_right and complete else 1


if __name__ == "__main__":
    sys.exit(main())
