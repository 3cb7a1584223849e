"""The same requests to two servers, and every difference in what they answer.

    python -m tests.differential --reference 'CMD' --ours 'CMD' [--only TEXT] [--seed N] [--requests N]

Both commands start a server with the sample's API (wardle.example.com); the flags of addresses, certificates and
delegation are added. `{run}` in a command stands for a word that no other run has, `{folder}` for an empty folder.
Differences that are known (tests/differential/known.py) are counted only; a known one that no longer occurs is named.
The exit status is 1 when there is a new one, 2 when a server does not start or ends.
"""

from __future__ import annotations

import argparse
import random
import sys
import time

from tests.differential.families import FAMILIES
from tests.differential.families.mutations import mutated
from tests.differential.known import KNOWN
from tests.differential.runs import Comparison, Report
from tests.differential.scenarios import Scenario
from tests.differential.servers import Server, ServerError, server


def _tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _selected(only: str) -> tuple[list[Scenario], list[str]]:
    """The scenarios with *only* in their names, and the families that are whole."""
    selected: list[Scenario] = []
    whole: list[str] = []
    for family, made in FAMILIES.items():
        every = list(made())
        some = [each for each in every if only in each.name]
        selected += some
        if len(some) == len(every):
            whole.append(family)
    return selected, whole


def _compare(reference: Server, ours: Server, arguments: argparse.Namespace) -> Report:
    for each in (reference, ours):
        each.require_empty()
    comparison = Comparison(reference.clients, ours.clients, KNOWN)
    scenarios, whole = _selected(arguments.only)
    random_ones = mutated(arguments.seed, arguments.requests)
    comparison.run([*scenarios, *(each for each in random_ones if arguments.only in each.name)])
    for each in (reference, ours):
        each.require_alive()
    comparison.judge_gone(whole)
    return comparison.report


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="tests.differential", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--reference", required=True, metavar="CMD", help="starts the server that is right")
    parser.add_argument("--ours", required=True, metavar="CMD", help="starts the server that is asked about")
    parser.add_argument("--only", default="", metavar="TEXT", help="scenarios with this in their names (family/title)")
    parser.add_argument("--seed", type=int, help="of the mutated requests; by default a random number")
    parser.add_argument("--requests", type=int, default=2000, help="how many mutated requests (default 2000)")
    arguments = parser.parse_args()
    if arguments.seed is None:
        arguments.seed = random.randrange(10**9)
    began = time.monotonic()
    try:
        with server("the reference", arguments.reference) as reference, server("ours", arguments.ours) as ours:
            report = _compare(reference, ours, arguments)
    except ServerError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    for line in report.lines():
        _tell(line)
    _tell(f"seed {arguments.seed}, {time.monotonic() - began:.0f} s")
    return int(bool(report.new))


if __name__ == "__main__":
    sys.exit(main())
