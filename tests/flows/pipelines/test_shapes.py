"""From files to consumers with images that are not square, through the command line."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from shards import Dataset
from tests.conftest import write_collection
from tests.console import Console, open_console, user_environment

SMALL = ("train.width=4", "train.latent_dim=8", "train.compute.threads=1", "train.health.score_ticks=0")
JUDGED = ("evaluate.input_size=32", "evaluate.num_images=32", "promote.floors=off")


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    folder = tmp_path_factory.mktemp("shapes")
    write_collection(folder / "pictures")
    environment = user_environment(folder / "home")
    with open_console(folder, environment, words={"PICTURES": str(folder / "pictures")}) as console:
        yield console


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "settings"),
    [
        ("dcgan", ("train.compression=known", "data.mode=streaming", "data.workers=1", "shard.encoding=jpeg:40")),
        ("projected", ("shard.encoding=png", "train.batch_size=8")),
    ],
)
def test_images_of_another_shape_go_all_the_way(
    console: Console, family: str, settings: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["run", "--source", "PICTURES", "--dataset", family, "--resolution", "24x16", "--family", family]
    done = console.run(
        *command, "--nimg", "64", "shard.val_fraction=0.4", "shard.workers=1", *SMALL, *JUDGED, *settings
    )
    manifest = Dataset.open(done["build"]["manifest"]).manifest
    assert manifest.shape == (3, 16, 24)
    run = Path(done["train"]["run_dir"])
    grids = sorted((run / "samples").glob("0*.png"))
    with Image.open(grids[-1]) as grid:
        assert grid.size == (2 + 2 * 26, 2 + 8 * 18)  # a column for each of two classes
    assert done["evaluate"]["scores"]
    out = tmp_path / "out"
    console.run("export", f"models:/{family}/1", "--out", str(out), "--num-images", "4", "frames=4")
    images = [path for path in sorted(out.rglob("*.png")) if path.name != "grid.png"]
    assert {Image.open(path).size for path in images} == {(24, 16)}
    made = console.run("generate", "--model", f"models:/{family}/1", "--dataset", f"{family}-made", "--num-images", "8")
    assert Dataset.open(made["manifest"]).manifest.shape == (3, 16, 24)
