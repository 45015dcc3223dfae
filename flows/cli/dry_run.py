"""What `--dry-run` shows: the plan, the settings that differ from the defaults, and what each stage will cost.

The costs are measured in a child process (flows/cli/costs.py), so that this process imports nothing large and the
measurement ends when its time is over, whatever it does.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from flows.cli.answers import print_json, print_table, print_title
from flows.cli.commands import Command
from flows.cli.settings import changed, format_value, to_yaml

MOST_SECONDS = 120.0  # a measurement takes about ten, but a busy machine needs much longer
# flows/__init__.py prepares each process for flows, except the program of this name.
CHILD = "import sys; sys.argv[0] = 'shardgan'; from flows.cli.costs import main; main()"
STAGED = ("build", "train", "evaluate", "run")  # commands whose stages can be estimated


def show_plan(config: BaseModel, plan: list[str], costs: dict[str, Any] | None, *, as_json: bool, full: bool) -> None:
    """Print the plan, the settings, and the costs if they were measured."""
    settings, defaults = changed(config)
    if as_json:
        shown = {"costs": costs} if costs else {}
        print_json(
            {"dry_run": True, "config": config.model_dump(mode="json"), "would": plan, "changed": settings, **shown}
        )
        return
    print("would:\n" + "\n".join(f"  - {step}" for step in plan))
    if full:
        print(f"\nsettings:\n{to_yaml(type(config), config.model_dump())}")
    else:
        print("\nsettings that are not the defaults (--full shows all):")
        print("\n".join(_lines(settings, defaults, "  ")) or "  none")
    if costs:
        print()
        _print_costs(costs)


def ask_costs(command: Command, config: BaseModel) -> dict[str, Any] | None:
    """Measure the costs in a child process. None for a command without such stages.

    An answer without stages has a `problem`.
    """
    if command.name not in STAGED:
        return None
    with (
        _waiting(),
        # Made here: a child that is killed could not remove it.
        tempfile.TemporaryDirectory(prefix="shardgan-estimate-", ignore_cleanup_errors=True) as folder,
        subprocess.Popen(
            [sys.executable, "-c", CHILD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        ) as child,
    ):
        request = json.dumps({"command": command.name, "config": config.model_dump(mode="json"), "folder": folder})
        try:
            answer, _ = child.communicate(request, timeout=MOST_SECONDS)
        except subprocess.TimeoutExpired:
            return {"problem": f"The measurement did not end within {MOST_SECONDS:.0f} s: there is no estimate."}
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)  # it and the processes that it has started
    try:
        costs: dict[str, Any] = json.loads(answer.splitlines()[-1])
    except (ValueError, IndexError):
        return {"problem": f"The measurement ended with status {child.returncode}: there is no estimate."}
    return costs


@contextlib.contextmanager
def _waiting() -> Iterator[None]:
    """Say in a terminal what takes the time."""
    if not sys.__stderr__ or not sys.__stderr__.isatty():
        yield
        return
    from rich.console import Console

    with Console(file=sys.__stderr__).status("Measuring what it will cost"):
        yield


def _print_costs(costs: dict[str, Any]) -> None:
    from tasks.tracking.inventory.words import duration_words, size_words

    if problem := costs.get("problem"):
        print(problem)
        return
    print_title(f"estimated in {costs['seconds']:.0f} s on this machine, load average {costs['load']:.1f}:")
    rows = [
        (
            stage["stage"],
            "-" if stage["seconds"] is None else duration_words(stage["seconds"]),
            size_words(stage["disk_bytes"]),
            size_words(stage["memory_bytes"]),
            *price_words(stage, costs),
        )
        for stage in costs["stages"]
    ]
    heads = ("STAGE", "TIME", "DISK", "MEMORY", *(("PRICE",) if "currency" in costs else ()))
    print_table(heads, rows, heads[1:])
    for stage in costs["stages"]:
        if stage["basis"]:
            print(f"  {stage['stage']}: {stage['basis']}")


def price_words(stage: Mapping[str, Any], costs: Mapping[str, Any]) -> list[str]:
    """Return the price of a stage. Return an empty list if the price of this machine is not set."""
    if "currency" not in costs:
        return []
    return ["-" if stage["price"] is None else f"{stage['price']:.2f} {costs['currency']}"]


def _lines(settings: dict[str, Any], defaults: dict[str, Any], indent: str) -> Iterator[str]:
    """Yield the lines of a YAML file that has only these settings, with the default behind each."""
    for name, value in settings.items():
        if isinstance(value, dict):
            yield f"{indent}{name}:"
            yield from _lines(value, defaults[name], indent + "  ")
        else:
            default = "" if defaults[name] is None else f"  # default: {format_value(defaults[name])}"
            yield f"{indent}{name}: {format_value(value)}{default}"
