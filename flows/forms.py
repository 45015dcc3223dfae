"""Additions to the JSON schema of a flow's config, for the form in Prefect's UI.

There are three additions. None of them changes which values are valid:

- `position`: PostgreSQL sorts the keys of JSON objects, and the form would show the fields in that order.
- Bounds in the description: the form refuses a value out of bounds, but does not say beforehand what the bounds are.
- No default where a preset or a family decides. The form sends every default as if a person had typed it, and an
  explicit value wins over a preset: choosing r3 in the form would train it with the settings of dcgan.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import GetJsonSchemaHandler
from pydantic_core import CoreSchema

from tasks.trainer.config import preset_fields

Schema = dict[str, Any]


class Form:
    """Annotates a flow's config parameter: `config: Annotated[PipelineConfig, Form()]`."""

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> Schema:
        """The parameter's JSON schema, with the additions in all models inside it."""
        reference = handler(core)
        for path, position, field in _walk(reference, handler):
            if "position" in field:
                continue  # a model that is used twice in the config
            field["position"] = position
            if "$ref" in field:
                # The form uses the defaults of the single fields, if they still have one.
                field.pop("default", None)
            else:
                field["description"] = f"{field['description']}{describe_bounds(field)}"
                _leave_open(path, field)
        return reference


def _walk(reference: Schema, handler: GetJsonSchemaHandler, prefix: str = "") -> Iterator[tuple[str, int, Schema]]:
    """(dotted name, place among its siblings, schema) of every field below `reference`."""
    for position, (name, field) in enumerate(handler.resolve_ref_schema(reference).get("properties", {}).items()):
        yield f"{prefix}{name}", position, field
        if "$ref" in field:
            yield from _walk(field, handler, f"{prefix}{name}.")


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


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
