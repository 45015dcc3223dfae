"""From a YAML file, flags and overrides to one validated config; every setting under its dotted name.

Later layers win: defaults, the file, flags. Values from the command line are read as YAML scalars and judged by
pydantic alone, so that a wrong one is refused with the same sentence whichever face of the config it came through.
"""

import copy
import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

Config = TypeVar("Config", bound=BaseModel)
Tree = dict[str, Any]
BOOLEAN = "tag:yaml.org,2002:bool"


class SettingsError(ValueError):
    """A setting is unknown or has a value that is not allowed; the message names it and says what is."""


class Loader(yaml.SafeLoader):
    """Reads YAML 1.2's booleans, true and false; off, on, yes and no are words, and some settings' values."""


Loader.yaml_implicit_resolvers = {
    first: [one for one in resolvers if one[0] != BOOLEAN]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
Loader.add_implicit_resolver(BOOLEAN, re.compile("^(true|True|TRUE|false|False|FALSE)$"), list("tTfF"))


@dataclass(frozen=True)
class Setting:
    """One leaf of a config."""

    name: str
    field: FieldInfo

    @property
    def help(self) -> str:
        """What it does, what is allowed and what it is by default."""
        default = "" if self.field.is_required() else f" [default: {format_value(self.field.default)}]"
        return f"{self.field.description}{self.allowed}{default}"

    @property
    def allowed(self) -> str:
        """The choices or bounds, in parentheses; empty where there are none."""
        if get_origin(self.field.annotation) is Literal:
            return f" ({', '.join(map(str, get_args(self.field.annotation)))})"
        signs = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
        pairs = [(sign, getattr(bound, key, None)) for bound in self.field.metadata for key, sign in signs.items()]
        bounds = [f"{sign} {limit}" for sign, limit in pairs if limit is not None]
        return f" ({', '.join(bounds)})" if bounds else ""


def list_settings(model: type[BaseModel], prefix: str = "") -> Iterator[Setting]:
    """Every leaf of `model`, by dotted name."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from list_settings(field.annotation, f"{prefix}{name}.")
        else:
            yield Setting(f"{prefix}{name}", field)


def read_file(path: Path) -> Tree:
    """The mapping in a YAML file. Raises SettingsError where it is none."""
    try:
        tree = yaml.load(path.expanduser().read_text(), Loader)
    except OSError as error:
        raise SettingsError(f"--config {path}: {error.strerror}; expected a YAML file") from error
    except yaml.YAMLError as error:
        raise SettingsError(f"--config {path} is no YAML: {error}") from error
    if not isinstance(tree, dict):
        raise SettingsError(f"--config {path} holds no mapping; expected sections like `shard:` and `train:`")
    return tree


def parse_overrides(overrides: tuple[str, ...]) -> dict[str, str]:
    """`name=value` words as a mapping."""
    for word in overrides:
        if "=" not in word:
            raise SettingsError(f"{word!r} is no override; expected NAME=VALUE, for instance train.nimg=200000")
    return dict(word.split("=", 1) for word in overrides)


def set_values(tree: Tree, values: Mapping[str, str], model: type[BaseModel]) -> Tree:
    """A copy of `tree` with the dotted `values` put in, read as `model` needs them."""
    result = copy.deepcopy(tree)
    texts = {setting.name for setting in list_settings(model) if setting.field.annotation is str}
    for name, text in values.items():
        *sections, leaf = name.split(".")
        node = result
        for section in sections:
            child = node.setdefault(section, {})
            if not isinstance(child, dict):
                raise SettingsError(f"{name}: {section} holds a value, not settings")
            node = child
        node[leaf] = text if name in texts else _parse_value(text)
    return result


def restrict(tree: Tree, model: type[BaseModel], everything: type[BaseModel]) -> Tree:
    """The sections of `tree` that `model` has, and those that not even `everything` has: `validate` refuses these."""
    return {
        key: value for key, value in tree.items() if key in model.model_fields or key not in everything.model_fields
    }


def validate(model: type[Config], tree: Tree) -> Config:
    """`tree` as a `model`. Raises SettingsError with one sentence for each thing that is wrong."""
    try:
        return model.model_validate(tree)
    except ValidationError as error:
        known = {setting.name: setting for setting in list_settings(model)}
        raise SettingsError("; ".join(_sentence(detail, known) for detail in error.errors())) from error


def _sentence(detail: Any, known: Mapping[str, Setting]) -> str:
    name = ".".join(map(str, detail["loc"]))
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "extra_forbidden":
        close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        return f"{name} is no setting" + (f"; did you mean {close[0]}?" if close else "; see `shardgan show-config`")
    if detail["type"] == "missing":
        return f"{name} is missing: give --{name} or set it in the --config file"
    if not name:
        return str(message)
    meaning = f" ({known[name].field.description})" if name in known else ""
    return f"{name} is {detail['input']!r}: {message[0].lower()}{message[1:]}{meaning}"


def to_yaml(model: type[BaseModel], tree: Tree, indent: str = "") -> str:
    """`tree` as YAML with what each setting means and allows beside it."""
    lines = []
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            lines += [
                f"{indent}{name}:  # {field.description}",
                to_yaml(field.annotation, tree[name], indent + "  "),
            ]
        else:
            setting = Setting(name, field)
            lines.append(f"{indent}{name}: {format_value(tree[name])}  # {field.description}{setting.allowed}")
    return "\n".join(lines)


def format_value(value: Any) -> str:
    """A scalar or a list as it would stand in YAML."""
    return (
        yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10_000)
        .removesuffix("\n")
        .removesuffix("\n...")
    )


def _parse_value(text: str) -> Any:
    try:
        return yaml.load(text, Loader)
    except yaml.YAMLError:
        return text
