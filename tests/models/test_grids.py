import io

import numpy as np
import torch
from PIL import Image

from models.grids import encode_png, grid_labels, grid_png, real_grid, to_float, to_uint8


def read(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)))


def test_a_conditional_grid_has_one_class_a_column() -> None:
    columns, labels = grid_labels(3, rows=2)
    assert columns == 3
    assert labels.tolist() == [0, 1, 2, 0, 1, 2]


def test_every_uint8_value_survives_the_way_through_float() -> None:
    values = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
    assert torch.equal(to_uint8(to_float(values)), values)


def test_the_grid_shows_each_image_in_its_place() -> None:
    images = np.stack([np.full((1, 2, 2), value, np.uint8) for value in (10, 20, 30)])
    grid = read(grid_png(images, columns=2, gap=1))
    assert grid.shape == (7, 7)
    assert (grid[1:3, 1:3] == 10).all()
    assert (grid[1:3, 4:6] == 20).all()
    assert (grid[4:6, 1:3] == 30).all()
    assert (grid[4:6, 4:6] == 255).all()


def test_colour_images_keep_their_channels() -> None:
    image = np.random.default_rng(0).integers(0, 256, (3, 5, 4), dtype=np.uint8)
    assert (read(encode_png(image)) == image.transpose(1, 2, 0)).all()


def test_real_images_stand_in_the_column_of_their_class() -> None:
    labels = np.array([0, 0, 1])
    images = np.stack([np.full((1, 2, 2), value, np.uint8) for value in (10, 11, 20)])
    grid = read(real_grid(images, labels, num_classes=2))
    assert grid[2, 2] == 10
    assert grid[2, 6] == 20
    assert grid[6, 2] == 11
    assert grid[6, 6] == 255


def test_fewer_images_than_cells_are_enough_without_classes() -> None:
    grid = read(real_grid(np.zeros((3, 1, 2, 2), np.uint8), np.zeros(3, np.int64), num_classes=0))
    assert grid.shape == (6, 34)


def test_classes_that_are_left_out_have_no_column() -> None:
    columns, labels = grid_labels(5, rows=2, classes=[0, 3, 4])
    assert (columns, labels.tolist()) == (3, [0, 3, 4] * 2)
    assert grid_labels(20, rows=1, classes=range(2, 20))[1].tolist() == list(range(2, 12))
    assert grid_labels(0, classes=[1])[0] == grid_labels(0)[0]
    images = np.full((2, 1, 4, 4), 7, np.uint8)
    picture = read(real_grid(images, np.array([0, 3]), 5, classes=[0, 3]))
    assert picture.shape[1] == 2 * 6 + 2
