"""Settings are refused before anything starts, with a sentence that names the field and what is allowed."""

import pytest
from pydantic import ValidationError

from shards import ShardConfig
from shards.images.recipe import Encoding, Recipe, pick_frames


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("dataset", "My Data", "pattern"),
        ("dataset", "../up", "pattern"),
        ("resolution", 7, "greater than or equal to 8"),
        ("channels", 4, "1 or 3"),
        ("encoding", "jpeg", "Use original, jpeg:Q"),
        ("encoding", "jpeg:0", "Q from 1 to 100"),
        ("encoding", "webp:80:444", "is unknown"),
        ("frames", "every:0", "Use first, all, every:N or most:N"),
        ("background", "white", "pattern"),
        ("val_fraction", 1.0, "less than or equal to 0.9"),
        ("worker", 3, "Extra inputs"),
    ],
)
def test_wrong_values_are_refused_by_name(field: str, value: object, message: str) -> None:
    settings = {"source": "x", "dataset": "x", field: value}
    with pytest.raises(ValidationError, match=message) as refused:
        ShardConfig(**settings)  # type: ignore[arg-type]
    assert refused.value.errors()[0]["loc"][0] == field


def test_every_field_explains_itself() -> None:
    for name, field in ShardConfig.model_fields.items():
        assert field.title, name
        assert field.description, name
        assert len(field.description) <= 220, name
    assert ShardConfig.model_json_schema()["required"] == ["source", "dataset"]


def test_recipe_survives_the_trip_to_a_child() -> None:
    recipe = ShardConfig(source="x", dataset="x", background="#102030").recipe()
    assert Recipe.from_dict(recipe.to_dict()) == recipe
    assert recipe.background == (16, 32, 48)


def test_who_does_the_work_does_not_name_the_version() -> None:
    one = ShardConfig(source="x", dataset="x", workers=1, time_limit_seconds=1)
    two = ShardConfig(source="y", dataset="y", workers=8)
    assert one.content_settings() == two.content_settings()


def test_home_is_expanded() -> None:
    assert not ShardConfig(source="~/pictures", dataset="x").source.startswith("~")
    assert ShardConfig(source="s3://bucket/~x", dataset="x").source == "s3://bucket/~x"


@pytest.mark.parametrize(("text", "quality"), [("jpeg:95", 95), ("JPEG:80:420", 80), ("avif:50", 50), ("png", None)])
def test_encodings(text: str, quality: int | None) -> None:
    assert Encoding.parse(text).quality == quality


@pytest.mark.parametrize("count", [1, 2, 7, 100])
@pytest.mark.parametrize("policy", ["first", "all", "every:3", "most:5"])
def test_picked_frames_exist_and_are_different(policy: str, count: int) -> None:
    picked = list(pick_frames(policy, count))
    assert picked[0] == 0
    assert picked == sorted(set(picked))
    assert picked[-1] < count
