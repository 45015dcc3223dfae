"""How much each part does: on a GPU, and in a smoke run on a CPU."""

from dataclasses import dataclass
from typing import Any, NamedTuple


class Case(NamedTuple):
    """One training whose speed is measured, with today's images per second on an H200 and the goal (None: no goal)."""

    name: str
    family: str
    resolution: int
    width: int
    batch: int
    steps: int
    augmented: bool = False
    before: float | None = None
    goal: float | None = None


@dataclass(frozen=True)
class Sizes:
    """Everything that differs between a measurement and a smoke run."""

    is_smoke: bool
    device: str
    dcgan: tuple[Case, ...]
    r3: tuple[Case, ...]
    projected: tuple[Case, ...]
    variants: dict[str, dict[str, Any]]  # settings of train.compute by name, the most telling ones first
    penalties: dict[str, dict[str, Any]]  # settings of train for other ways to the penalties of r3, by name
    warm_up: int
    num_scored: int
    score_width: int
    score_resolution: int
    score_batch: int
    net_input: int
    num_compared: int  # images of which features are compared between CPU and GPU
    data_steps: int
    families: tuple[str, ...]  # of the parts that check correctness
    exact_resolution: int
    exact_width: int
    exact_steps: int
    precisions: tuple[str, ...]  # in which dcgan is compiled; other families in the first of them
    deterministic: Case
    patience: float = 1.0  # factor on every limit of time


DCGAN = ("dcgan", 64, 64)
FULL = Sizes(
    is_smoke=False,
    device="cuda",
    dcgan=(
        Case("dcgan-64, batch 256", *DCGAN, 256, 60, False, 19_400, 45_000),
        Case("dcgan-64, batch 256, augmented", *DCGAN, 256, 60, True, 12_300),
        Case("dcgan-64, batch 64", *DCGAN, 64, 100, False, 3_166, 20_000),
    ),
    r3=(
        Case("r3-64, width 768, batch 64", "r3", 64, 768, 64, 8, True, 37, 200),
        Case("r3-32, width 768, batch 64", "r3", 32, 768, 64, 12, True, None, 350),
    ),
    projected=(
        Case("projected-64, batch 16", "projected", 64, 32, 16, 40, True),
        Case("projected-64, batch 64", "projected", 64, 32, 64, 30, True),
    ),
    variants={
        "graph": {"graph": "on"},
        "compiled graph": {"compile": True, "graph": "on"},
        "eager": {"graph": "off"},
        "compiled": {"compile": True, "graph": "off"},
    },
    penalties={
        "each 4th step": {"penalty": {"every": 4}},
        "differences": {"penalty": {"method": "differences"}},
        "differences, compiled": {"penalty": {"method": "differences"}, "compute": {"compile": True}},
    },
    warm_up=6,
    num_scored=50_000,
    score_width=64,
    score_resolution=64,
    score_batch=500,
    net_input=112,
    num_compared=256,
    data_steps=400,
    families=("dcgan", "r3", "vae", "vaegan", "projected"),
    exact_resolution=32,
    exact_width=16,
    exact_steps=10,
    precisions=("bf16", "fp32"),
    deterministic=Case("dcgan-64, batch 256", *DCGAN, 256, 40),
)
SMOKE = Sizes(
    is_smoke=True,
    device="cpu",
    dcgan=(
        Case("dcgan-16, batch 4", "dcgan", 16, 4, 4, 1, False, None, 1),
        Case("dcgan-16, batch 4, augmented", "dcgan", 16, 4, 4, 1, True),
    ),
    r3=(Case("r3-16, width 8, batch 4", "r3", 16, 8, 4, 1, True),),
    projected=(Case("projected-32, batch 8", "projected", 32, 8, 8, 1, True),),
    variants={"eager": {}, "bf16": {"precision": "bf16"}},
    penalties={"differences": {"penalty": {"method": "differences"}}},
    warm_up=1,
    num_scored=16,
    score_width=4,
    score_resolution=16,
    score_batch=8,
    net_input=32,
    num_compared=4,
    data_steps=2,
    families=("dcgan",),
    exact_resolution=16,
    exact_width=4,
    exact_steps=3,
    precisions=("fp32",),
    deterministic=Case("dcgan-16, batch 4", "dcgan", 16, 4, 4, 1),
    patience=30.0,  # a smoke run measures nothing, and may run on a machine that does much else
)
