from pathlib import Path

import pytest

from flows.cli.settings import (
    SettingsError,
    changed,
    list_settings,
    parse_overrides,
    read_file,
    restrict,
    set_values,
    to_yaml,
    validate,
)
from flows.configs import PipelineConfig, TrainGanConfig

MINIMAL = {"shard": {"source": "x", "dataset": "d"}}


def test_every_setting_is_described_titled_and_named_once() -> None:
    settings = list(list_settings(PipelineConfig))
    names = [setting.name for setting in settings]
    assert len(names) == len(set(names)) > 40
    assert {"shard.source", "train.nimg", "train.augment.scale", "promote.min_gain"} <= set(names)
    for setting in settings:
        assert setting.field.title, setting.name
        assert setting.field.description, setting.name


def test_later_layers_win(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("train: {nimg: 5, seed: 3}\n")
    tree = set_values(MINIMAL | read_file(path), {"train.nimg": "7"}, PipelineConfig)
    config = validate(PipelineConfig, tree)
    assert (config.train.nimg, config.train.seed, config.train.batch_size) == (7, 3, 32)


def test_a_yaml_file_can_be_made_from_a_config_and_read_back(tmp_path: Path) -> None:
    config = validate(PipelineConfig, set_values(MINIMAL, {"shard.background": "#000000"}, PipelineConfig))
    path = tmp_path / "c.yaml"
    path.write_text(to_yaml(PipelineConfig, config.model_dump(mode="json")))
    assert validate(PipelineConfig, read_file(path)) == config


def test_off_is_a_word_and_false_is_none(tmp_path: Path) -> None:
    given = {"train.compression": "off", "train.conditional": "false", "train.compute.compile": "yes"}
    config = validate(PipelineConfig, set_values(MINIMAL, given, PipelineConfig))
    assert (config.train.compression, config.train.conditional, config.train.compute.compile) == ("off", False, True)
    (tmp_path / "c.yaml").write_text("train: {compression: off, conditional: false}")
    assert read_file(tmp_path / "c.yaml") == {"train": {"compression": "off", "conditional": False}}


def test_text_stays_text_though_it_looks_like_a_number() -> None:
    config = validate(PipelineConfig, set_values(MINIMAL, {"shard.dataset": "2024"}, PipelineConfig))
    assert config.shard.dataset == "2024"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("train.nimg", "-5", "train.nimg is -5: input should be greater than or equal to 1"),
        ("train.nimg", "many", "train.nimg is 'many': input should be a valid integer"),
        ("train.nmig", "5", "train.nmig is not a setting; did you mean train.nimg?"),
        ("train.family", "stylegan", "train.family is 'stylegan': input should be 'auto', 'dcgan'"),
        ("shard.dataset", "Odd Name", "shard.dataset is 'Odd Name': .*lower-case letters"),
        ("shard.resolution", "40", "resolution 40 is not possible: use 16, 24, 32"),
        ("nonsense", "1", "nonsense is not a setting"),
        ("promote.min_classifier_gain", "0", "promote.min_classifier_gain is 0, but evaluate.classifier_nimg is 0"),
    ],
)
def test_a_wrong_value_is_refused_with_what_is_allowed(name: str, value: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        validate(PipelineConfig, set_values(MINIMAL, {name: value}, PipelineConfig))


def test_a_missing_value_is_named() -> None:
    with pytest.raises(SettingsError, match=r"shard\.source is missing: give --shard\.source"):
        validate(PipelineConfig, {"shard": {"dataset": "d"}})


@pytest.mark.parametrize("content", ["- a\n- b\n", "just text", "a: [1", ""])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(content)
    with pytest.raises(SettingsError, match=r"c\.yaml"):
        read_file(path)


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(SettingsError, match="No such file"):
        read_file(Path("/nowhere/c.yaml"))


def test_a_word_without_a_value_is_no_override() -> None:
    with pytest.raises(SettingsError, match="expected NAME=VALUE"):
        parse_overrides(("train.nimg",))


def test_a_file_for_the_whole_pipeline_serves_one_stage_too() -> None:
    tree = {"shard": {"source": "x"}, "train": {"nimg": 5}, "typo": 1}
    assert restrict(tree, TrainGanConfig, PipelineConfig) == {"train": {"nimg": 5}, "typo": 1}


def test_only_settings_that_differ_from_the_defaults_of_the_family_are_shown() -> None:
    tree = {**MINIMAL, "train": {"family": "r3", "batch_size": 8, "augment": {"cutout": 0.25}}}
    settings, defaults = changed(validate(PipelineConfig, tree))
    assert settings == {**MINIMAL, "train": {"family": "r3", "batch_size": 8, "augment": {"cutout": 0.25}}}
    assert defaults["train"] == {"family": "auto", "batch_size": 256, "augment": {"cutout": 0.5}}
