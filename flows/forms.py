"""Additions to the JSON schema of a flow's config, for the form in Prefect's UI.

None of them changes which values are valid:

- `position`: PostgreSQL sorts the keys of JSON objects, and the form would show the fields in that order. The settings
  that people change come first.
- Bounds and examples in the description: the form refuses a value out of bounds, but does not say beforehand what the
  bounds are, and it does not show examples.
- No default where a preset or a family decides. The form sends every default as if a person had typed it, and an
  explicit value wins over a preset: choosing r3 in the form would train it with the settings of dcgan.
- Sections are folded. The form shows `anyOf` as tabs: the settings that people change, all settings, and JSON. It
  ignores `if` and `then`, which check the values and say what is wrong. `anyOf` accepts all values, because its errors
  would only say that none of the tabs fits.
"""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from pydantic import GetJsonSchemaHandler
from pydantic_core import CoreSchema

from tasks.trainer.config import preset_fields

Schema = dict[str, Any]
# The five settings that people change, by section. All others are folded away, as far as a section has them.
USUAL = {"shard": ("source", "dataset", "resolution"), "train": ("family", "nimg")}
USUAL_TAB, DEFAULTS_TAB, ALL_TAB, JSON_TAB = "Usual settings", "Defaults", "All settings", "As JSON"


class Form:
    """Annotates a flow's config parameter: `config: Annotated[PipelineConfig, Form()]`."""

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> Schema:
        """The parameter's JSON schema, with the additions in all models inside it."""
        reference = handler(core)
        # By their identity: a model that is used twice in the config has its fields once.
        fields = {id(field): (path, field) for path, field in _walk(reference, handler)}.values()
        sections = [(path, field) for path, field in fields if "$ref" in field]
        for path, field in fields:
            if "$ref" not in field:
                field["description"] = f"{field['description']}{describe_bounds(field)}"
                _leave_open(path, field)
                field["description"] += describe_examples(field)
        for model in [reference, *(field for _, field in sections)]:
            _order(handler.resolve_ref_schema(model))
        for path, field in sections:
            field.pop("default", None)  # the form uses the defaults of the single fields, if they still have one
            _fold(field, handler.resolve_ref_schema(field), USUAL.get(path, ()))
        return reference


def _walk(reference: Schema, handler: GetJsonSchemaHandler, prefix: str = "") -> Iterator[tuple[str, Schema]]:
    """(dotted name, schema) of every field below `reference`."""
    for name, field in handler.resolve_ref_schema(reference).get("properties", {}).items():
        yield f"{prefix}{name}", field
        if "$ref" in field:
            yield from _walk(field, handler, f"{prefix}{name}.")


def _order(model: Schema) -> None:
    """Number the fields of a model: required values, sections with usual settings, other sections, other values."""
    fields, required = model["properties"], model.get("required", [])

    def rank(name: str) -> int:
        if "$ref" in fields[name]:
            return 1 if name in USUAL else 2
        return 0 if name in required or not any("$ref" in field for field in fields.values()) else 3

    for position, name in enumerate(sorted(fields, key=rank)):
        fields[name]["position"] = position


def _fold(field: Schema, model: Schema, usual: tuple[str, ...]) -> None:
    """Turn the reference of a section into tabs."""
    reference = field.pop("$ref")
    field.setdefault("title", model["title"])
    shown = {name: deepcopy(model["properties"][name]) | {"position": place} for place, name in enumerate(usual)}
    first: Schema = {"type": "object", "title": USUAL_TAB if usual else DEFAULTS_TAB, "properties": shown}
    if required := [name for name in model.get("required", []) if name in usual]:
        first["required"] = required
    field |= {"if": {}, "then": {"$ref": reference}}
    field["anyOf"] = [first, {"$ref": reference, "title": ALL_TAB}, {"title": JSON_TAB}]


def _leave_open(path: str, field: Schema) -> None:
    _, found, name = f".{path}".rpartition(".train.")
    if found and name in preset_fields():
        default = field.pop("default")
        shown = f"{default:,}" if _is_number(default) else default
        field["description"] += f" [empty: by preset and family, else {shown}]"


def describe_bounds(field: Mapping[str, Any]) -> str:
    """Return the bounds of a number in parentheses, to append to its description. Empty for other types."""
    if field.get("type") not in ("integer", "number"):
        return ""
    low, above = field.get("minimum"), field.get("exclusiveMinimum")
    high, below = field.get("maximum"), field.get("exclusiveMaximum")
    least = f"{low:,}" if low is not None else f"more than {above:,}" if above is not None else ""
    most = f"{high:,}" if high is not None else f"less than {below:,}" if below is not None else ""
    return f" ({least} to {most})" if least and most else f" ({least}{most})" if least or most else ""


def describe_examples(field: Mapping[str, Any]) -> str:
    """Return a sentence with the examples of a field, to append to its description. Empty if there are none."""
    if not (examples := field.get("examples")):
        return ""
    shown = " or ".join(f"{one:,}" if _is_number(one) else str(one) for one in examples)
    return f"{'' if field['description'].endswith('.') else '.'} For example: {shown}."


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
