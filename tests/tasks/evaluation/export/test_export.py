"""Exported images: files named by class, a grid and an animation; the same seed gives the same bytes."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shards.images.containers.marking import read_xmp
from tasks.errors import RequestError
from tasks.evaluation.export.config import ExportConfig
from tasks.evaluation.export.images import export_images, requests
from tasks.evaluation.export.request import plan_export


@pytest.fixture
def config(old_home: Path, tmp_path: Path) -> ExportConfig:
    return ExportConfig(model="models:/first@champion", out=str(tmp_path / "out"), num_images=5, frames=6)


def test_images_grid_and_animation_are_written(config: ExportConfig, tmp_path: Path) -> None:
    outcome = export_images(config)
    folder = tmp_path / "out"
    images = [f"{place:03d}-{'dark' if place % 2 else 'bright'}.png" for place in range(5)]
    assert sorted(path.name for path in folder.iterdir()) == [*images, "export.json", "grid.png", "interpolation.webp"]
    assert (outcome.model, outcome.images, outcome.classes) == ("models:/first/2", 5, ["bright", "dark"])
    record = json.loads((folder / "export.json").read_text())
    assert record["files"] == [*images, "grid.png", "interpolation.webp"]
    with Image.open(folder / "grid.png") as grid, Image.open(folder / images[0]) as image:
        assert image.size == (32, 32)
        assert grid.size == (2 + 8 * 34, 2 + 2 * 34)  # a row for each of the two classes
        first = np.asarray(grid)[2:34, 2:34]
        assert np.abs(first.astype(int) - np.asarray(image)).max() <= 1  # the grid begins with the same latents
    with Image.open(folder / "interpolation.webp") as animation:
        assert (animation.format, getattr(animation, "n_frames", 1)) == ("WEBP", 6)
        assert animation.width >= 480
    for name in (images[0], "grid.png", "interpolation.webp"):
        assert b"trainedAlgorithmicMedia" in read_xmp((folder / name).read_bytes())


def test_a_repeated_export_replaces_its_files_and_gives_the_same_bytes(config: ExportConfig, tmp_path: Path) -> None:
    only_images = {"grid": False, "frames": 0, "classes": "dark", "truncation": 0.5}
    export_images(config.model_copy(update=only_images))
    folder = tmp_path / "out"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert sorted(before) == [*(f"{place:03d}-dark.png" for place in range(5)), "export.json"]
    again = export_images(config.model_copy(update=only_images | {"num_images": 2}))
    assert {path.name for path in folder.glob("*.png")} == {"000-dark.png", "001-dark.png"}
    assert (folder / "001-dark.png").read_bytes() == before["001-dark.png"]
    assert (again.grid, again.interpolation) == ("", "")


def test_chosen_classes_get_equal_shares_of_the_same_latents(config: ExportConfig) -> None:
    asked = list(requests(config.model_copy(update={"num_images": 1001}), [1, 0]))
    assert [(one["label"], one["num_images"], one["seed"]) for one in asked] == [
        (1, 500, 0),
        (1, 1, 1),
        (0, 500, 0),
    ]


@pytest.mark.parametrize(
    ("update", "message"),
    [
        ({"classes": "dark, light"}, "classes names 'light', which models:/first@champion does not have: bright, dark"),
        ({"model": "first/7"}, "there is no 'models:/first/7'; did you mean"),
        ({"out": "taken"}, "which holds other files: give a new or empty folder"),
        ({"out": "taken/a.txt"}, "which is a file: give a folder"),
    ],
)
def test_a_wrong_request_is_refused_before_anything_is_loaded(
    config: ExportConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, update: dict[str, str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "a.txt").write_text("mine")
    with pytest.raises(RequestError) as refused:
        plan_export(config.model_copy(update=update))
    assert message in str(refused.value)
