"""How registered models are named, in one place and with one sentence for what is wrong."""

import pytest
from pydantic import BaseModel, ValidationError

from tasks.errors import RegistryError
from tasks.tracking.model_ref import ModelRef, ModelUri


@pytest.mark.parametrize(
    ("text", "ref", "uri"),
    [
        ("m", ModelRef("m", alias="challenger"), "models:/m@challenger"),
        ("models:/m", ModelRef("m", alias="challenger"), "models:/m@challenger"),
        ("models:/m/3", ModelRef("m", "3"), "models:/m/3"),
        ("m/3", ModelRef("m", "3"), "models:/m/3"),
        ("models:/my model@champion", ModelRef("my model", alias="champion"), "models:/my model@champion"),
    ],
)
def test_the_ways_to_name_a_model(text: str, ref: ModelRef, uri: str) -> None:
    assert ModelRef.parse(text) == ref
    assert ref.uri == uri
    assert ModelRef.parse(uri) == ref


class Config(BaseModel):
    model: ModelUri


@pytest.mark.parametrize("text", ["models:/", "models:/m/three", "models:/m/1/2", "m@", "m@a/1", "a:b", "m/-1"])
def test_what_names_no_model_is_refused(text: str) -> None:
    with pytest.raises(RegistryError, match="does not name a model: expected models:/name/3"):
        ModelRef.parse(text)
    with pytest.raises(ValidationError, match="expected models:/name/3"):
        Config(model=text)
