"""A registered version behind one object: images, files, grids and what it knows of itself."""

import io
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from shards.images.containers.marking import read_xmp
from tasks.evaluation.grids import TRUNCATIONS, class_grid, truncation_grid
from tasks.home import home
from tasks.registry.loaded_generator import IMAGES_A_CALL, LoadedGenerator, decode_pngs
from tasks.registry.versions import resolve_version
from tasks.tracking.runs import connect


@pytest.fixture
def generator(served_home: Any) -> LoadedGenerator:
    return LoadedGenerator.load(resolve_version(connect(home()), "models:/m@champion"))


def test_it_knows_what_it_makes(generator: LoadedGenerator) -> None:
    assert (generator.resolution, generator.channels, generator.num_classes) == (16, 3, 2)
    assert generator.is_conditional
    assert generator.takes_truncation
    assert generator.makes(["bright", "dark"])
    assert not generator.makes(["dark", "bright"])
    assert [generator.class_number(name) for name in ("dark", "absent", None)] == [1, -1, -1]


def test_it_makes_what_consumers_get(generator: LoadedGenerator, model: Any) -> None:
    table = model.predict(pd.DataFrame([{"num_images": 3, "seed": 7}]))
    images = generator.generate(3, 7)
    assert images.shape == (3, 3, 16, 16)
    assert images.dtype == np.uint8
    assert (images == decode_pngs(table["image"])).all()
    made = generator.encode({"num_images": 3, "seed": 7, "label": -1, "truncation": 1.0, "format": "png"})
    assert made.files == list(table["image"])
    assert made.labels == [0, 1, 0]
    each = generator.generate_each([7, 9], [0, 1], truncation=1.0)
    assert (each[0] == generator.generate(1, 7, 0)[0]).all()
    assert (each[1] == generator.generate(1, 9, 1)[0]).all()


def test_files_and_grids_say_what_made_them(generator: LoadedGenerator) -> None:
    request = {"num_images": 2, "seed": 7, "label": 1, "truncation": 0.5, "format": "jpeg"}
    said = read_xmp(generator.encode(request).files[1]).decode()
    weights = generator.spec["sha256"]["weights"]
    for fact in ("shardgan models:/m", weights, 'seed="7"', 'number="1"', 'label="1"', 'truncation="0.5"'):
        assert fact in said
    assert not read_xmp(generator.encode(request, mark=False).files[1])
    assert b"shardgan models:/m/1" in read_xmp(class_grid(generator, 0))
    assert b"/compositeWith" in read_xmp(generator.mark(class_grid(generator, 0), 0, composite=True))


def test_many_images_come_in_batches_with_seeds_of_their_own(generator: LoadedGenerator) -> None:
    batches = list(generator.generate_many(IMAGES_A_CALL + 2, seed=3, label=1))
    assert [len(batch) for batch in batches] == [IMAGES_A_CALL, 2]
    assert (batches[1] == generator.generate(2, 4, 1)).all()


def test_latents_are_rendered_like_images_of_a_seed(generator: LoadedGenerator) -> None:
    z = torch.randn(16, generator.latent_dim, generator=torch.Generator().manual_seed(5))
    made = generator.render(z, torch.zeros(16, dtype=torch.int64))
    assert np.abs(made.astype(int) - generator.generate(16, 5, 0)).max() <= 1


def test_grids_have_a_column_for_each_class(generator: LoadedGenerator) -> None:
    with Image.open(io.BytesIO(truncation_grid(generator, 0))) as picture:
        assert picture.size == (2 * 18 + 2, len(TRUNCATIONS) * 18 + 2)
    with Image.open(io.BytesIO(class_grid(generator, 0))) as picture:
        assert np.asarray(picture).std() > 0


def test_decoding_gives_back_the_pixels() -> None:
    rng = np.random.default_rng(0)
    for shape in ((3, 5, 4), (3, 5, 4, 3)):
        pixels = rng.integers(0, 256, shape, dtype=np.uint8)
        encoded = []
        for picture in pixels:
            buffer = io.BytesIO()
            Image.fromarray(picture).save(buffer, "PNG")
            encoded.append(buffer.getvalue())
        expected = pixels[:, None] if pixels.ndim == 3 else pixels.transpose(0, 3, 1, 2)
        assert (decode_pngs(encoded) == expected).all()
