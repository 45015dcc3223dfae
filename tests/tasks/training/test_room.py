"""Whether a training fits a card: the sentences, and the settings that they name."""

import pytest

from models.compute.config import ComputeConfig
from models.training.config import TrainConfig
from models.training.estimates import Memory
from tasks.training.costs.room import GIB, Room, describe_cards, describe_room, how_it_fits

SMALL = Memory(constant=GIB, per_image=GIB // 16)


def config(**settings: object) -> TrainConfig:
    return TrainConfig(**{"family": "r3", "batch_size": 64, **settings})  # type: ignore[arg-type]


def test_a_named_part_fits_and_the_next_does_not() -> None:
    room = Room.of_gpu(8 * GIB)
    assert how_it_fits(config(), Memory(GIB, GIB), 64, room) == "set train.compute.micro_batch_size=8"
    assert room.needed(Memory(GIB, GIB), 8) <= room.total < room.needed(Memory(GIB, GIB), 16)
    assert how_it_fits(config(), Memory(GIB, 20 * GIB), 64, room) == "set a smaller train.width or shard.resolution"
    two = Memory(GIB, 8 * GIB)  # one image fits, two do not
    assert how_it_fits(config(), two, 64, room).endswith("=1")
    assert how_it_fits(config(family="projected"), two, 64, room) == "set a smaller train.width or shard.resolution"


def test_the_smallest_card_that_does_is_named() -> None:
    assert describe_cards(config(), SMALL, 64, 64) == "on a GPU with bf16 about 4.3 GiB: it fits a card of 8 GiB"
    large = describe_cards(config(), Memory(GIB, 8 * GIB), 64, 64)
    assert "more than one card has" in large
    assert (
        "micro_batch_size=4 for a card of 24 GiB; set train.compute.micro_batch_size=16 for a card of 80 GiB" in large
    )


@pytest.mark.parametrize(("device", "sentences"), [("cpu", 1), ("auto", 2)])
def test_this_machine_and_common_cards_are_described(device: str, sentences: int) -> None:
    compute = ComputeConfig(device=device, micro_batch_size=1)  # type: ignore[arg-type]
    said = list(describe_room(config(compute=compute), Memory(0, 2**20), 64))
    assert said[0].startswith("about 0.0 GiB for networks and feature maps of 1 images at once; this ")
    assert said[0].endswith("it fits")
    assert len(said) <= sentences
