"""The forms that Prefect's UI draws from the flows' parameters: readable, bounded, and refusing what is wrong."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from typing import Any

import pytest
from prefect import Flow
from prefect.utilities.callables import parameter_schema
from prefect.utilities.schema_tools import ValidationError, is_valid_schema, validate

import flows
from flows.configs import PipelineConfig
from flows.pipelines.pipeline import pipeline
from models.networks.presets import preset_fields

Schema = dict[str, Any]
BOUNDS = ({"minimum", "exclusiveMinimum"}, {"maximum", "exclusiveMaximum"})


def find_flows() -> list[Flow[Any, Any]]:
    """One flow a file, of the file's name."""
    names = [module.name for module in pkgutil.walk_packages(flows.__path__, "flows.")]
    found = [getattr(importlib.import_module(name), name.rpartition(".")[2], None) for name in names]
    return [one for one in found if isinstance(one, Flow)]


def form(flow: Flow[Any, Any]) -> Schema:
    return parameter_schema(flow).model_dump_for_openapi()


def leaves(schema: Schema, node: Schema, prefix: str = "") -> Iterator[tuple[str, Schema]]:
    """Every field that holds a value, by dotted name."""
    for name, field in node["properties"].items():
        if section := model_of(schema, field):
            yield from leaves(schema, section, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field


def model_of(schema: Schema, field: Schema) -> Schema | None:
    """The model of a section; None for a field that holds a value."""
    reference = field.get("then", field).get("$ref")
    return schema["definitions"][reference.rpartition("/")[2]] if reference else None


FLOWS = find_flows()


def test_every_flow_is_found() -> None:
    assert {"build-dataset", "train-gan", "evaluate-gan", "generate-images", "pipeline"} <= {one.name for one in FLOWS}


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.name)
def test_every_field_says_what_it_is_and_what_is_allowed(flow: Flow[Any, Any]) -> None:
    schema = form(flow)
    is_valid_schema(schema)
    fields = dict(leaves(schema, schema))
    assert fields
    for name, field in fields.items():
        assert field.get("title"), f"{name} has no title"
        assert field.get("description"), f"{name} has no description"
        assert is_bounded(field), f"{name} has no bounds: {field}"


def is_bounded(field: Schema) -> bool:
    if "enum" in field or field["type"] == "boolean":
        return True
    if field["type"] == "string":
        return bool({"pattern", "maxLength"} & field.keys())
    if field["type"] in ("integer", "number"):
        return all(names & field.keys() for names in BOUNDS) and " to " in field["description"]
    return field["type"] == "array" and is_bounded(field["items"])


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.name)
def test_the_order_of_the_fields_survives_a_database_that_sorts_them(flow: Flow[Any, Any]) -> None:
    schema = form(flow)
    for node in [schema, *schema.get("definitions", {}).values()]:
        if "properties" in node:
            positions = [field["position"] for field in node["properties"].values()]
            assert sorted(positions) == list(range(len(positions)))


def test_the_settings_that_people_change_come_first() -> None:
    schema = form(pipeline)
    config = model_of(schema, schema["properties"]["config"])
    assert config
    sections = sorted(config["properties"].items(), key=lambda item: item[1]["position"])
    assert [name for name, _ in sections][:2] == ["shard", "train"]
    first = {f"{name}.{usual}" for name, field in sections[:2] for usual in field["anyOf"][0]["properties"]}
    assert first == {"shard.source", "shard.dataset", "shard.resolution", "train.family", "train.nimg"}
    assert sections[0][1]["anyOf"][0]["required"] == ["source", "dataset"]
    assert "For example: /data/flowers or s3://bucket/flowers." in str(sections[0][1]["anyOf"][0])
    assert all(field["anyOf"][0]["properties"] == {} for _, field in sections[2:] if "anyOf" in field)


def test_the_usual_settings_alone_are_a_request() -> None:
    request = {"config": {"shard": {"source": "/pictures", "dataset": "mine"}, "train": {"nimg": 1000}}}
    assert validate(request, form(pipeline), raise_on_error=False) == []
    assert PipelineConfig.model_validate(request["config"]).train.nimg == 1000


def filled(schema: Schema, node: Schema) -> Schema:
    """What the form sends when a person opens all settings and leaves them: every default it was told."""
    values = {}
    for name, field in node["properties"].items():
        if section := model_of(schema, field):
            values[name] = filled(schema, section)
        elif "default" in field:
            values[name] = field["default"]
    return values


def given(**changes: dict[str, Any]) -> Schema:
    """What the pipeline's form sends with a source, a dataset and `changes` typed in."""
    schema = form(pipeline)
    values = filled(schema, schema)
    for section, fields in changes.items():
        values["config"][section].update(fields)
    values["config"]["shard"] = {"source": "/pictures", "dataset": "mine"} | values["config"]["shard"]
    return values


def test_an_untouched_form_asks_for_the_defaults() -> None:
    sent = PipelineConfig.model_validate(given()["config"])
    assert sent == PipelineConfig.model_validate({"shard": {"source": "/pictures", "dataset": "mine"}})


@pytest.mark.parametrize("choice", [{"preset": "r3-tiny"}, {"family": "r3"}, {"family": "vae"}])
def test_a_preset_chosen_in_the_form_sets_what_it_stands_for(choice: dict[str, Any]) -> None:
    sent = PipelineConfig.model_validate(given(train=choice)["config"])
    asked = {"shard": {"source": "/pictures", "dataset": "mine"}, "train": choice}
    assert sent == PipelineConfig.model_validate(asked)


def test_what_a_preset_decides_says_so() -> None:
    schema = form(pipeline)
    fields = dict(leaves(schema, schema))
    for name in preset_fields():
        assert "empty: by preset and family" in fields[f"config.train.{name}"]["description"]


@pytest.mark.parametrize(
    ("section", "name", "value", "reason"),
    [
        ("train", "nimg", -5, "-5 is less than the minimum of 1"),
        ("train", "family", "stylegan", "'stylegan' is not one of"),
        ("train", "colour", 1, "'colour' was unexpected"),
        ("shard", "dataset", "My Pictures", "'My Pictures' does not match"),
        ("shard", "encoding", "tiff", "'tiff' does not match"),
        ("shard", "frames", "every", "'every' does not match"),
        ("shard", "resolution", "large", "'large' is not of type 'integer'"),
        ("evaluate", "num_images", 3, "3 is less than the minimum of 4"),
    ],
)
def test_a_wrong_value_is_refused_as_the_server_refuses_it(section: str, name: str, value: Any, reason: str) -> None:
    errors = validate(given(**{section: {name: value}}), form(pipeline), raise_on_error=False)
    (error,) = errors  # and no second one that only says that the section fits none of its tabs
    assert reason in error.message
    with pytest.raises(ValidationError, match=rf"config\.{section}.*{re.escape(reason)}"):
        validate(given(**{section: {name: value}}), form(pipeline), raise_on_error=True)
