"""The rule for gamma by size and batch."""

import pytest

from models.networks.presets import R3_PRESETS
from models.networks.scaling import advise_gamma, batch_for, gamma_for


@pytest.mark.parametrize(
    ("preset", "side"), [("r3-32", 32), ("r3-64", 64), ("r3-128", 128), ("r3-256", 256), ("r3-512", 512)]
)
def test_presets_follow_the_rule(preset: str, side: int) -> None:
    settings = R3_PRESETS[preset]
    assert settings.batch_size == batch_for(side**2)
    assert gamma_for(side**2, settings.batch_size) == pytest.approx(settings.gamma[0], rel=0.03)
    assert settings.gamma[1] == pytest.approx(settings.gamma[0] / 10)
    assert not advise_gamma(settings.gamma[0], side**2, settings.batch_size)


def test_gamma_grows_with_the_pixels_and_falls_with_the_batch() -> None:
    sizes = [16 * 32, 32**2, 32 * 48, 64**2, 64 * 96, 128**2, 256**2, 256 * 384, 512**2]
    found = [gamma_for(pixels, 256) for pixels in sizes]
    assert found == sorted(found)
    assert gamma_for(64**2, 64) == pytest.approx(4 * gamma_for(64**2, 256))
    assert gamma_for(512**2, 256) == pytest.approx(4 * gamma_for(256**2, 256))


def test_a_gamma_for_another_size_is_named() -> None:
    said = advise_gamma(2.0, 512 * 768, 256)
    assert "train.gamma=900 train.schedule.gamma=90" in said
    tiny = R3_PRESETS["r3-tiny"]
    assert not advise_gamma(tiny.gamma[0], 32**2, tiny.batch_size)
