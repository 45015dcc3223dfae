"""Presets: sets of defaults for a published or tested configuration, and defaults of single families.

r3-32, r3-64 and r3-256 are the published settings for CIFAR-10, FFHQ-64 and FFHQ-256 (Huang et al. 2024, R3GAN). The
others are ours. r3-128 lies between r3-64 and r3-256, with gamma at their geometric mean. r3-512 has the gamma of
models/networks/scaling.py. r3-512 and projected-256 were not measured here. r3-tiny is for two CPU cores: small
batches, since few images are seen, and a learning rate for narrow layers (benchmarks/results/families-32.md).
projected-gpu is for a GPU, which computes a wide generator and a large batch in little more time than small ones.
projected-256 has half of its width, because a map of 256x256 pixels is 16 times as large as one of 64x64.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Literal, NamedTuple

PresetName = Literal[
    "auto", "r3-tiny", "r3-32", "r3-64", "r3-128", "r3-256", "r3-512", "projected-gpu", "projected-256"
]


class Preset(NamedTuple):
    """One preset: initial values, and final values of the cosine schedules."""

    nimg: int
    batch_size: int
    width: int
    learning_rate: tuple[float, float]
    beta2: tuple[float, float]
    gamma: tuple[float, float]
    ema_half_life_nimg: int
    augment_strength: float


# fmt: off
R3_PRESETS = {
    #                 images      batch  width  learning rate  beta2        gamma         EMA half-life  augmentation
    "r3-tiny": Preset(100_000,    16,    32,    (3e-3, 2.5e-4), (0.9, 0.99), (0.5, 0.05),  4_000,         0.3),
    "r3-32":   Preset(20_000_000, 512,   768,   (2e-4, 5e-5),   (0.9, 0.99), (0.05, .005), 5_000_000,     0.55),
    "r3-64":   Preset(20_000_000, 256,   768,   (2e-4, 5e-5),   (0.9, 0.99), (2.0, 0.2),   500_000,       0.3),
    "r3-128":  Preset(20_000_000, 256,   768,   (2e-4, 5e-5),   (0.9, 0.99), (17.0, 1.7),  500_000,       0.3),
    "r3-256":  Preset(20_000_000, 256,   768,   (2e-4, 5e-5),   (0.9, 0.99), (150., 15.),  500_000,       0.3),
    "r3-512":  Preset(20_000_000, 256,   768,   (2e-4, 5e-5),   (0.9, 0.99), (600., 60.),  500_000,       0.3),
}
# fmt: on

FAMILY_DEFAULTS: dict[str, dict[str, Any]] = {
    "vae": {"learning_rate": 1e-3, "beta1": 0.9, "latent_dim": 32},
    "vaegan": {"latent_dim": 32},
    "projected": {
        "latent_dim": 256,
        "batch_size": 16,
        "learning_rate": 3e-4,
        "beta1": 0.0,
        "beta2": 0.99,
        "ema_half_life_nimg": 4_000,
        "augment": {"strength": 0.8, "scale": 0.0, "colour": 0.5},
        "health": {"score_ticks": 4},  # it gets worse after its best point, so the best checkpoint has to be found
    },
}


PROJECTED_PRESETS: dict[str, dict[str, Any]] = {
    "projected-gpu": {  # emoji of 64x64: benchmarks/results/families.md, training c
        "family": "projected",
        "nimg": 500_000,
        "batch_size": 64,
        "width": 128,
        "learning_rate": 2e-4,
        "ema_half_life_nimg": 10_000,
        "augment": {"strength": 1.0, "colour": 1.0, "cutout": 0.5},
    },
    "projected-256": {  # batch and learning rate of Sauer et al. 2021
        "family": "projected",
        "nimg": 1_000_000,
        "batch_size": 64,
        "width": 64,
        "learning_rate": 2e-4,
        "ema_half_life_nimg": 10_000,
        "augment": {"strength": 1.0, "colour": 1.0, "cutout": 0.5},
    },
}


def fill_in(given: Mapping[str, Any]) -> dict[str, Any]:
    """`given`, with missing settings taken from its preset or family. Settings in `given` are never replaced.

    Raises ValueError where a preset is combined with another family.
    """
    name, family = given.get("preset", "auto"), given.get("family")
    if name in R3_PRESETS:
        _check_family(name, "r3", family)
        return _merge(_settings(R3_PRESETS[name]), given)
    if name in PROJECTED_PRESETS:
        _check_family(name, "projected", family)
        return _merge(_merge(FAMILY_DEFAULTS["projected"], PROJECTED_PRESETS[name]), given)
    if family == "r3":
        return _merge(_settings(R3_PRESETS["r3-64"]), given)
    return _merge(FAMILY_DEFAULTS.get(str(family), {}), given)


def _check_family(preset: str, expected: str, given: Any) -> None:
    if given not in (None, expected):
        raise ValueError(f"preset {preset} is for family {expected}, not {given}: leave out one of the two")


@cache
def preset_fields() -> frozenset[str]:
    """Dotted names of all settings for which some preset or family has its own value."""
    rows = [*map(_settings, R3_PRESETS.values()), *PROJECTED_PRESETS.values(), *FAMILY_DEFAULTS.values()]
    return frozenset(name for row in rows for name in _dotted(row))


def _dotted(tree: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _dotted(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def _settings(preset: Preset) -> dict[str, Any]:
    """The preset as nested settings."""
    pairs = {name: getattr(preset, name) for name in ("learning_rate", "beta2", "gamma")}
    same = {name: getattr(preset, name) for name in ("nimg", "batch_size", "width", "ema_half_life_nimg")}
    return {
        "family": "r3",
        "latent_dim": 64,
        "beta1": 0.0,
        **same,
        **{name: start for name, (start, _) in pairs.items()},
        "schedule": {"kind": "cosine", **{name: end for name, (_, end) in pairs.items()}},
        "augment": {"policy": "scheduled", "strength": preset.augment_strength, "colour": 0.5, "cutout": 0.5},
    }


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**below, **above}
    for name, value in below.items():
        if isinstance(value, Mapping) and isinstance(above.get(name), Mapping):
            merged[name] = {**value, **above[name]}
    return merged
