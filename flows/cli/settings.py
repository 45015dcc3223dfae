"""One validated config from defaults, a YAML file, and flags. Every setting has a dotted name.

Later layers win: defaults, then the file, then flags. Values from the command line are read as YAML scalars. Only
pydantic checks them, so a wrong value is refused with the same sentence wherever it was given.
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
CHOOSE_DEFAULTS = ("preset", "family")  # settings that choose the defaults of those beside them
BOOLEAN = "tag:yaml.org,2002:bool"


class SettingsError(ValueError):
    """A setting is unknown or its value is not allowed. The message names the setting and what is allowed."""


class Loader(yaml.SafeLoader):
    """Reads only true and false as booleans, as YAML 1.2 does: off, on, yes and no are values of some settings."""


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
        """The meaning of the setting, its allowed values, and its default."""
        default = "" if self.field.is_required() else f" [default: {format_value(self.field.default)}]"
        return f"{self.field.description}{self.allowed}{default}"

    @property
    def allowed(self) -> str:
        """The choices or bounds in parentheses. Empty if there are none."""
        if get_origin(self.field.annotation) is Literal:
            return f" ({', '.join(map(str, get_args(self.field.annotation)))})"
        signs = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
        pairs = [(sign, getattr(bound, key, None)) for bound in self.field.metadata for key, sign in signs.items()]
        bounds = [f"{sign} {limit}" for sign, limit in pairs if limit is not None]
        return f" ({', '.join(bounds)})" if bounds else ""


def list_settings(model: type[BaseModel], prefix: str = "") -> Iterator[Setting]:
    """Yield every leaf of `model` with its dotted name."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from list_settings(field.annotation, f"{prefix}{name}.")
        else:
            yield Setting(f"{prefix}{name}", field)


def read_file(path: Path) -> Tree:
    """Read the mapping in a YAML file. Raises SettingsError for a file that is missing or contains anything else."""
    try:
        tree = yaml.load(path.expanduser().read_text(), Loader)
    except OSError as error:
        raise SettingsError(f"--config {path}: {error.strerror}; expected a YAML file") from error
    except yaml.YAMLError as error:
        raise SettingsError(f"--config {path} is not valid YAML: {error}") from error
    if not isinstance(tree, dict):
        raise SettingsError(f"--config {path} does not contain a mapping; expected sections like `shard:` and `train:`")
    return tree


def parse_overrides(overrides: tuple[str, ...]) -> dict[str, str]:
    """Parse `name=value` words into a mapping."""
    for word in overrides:
        if "=" not in word:
            raise SettingsError(f"{word!r} is not an override; expected NAME=VALUE, for instance train.nimg=200000")
    return dict(word.split("=", 1) for word in overrides)


def set_values(tree: Tree, values: Mapping[str, str], model: type[BaseModel]) -> Tree:
    """Copy `tree` and set the dotted `values` in it, each read as the type that `model` has there."""
    result = copy.deepcopy(tree)
    texts = {setting.name for setting in list_settings(model) if setting.field.annotation is str}
    for name, text in values.items():
        *sections, leaf = name.split(".")
        node = result
        for section in sections:
            child = node.setdefault(section, {})
            if not isinstance(child, dict):
                raise SettingsError(f"{name}: {section} is a value and has no settings in it")
            node = child
        node[leaf] = text if name in texts else _parse_value(text)
    return result


def restrict(tree: Tree, model: type[BaseModel], everything: type[BaseModel]) -> Tree:
    """Keep the sections that `model` has, and those that `everything` does not know: `validate` refuses the latter."""
    return {
        key: value for key, value in tree.items() if key in model.model_fields or key not in everything.model_fields
    }


def validate(model: type[Config], tree: Tree) -> Config:
    """Make a `model` of `tree`. Raises SettingsError with one sentence for each mistake."""
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
        return f"{name} is not a setting" + (f"; did you mean {close[0]}?" if close else "; see `shardgan show-config`")
    if detail["type"] == "missing":
        return f"{name} is missing: give --{name} or set it in the --config file"
    if not name:
        return str(message)
    meaning = f" ({known[name].field.description})" if name in known else ""
    return f"{name} is {detail['input']!r}: {message[0].lower()}{message[1:]}{meaning}"


def changed(config: BaseModel, base: BaseModel | None = None) -> tuple[Tree, Tree]:
    """Return the settings that differ from the defaults, and beside them a tree of these defaults.

    The defaults of a training are those of its family and preset. `base` has the defaults of a section.
    """
    found: Tree = {}
    defaults: Tree = {}
    fields = type(config).model_fields
    chosen = {name: getattr(config, name) for name in CHOOSE_DEFAULTS if name in fields}
    if chosen:
        base = type(config).model_validate(chosen)
    for name, field in fields.items():
        value = getattr(config, name)
        default = field.default if base is None or name in chosen else getattr(base, name)
        if isinstance(value, BaseModel):
            below = changed(value, default if isinstance(default, BaseModel) else None)
            if below[0]:
                found[name], defaults[name] = below
        elif field.is_required() or value != default:
            found[name], defaults[name] = value, None if field.is_required() else default
    return found, defaults


def to_yaml(model: type[BaseModel], tree: Tree, indent: str = "") -> str:
    """Write `tree` as YAML, with a comment on each setting: what it means and which values are allowed."""
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
    """Write a scalar or a list as YAML does."""
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
