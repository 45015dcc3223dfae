"""Attacks on a running service, each as a row of a table: what was tried, what happened, whether it held.

    python -m tests.faults.attacks HOME

HOME is the folder of a `shardgan up` that runs on this machine and may be spoilt. The attacker is a program of
this machine that does not know the password, where the row does not say otherwise.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path

from tests.faults import attacks_inside, attacks_outside
from tests.faults.attack_target import Outcome, Target

ATTACKS: list[Callable[[Target], Outcome]] = [
    attacks_outside.odd_hosts,
    attacks_outside.raw_requests,
    attacks_outside.methods,
    attacks_outside.path_tricks,
    attacks_outside.every_route,
    attacks_outside.sockets,
    attacks_outside.where_the_password_is,
    attacks_inside.artifacts,
    attacks_inside.job_variables,
    attacks_inside.automation,
    attacks_inside.changed_template,
    attacks_inside.changed_deployment,
    attacks_inside.forms,
    attacks_inside.frozen_worker,
]


def main(root: Path, wanted: list[str]) -> None:
    """Attack, and print a row each."""
    target = Target(root)
    for attack in ATTACKS:
        if wanted and attack.__name__ not in wanted:
            continue
        try:
            print(attack(target).line(), flush=True)
        except Exception as error:
            print(f"| {attack.__name__} | {type(error).__name__}: {str(error)[:500]} | **not tried** |", flush=True)


if __name__ == "__main__":
    os.environ.pop("SHARDGAN_AUTH", None)
    main(Path(sys.argv[1]).absolute(), sys.argv[2:])
