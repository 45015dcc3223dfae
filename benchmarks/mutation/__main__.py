"""`python -m benchmarks.mutation [MODULE ...]`: mutate the modules of the table, all or some, and write the page.

`--most N` takes N mutants of each module, drawn evenly over the file; `--again` takes only those that no test noticed
the last time. Results of other modules are kept.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.harness.page import table, write_page
from benchmarks.mutation.mutants import Mutant, mutants
from benchmarks.mutation.runner import ROOT, copied_repository, import_shared, is_noticed, seconds_of_tests
from benchmarks.mutation.targets import EQUIVALENT, TARGETS

KEPT = ROOT / "benchmarks" / "results" / "mutation.json"
Result = dict[str, Any]


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mutation", description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="files of the table; default: all")
    parser.add_argument("--most", type=int, default=0, help="mutants per module; 0 takes all")
    parser.add_argument("--again", action="store_true", help="only the mutants that no test noticed the last time")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.modules if name not in TARGETS]
    if unknown:
        parser.error(f"{', '.join(unknown)}: not in benchmarks/mutation/targets.py")
    for module in arguments.modules or TARGETS:
        made = list(mutants((ROOT / module).read_text()))
        known = _kept().get(module, {}) if arguments.again else {}
        if arguments.again:
            chosen = [one for one in made if [one.old, one.new] in [pair[1:] for pair in known.get("survivors", [])]]
        else:
            chosen = made[:: max(-(-len(made) // arguments.most), 1)] if arguments.most else made
        with copied_repository():
            result = _test(module, chosen)
        _keep(module, {"mutants": len(made), "run": len(chosen)} | known | result)
        _write()


def _test(module: str, chosen: list[Mutant]) -> Result:
    tests, path = TARGETS[module], Path(module).absolute()
    import_shared(module, tests)
    started, seconds = time.monotonic(), seconds_of_tests(tests)
    survivors = []
    for number, mutant in enumerate(chosen, 1):
        if not is_noticed(path, mutant, tests, seconds, number):
            survivors.append(mutant)
        _tell(module, number, len(chosen), survivors)
    unnoticed = [[one.line, one.old, one.new] for one in survivors]
    return {"survivors": unnoticed, "seconds": round(time.monotonic() - started)}


def _tell(module: str, done: int, total: int, survivors: list[Mutant]) -> None:
    if done % 10 == 0 or done == total:
        print(f"{module}: {done} of {total}, {len(survivors)} unnoticed", file=sys.stderr, flush=True)


def _kept() -> dict[str, Result]:
    return json.loads(KEPT.read_text()) if KEPT.exists() else {}


def _keep(module: str, result: Result) -> None:
    KEPT.write_text(json.dumps(_kept() | {module: result}, indent=1, ensure_ascii=False) + "\n")


def _write() -> None:
    results = _kept()
    rows, unnoticed = [], []
    for module in TARGETS:
        if module not in results:
            rows.append([module, "not run", "", "", "", ""])
            continue
        result = results[module]
        survivors = [(line, old, new) for line, old, new in result["survivors"]]
        same = [one for one in survivors if (module, one[1], one[2]) in EQUIVALENT]
        counted = result["run"] - len(same)
        noticed = result["run"] - len(survivors)
        share = f"{100 * noticed / counted:.1f} %" if counted else "-"
        rows.append([module, result["mutants"], result["run"], noticed, len(same), share])
        for line, old, new in survivors:
            reason = EQUIVALENT.get((module, old, new), "**no test notices it**")
            unnoticed.append([f"{module}:{line}", _code(old), _code(new), reason])
    write_page(
        "mutation",
        "Mutation testing",
        "make mutation",
        "Small changes are put into a module one by one (operators, numbers, conditions, operands, SQL). A change is "
        "noticed when at least one test of the module fails or does not end. Changes that cannot be told from the "
        "original do not count in the share; the second table gives the reason for each.",
        table(["module", "mutants", "run", "noticed", "same behaviour", "share noticed"], rows),
        "## Changes that no test noticed",
        table(["place", "line", "changed line", "reason"], unnoticed) if unnoticed else "None.",
    )


def _code(text: str) -> str:
    return f"`{text[:100]}`".replace("|", "\\|")


if __name__ == "__main__":
    main()
