"""What is compared: each family on each collection, with the same number of images seen."""

from typing import Any, NamedTuple

from models.training.config import TrainConfig

NIMG = 50_000
_DCGAN = {"family": "dcgan", "width": 32, "latent_dim": 64, "ema_half_life_nimg": 4000}
_PROJECTED = {"family": "projected", "width": 32}
_MOVES = {"translation": 0.06, "scale": 0.05}
_COLOURS = {"translation": 0.125, "scale": 0.1, "colour": 0.5, "cutout": 0.3}
_SETTINGS: dict[str, dict[str, dict[str, Any]]] = {
    "digits": {
        "dcgan": {**_DCGAN, "augment": _MOVES},
        "r3-tiny": {"preset": "r3-tiny"},
        "projected": {**_PROJECTED, "augment": {"translation": 0.06, "colour": 0}},
        "vae": {"family": "vae", "width": 32},
        "vaegan": {"family": "vaegan", "width": 32, "augment": _MOVES},
    },
    "emoji": {
        "dcgan": {**_DCGAN, "augment": {"policy": "adaptive", "adapt_nimg": 100_000, **_COLOURS}},
        "dcgan, no augmentation": {**_DCGAN, "augment": {"translation": 0, "scale": 0}},
        "r3-tiny": {"preset": "r3-tiny"},
        "projected": {**_PROJECTED, "augment": {"flip": True}},
        "vae": {"family": "vae", "width": 32},
        "vaegan": {
            "family": "vaegan",
            "width": 32,
            "augment": {"policy": "adaptive", "adapt_nimg": 100_000, **_COLOURS},
        },
    },
}


class Contender(NamedTuple):
    """One training of the comparison."""

    collection: str
    name: str
    config: TrainConfig

    @property
    def slug(self) -> str:
        return f"{self.collection}-{self.name}".replace(", ", "-").replace(" ", "-")


def settings_of(collection: str, name: str) -> dict[str, Any]:
    """How one family is set on one collection."""
    return _SETTINGS[collection][name]


def contenders(nimg: int = NIMG, threads: int = 0) -> list[Contender]:
    """Every training of the comparison; all see `nimg` images."""
    common = {
        "nimg": nimg,
        "health": {"score_ticks": 0},
        "tick_nimg": nimg // 50,
        "checkpoint_ticks": 10,
        "keep_checkpoints": 100,
    }
    compute = {"device": "auto", "threads": threads}
    return [
        Contender(collection, name, TrainConfig.model_validate({**settings, **common, "compute": compute}))
        for collection, rows in _SETTINGS.items()
        for name, settings in rows.items()
    ]
