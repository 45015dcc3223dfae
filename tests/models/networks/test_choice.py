"""The rule of train.family=auto: what it chooses, and that it says why."""

import pytest

from models.networks.choice import RULE, Facts, choose, describe_rule

DIGITS = Facts(num_images=5_000, channels=1, resolution=32, nimg=100_000, device="cpu")
EMOJI = Facts(num_images=3_381, channels=3, resolution=64, nimg=100_000, device="cpu")
LARGE = Facts(num_images=70_000, channels=3, resolution=64, nimg=20_000_000, device="cuda")


@pytest.mark.parametrize(
    ("facts", "family"),
    [
        (DIGITS, "dcgan"),
        (EMOJI, "dcgan"),
        (EMOJI._replace(device="cuda"), "projected"),
        (LARGE, "r3"),
        (LARGE._replace(device="cpu"), "dcgan"),
        (LARGE._replace(nimg=200_000), "dcgan"),
    ],
)
def test_what_is_chosen(facts: Facts, family: str) -> None:
    assert choose(facts).family == family


def test_a_gpu_gets_the_preset_that_was_best_on_one() -> None:
    assert choose(EMOJI).preset == "auto"
    assert choose(EMOJI._replace(device="cuda")).preset == "projected-gpu"


def test_the_last_row_fits_everything_and_each_row_names_its_evidence() -> None:
    assert RULE[-1].words() == "everything else"
    assert all(row.evidence for row in RULE)
    assert describe_rule().endswith("; dcgan for everything else")


def test_the_choice_is_a_sentence() -> None:
    assert choose(EMOJI._replace(device="cuda")).why.startswith(
        "projected with preset projected-gpu for 3,381 colour images of 64x64, 100,000 images to see, on a GPU "
        "(colour, at most 10,000 training images, on a GPU): lower FD-MobileNetV2 than dcgan"
    )
