"""The command line: `shardgan build | train | evaluate | run | up | ...`; `shardgan --help` lists all.

Every flag comes from the flows' own config models. Exit status: 0 for success, 1 if the run failed, 2 if the request
was wrong, 130 after Ctrl-C, 143 after SIGTERM, 129 if the terminal was closed.
"""

import contextlib
import json
import os
import re
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import version
from inspect import Parameter as Argument
from inspect import Signature
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, ArgumentCollection, CycloptsError, Parameter
from pydantic import BaseModel

from flows.cli import without_collection
from flows.cli.answers import DONE, FAILED, WRONG, fail, print_summary
from flows.cli.commands import COMMANDS, Command
from flows.cli.dry_run import ask_costs, show_plan
from flows.cli.settings import (
    SettingsError,
    Tree,
    list_settings,
    parse_overrides,
    read_file,
    restrict,
    set_values,
    to_yaml,
    validate,
)
from flows.cli.signals import stoppable, stopped_by
from flows.cli.verbs.comparing import compare
from flows.cli.verbs.deleting import delete, gc, undo
from flows.cli.verbs.listing import list_things
from flows.cli.verbs.showing import show
from flows.configs import DriftConfig, PipelineConfig
from tasks.errors import BAD_REQUESTS
from tasks.home import home
from tasks.service.temporary_server import TemporaryServer
from tasks.tracking.telemetry.log_format import LOG_FORMAT, LogFormat

SWITCHES = {
    "dry_run": "print the plan, the settings that are not the defaults, and what each stage will cost; change nothing",
    "full": "with --dry-run: print all settings",
    "no_estimate": "with --dry-run: do not measure what the stages will cost, which takes about ten seconds",
    "json": "print the outcome to stdout as one JSON object",
    "verbose": "print the log lines of all libraries, which are otherwise only in the log file",
}
MADE_ON_DEMAND = "command_"  # begins the names under which cyclopts looks up the commands of COMMANDS in this module
app = App(
    name="shardgan",
    help="Compressed images in, a trusted generator out.",
    version=lambda: version("shardgan"),
    version_flags=["--version"],
)


def main() -> None:
    """Run the command line and exit with its status."""
    try:
        status = app(exit_on_error=False, print_error=True, result_action="return_value")
    except CycloptsError:
        status = WRONG
    sys.exit(status)


def run_command(
    command: Command,
    tokens: tuple[str, ...],
    file: Path | None,
    flags: dict[str, str],
    shared: Mapping[str, bool],
    log_format: LogFormat | None,
) -> int:
    """Resolve the config, then show it or run the flow. Return the exit status. `shared` has the flags of all commands.

    A dry run starts nothing that lasts.
    """
    if log_format:
        os.environ[LOG_FORMAT] = log_format  # processes that this one starts inherit it
    dry_run, as_json = shared["dry_run"], shared["json"]
    outcome: Any = None
    costs = None
    # Libraries print to stderr: stdout contains only the outcome.
    with contextlib.redirect_stdout(sys.stderr):
        try:
            config = resolve(command, tokens, file, flags)
            if command.is_flow and not dry_run:
                start_children(command, config)
            with without_collection():  # a plan imports what its command needs
                plan = command.plan(config) if dry_run or not command.check else command.check(config)
            if not dry_run:
                outcome = start(command, config, shared["verbose"])
            elif not shared["no_estimate"]:
                costs = ask_costs(command, config)
        except (SettingsError, *BAD_REQUESTS) as error:
            return fail(error, WRONG, as_json)
        except KeyboardInterrupt as stop:
            return fail(stop, 128 + stopped_by(), as_json)
        except Exception as failure:
            return fail(failure, FAILED, as_json)
    if outcome is None:
        show_plan(config, plan, costs, as_json=as_json, full=shared["full"])
    elif as_json:
        print(json.dumps(outcome.model_dump(mode="json")))
    else:
        print_summary(outcome)
    return DONE if outcome is None or command.succeeded(outcome) else FAILED


def start_children(command: Command, config: Any) -> None:
    """Start the processes that the command will need, and read the images that it will need.

    Imports take seconds, in these processes as in this one.
    """
    if command.trains:
        from tasks.training.process.early import EarlyTrainer  # imported late: a refused request does not need it

        EarlyTrainer.start(config.dataset, config.train, config.data)
    if command.scores:
        from tasks.tracking.inventory.models import find_manifest
        from tasks.trainer.pictures import EarlyImages  # imports NumPy, which refused requests do not need

        if manifest := find_manifest(home(), config.model):
            EarlyImages.start(manifest, config.evaluate)
    TemporaryServer.start()


def start(command: Command, config: BaseModel, verbose: bool) -> Any:
    """Run the command in this process. The trainer writes a checkpoint, whatever stops the command."""
    if command.of_source and getattr(config, "source", ""):
        with stoppable():
            return command.load(command.of_source)(config)
    from flows.cli.running import run_flow  # imported late: a refused request does not need it

    with stoppable():
        return run_flow(command, config, verbose)


def resolve(command: Command, tokens: tuple[str, ...], file: Path | None, flags: dict[str, str]) -> BaseModel:
    """Return the command's config: defaults, then the file, then flags and overrides. Raises SettingsError."""
    for name in command.positional.split():
        if not tokens or "=" in tokens[0]:
            break
        flags, tokens = {name: tokens[0]} | flags, tokens[1:]
    tree = read_file(file) if file else {}
    tree = command.fill_in(restrict(tree, command.config, DriftConfig), tree)
    return validate(command.config, set_values(tree, flags | parse_overrides(tokens), command.config))


def make_command(command: Command) -> Callable[..., int]:
    """Return a function that cyclopts can read, with one keyword per setting and the keywords of all commands."""
    aliases = {name: flag for flag, name in command.flags.items()}
    settings = {setting.name.replace(".", "__"): setting for setting in list_settings(command.config)}

    def run(*overrides: str, **given: Any) -> int:
        file = given.pop("config", None)
        shared = {name: given.pop(name, False) for name in SWITCHES}
        log_format = given.pop("log_format", None)
        words = {True: "true", False: "false"}  # of switches; all other values are text
        flags = {settings[key].name: words.get(value, value) for key, value in given.items() if value is not None}
        return run_command(command, overrides, file, flags, shared, log_format)

    parameters = [
        Argument(
            "overrides",
            Argument.VAR_POSITIONAL,
            annotation=Annotated[str, Parameter(help="NAME=VALUE", show=False)],
        )
    ]
    for key, setting in settings.items():
        names = [name for name in (aliases.get(setting.name), f"--{setting.name}") if name]
        group = _group(setting.name, aliases)
        text = re.sub("`([^`]+)`", r"\1", setting.help)  # code, where Markdown is read
        annotation: Any = Annotated[str | None, Parameter(name=names, help=text, group=group)]
        if setting.name in command.switches:
            annotation = Annotated[bool | None, Parameter(name=names, help=text, group=group, negative=())]
        parameters.append(Argument(key, Argument.KEYWORD_ONLY, default=None, annotation=annotation))
    parameters += _shared_parameters()
    run.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    run.__doc__ = command.help
    return run


def _group(name: str, aliases: dict[str, str]) -> str:
    if name in aliases:
        return "Common settings"
    return f"Settings: {name.partition('.')[0]}" if "." in name else "Common settings"


def _shared_parameters() -> list[Argument]:
    shared = {
        "config": (Path | None, None, "YAML file with settings; flags override it"),
        **{name: (bool, False, text) for name, text in SWITCHES.items()},
        "log_format": (
            LogFormat | None,
            None,
            "json: write each log line to stderr and to the log file as one JSON object, with the ids of the run",
        ),
    }
    short = {"verbose": ["-v"]}
    return [
        Argument(
            key,
            Argument.KEYWORD_ONLY,
            default=default,
            annotation=Annotated[
                kind,
                Parameter(
                    name=[f"--{key.replace('_', '-')}", *short.get(key, ())],
                    help=text,
                    negative=(),
                    group="Every command",
                ),
            ],
        )
        for key, (kind, default, text) in shared.items()
    ]


@app.command(name="show-config")
def show_config(
    *overrides: Annotated[str, Parameter(help="NAME=VALUE", show=False)],
    config: Annotated[Path | None, Parameter(help="YAML file with settings")] = None,
    json_output: Annotated[bool, Parameter(name="--json", negative=(), help="print it as one JSON object")] = False,
    dry_run: Annotated[
        bool, Parameter(negative=(), help="accepted without effect, because this command changes nothing")
    ] = False,
) -> int:
    """Print a YAML file with every setting: its value, its meaning and the allowed values. Edit it for --config."""
    placeholders: Tree = {"shard": {"source": "FOLDER", "dataset": "name"}}
    try:
        file = restrict(read_file(config), PipelineConfig, DriftConfig) if config else {}
        shard = placeholders["shard"] | file.get("shard", {})
        tree = set_values(file | {"shard": shard}, parse_overrides(overrides), PipelineConfig)
        resolved = validate(PipelineConfig, tree).model_dump(mode="json")
    except SettingsError as error:
        return fail(error, WRONG, json_output)
    print(json.dumps(resolved) if json_output else to_yaml(PipelineConfig, resolved))
    return DONE


app.command(list_things, name="list")
for _verb in (show, compare, delete, undo, gc):
    app.command(_verb)
app.register_install_completion_command(help="Let the shell complete commands and flags of shardgan.")
for _command in COMMANDS:
    app.command(
        f"{__name__}:{MADE_ON_DEMAND}{_command.name}",
        name=_command.name,
        help=_command.help,
    )


class CommandApp(App):
    """One command. Its arguments are assembled once for a page of help: cyclopts does it twice, 50 ms each."""

    _parsed: ArgumentCollection | None = None

    def assemble_argument_collection(
        self, *, default_parameter: Parameter | None = None, parse_docstring: bool = False
    ) -> ArgumentCollection:
        """Assemble the arguments, to parse words or (with `parse_docstring`) for help, which comes after parsing."""
        found, self._parsed = self._parsed, None
        if parse_docstring and found is not None:
            return found
        made = super().assemble_argument_collection(default_parameter=default_parameter, parse_docstring=True)
        self._parsed = None if parse_docstring else made
        return made


def __getattr__(name: str) -> App:
    """Make a command when cyclopts looks it up here: making all of them takes a tenth of a second."""
    for command in COMMANDS:
        if name == MADE_ON_DEMAND + command.name:
            made = CommandApp(
                name=command.name,
                help=command.help,
                help_format="plaintext",  # Markdown takes a tenth of a second
                usage=f"Usage: shardgan {command.name} [OPTIONS]",
            )
            made.default(make_command(command))
            return made
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
