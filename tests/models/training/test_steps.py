"""What a step must not do: make the host wait for the device. And steps that are replayed from a recording."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from models.compression.robust import Codecs
from models.compute.config import ComputeConfig
from models.compute.graphs import Outputs
from models.compute.parallel import World
from models.errors import ConfigError
from models.networks.families import FAMILIES, NetworkSpec
from models.shield.shield import Trusted
from models.training.config import TrainConfig
from models.training.loop import Tick, make_state
from models.training.state import TrainState
from models.training.steps.recorded import WARM_UP, RecordedStep, check_recordable, is_recorded
from models.training.steps.step import take_step
from tests.models.compute.shared_training import CODECS

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


EVERYTHING = {"translation": 0.1, "scale": 0.1, "flip": True, "colour": 0.5, "cutout": 0.3}
NOTHING = {"translation": 0, "scale": 0}
# Operators that read from the device, or copy to it from memory that is not pinned.
WAITING = ("_local_scalar_dense", "item", "nonzero", "is_nonzero", "equal", "lift_fresh", "masked_select", "unique")


class WaitCounter(TorchDispatchMode):
    """Counts what would make the host wait for a GPU."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        indices = args[1] if name in ("index", "index_put", "index_put_") else ()
        has_mask = any(index is not None and index.dtype == torch.bool for index in indices)
        if name in WAITING or has_mask:
            self.counts[name] += 1
        return func(*args, **(kwargs or {}))


def make(family: str, channels: int = 3, codecs: Codecs | None = None, **settings: Any) -> tuple[TrainState, Any]:
    resolution = 16
    config = TrainConfig.model_validate(
        {"family": family, "batch_size": 4, "nimg": 1000, "compute": {"device": "cpu", "threads": 1}, **settings}
    )
    spec = NetworkSpec(family=family, resolution=resolution, channels=channels, num_classes=2, latent_dim=4, width=8)
    trusted = None
    if config.shield.policy == "gate":
        images = torch.randint(0, 256, (40, channels, resolution, resolution), dtype=torch.uint8)
        trusted = Trusted(images, torch.arange(40) % 2)
    return make_state(config, spec, CPU, World(), codecs, trusted), config


def batch(number: int, channels: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(number)
    images = torch.randint(0, 256, (4, channels, 16, 16), dtype=torch.uint8, generator=generator)
    return images, torch.tensor([0, 1, 1, 0])


SHIELD = {"policy": "gate", "trusted": "val", "first_steps": 1, "steps": 1, "false_positive_rate": 0.1}
CASES: list[tuple[str, dict[str, Any]]] = [
    *[(family, {"augment": NOTHING}) for family in FAMILIES],
    *[(family, {"augment": {"policy": "adaptive", **EVERYTHING}}) for family in FAMILIES],
    ("dcgan", {"augment": {"policy": "scheduled", "strength": 0.5, **EVERYTHING, "scale": 0}}),
    ("dcgan", {"compression": "known", "codecs": CODECS}),
    ("r3", {"penalty": {"method": "differences", "every": 2}}),
    ("vaegan", {"compression": "learned", "compute": {"device": "cpu", "threads": 1, "micro_batch_size": 2}}),
    (
        "dcgan",
        {"shield": {"policy": "gate", "trusted": "val", "first_steps": 1, "steps": 1, "false_positive_rate": 0.1}},
    ),
]


@pytest.mark.parametrize(("family", "settings"), CASES)
def test_a_step_never_makes_the_host_wait(family: str, settings: dict[str, Any]) -> None:
    state, config = make(family, **settings)
    counter, tick = WaitCounter(), Tick(0, device=CPU)
    for number in range(2):  # the first step may wait: it copies constants, and trains the shield's head
        images, labels = batch(number)
        with counter if number else WaitCounter():
            tick.add(take_step(state, config, images, labels, World()))
        state.nimg += config.batch_size
    assert not counter.counts
    assert torch.isfinite(tick.sums).all()


def test_a_statistic_of_some_steps_is_averaged_over_these() -> None:
    tick = Tick(0, device=CPU)
    for number in range(5):
        penalty = {"penalty": torch.tensor(10.0 + number)} if number % 2 == 0 else {}
        tick.add({"loss": torch.tensor(float(number)), **penalty})
    resumed = Tick(0, tick.values(World()), CPU)  # its next step has no penalty
    for one in (tick, resumed):
        one.add({"loss": torch.tensor(5.0)})
    rows = [one.close(6, CPU, World()) for one in (tick, resumed)]
    assert [(row["loss"], row["penalty"]) for row in rows] == [(2.5, 12.0)] * 2


def test_the_unfinished_tick_of_an_earlier_release_goes_on() -> None:
    tick = Tick(0, {"num_steps": 3, "sums": {"loss": 6.0}}, CPU)
    tick.add({"loss": torch.tensor(2.0)})
    assert tick.close(4, CPU, World())["loss"] == 2


def test_the_counter_counts() -> None:
    with WaitCounter() as counter:
        value = torch.tensor([1.0, 0.0])
        bool(value[0] > 0)
        value[value > 0]
        value.nonzero()
    assert counter.counts == {"lift_fresh": 1, "_local_scalar_dense": 1, "index": 1, "nonzero": 1}


class ReplayedOnCpu(TorchDispatchMode):
    """Behaves like a CUDA graph: it keeps each operator with its arguments, and replays them on the same memory."""

    def __init__(self, state: TrainState, function: Callable[[], Outputs], generators: Sequence[Any]) -> None:
        super().__init__()
        self.calls: list[tuple[Any, Any, Any, Any]] = []
        before = {name: tensor.clone() for name, tensor in state.tensors().items()}
        with self:
            self.outputs = function()
        # Recording a CUDA graph does not run its kernels.
        for name, tensor in state.tensors().items():
            tensor.copy_(before[name])

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        memory = tree_map_only(torch.Tensor, torch.Tensor.detach, (args, kwargs or {}, out))
        self.calls.append((func, *memory))
        return out

    @torch.no_grad()
    def replay(self) -> None:
        for func, args, kwargs, out in self.calls:
            again = func(*args, **kwargs)
            for old, new in zip(tree_leaves(out), tree_leaves(again), strict=True):
                is_tensor = isinstance(old, torch.Tensor)
                if is_tensor and old.untyped_storage().data_ptr() != new.untyped_storage().data_ptr():
                    old.copy_(new)


REPLAYED = 5  # the strength changes every four steps
ADAPTIVE = {"augment": {"policy": "adaptive", "adapt_nimg": 50, **EVERYTHING}}
RISING = {"schedule": {"kind": "cosine", "beta2": 0.999}, "augment": {"policy": "scheduled", **EVERYTHING}}
R3 = {"schedule": {"kind": "cosine", "beta2": 0.99}, "beta2": 0.99, "compute": {"micro_batch_size": 2}}
RECORDED = [
    ("dcgan", ADAPTIVE),
    ("dcgan", RISING),
    pytest.param("r3", R3 | ADAPTIVE, marks=pytest.mark.slow),
    pytest.param("r3", R3 | {"augment": RISING["augment"]}, marks=pytest.mark.slow),
    pytest.param("r3", R3 | ADAPTIVE | {"penalty": {"method": "differences"}}, marks=pytest.mark.slow),
    *[pytest.param(family, ADAPTIVE, marks=pytest.mark.slow) for family in ("vae", "vaegan", "projected")],
]


@pytest.mark.parametrize(("family", "settings"), RECORDED)
def test_replayed_steps_end_in_the_bits_of_steps_that_are_computed(family: str, settings: dict[str, Any]) -> None:
    """Nothing that differs between steps is lost in a recording: seeds, schedules, strengths, rates, counters."""
    ends = []
    for is_replayed in (True, False):
        compute = {"device": "cpu", "graph": "on", **settings.get("compute", {})}
        state, config = make(family, **{**settings, "compute": compute})
        check_recordable(config, torch.device("cuda", 0), World())
        step: Any = RecordedStep(state, config, partial(ReplayedOnCpu, state))
        num_recorded = 0
        for number in range(WARM_UP + REPLAYED):
            if not is_replayed:
                step._num_taken = 0  # every step is a warm-up, which is computed
            statistics = {name: value.clone() for name, value in step(*batch(number)).items()}
            num_recorded += step._recording is not None
            state.nimg += config.batch_size
        assert num_recorded == (REPLAYED if is_replayed else 0)
        ends.append((state.tensors(), statistics))
    (ours, our_statistics), (theirs, their_statistics) = ends
    assert not [name for name in theirs if not torch.equal(ours[name], theirs[name])]
    assert our_statistics.keys() == their_statistics.keys()
    assert all(torch.equal(our_statistics[name], value) for name, value in their_statistics.items())


@pytest.mark.parametrize(
    ("settings", "world", "expected"),
    [
        ({}, World(), "the device is cpu"),
        ({}, World(0, 2), "2 processes exchange gradients"),
        ({"shield": {"policy": "gate", "trusted": "val"}}, World(), "trains the shield in some steps"),
        ({"compression": "learned"}, World(), "looks at the first images only"),
        ({"family": "r3", "penalty": {"every": 4}}, World(), "only each step number 4 has gradient penalties"),
        ({"preset": "r3-tiny"}, World(), r"changes beta2 from 0\.9 to 0\.99"),
    ],
)
def test_what_cannot_be_recorded_is_refused(settings: dict[str, Any], world: World, expected: str) -> None:
    device = CPU if expected.startswith("the device") else torch.device("cuda", 0)
    check_recordable(TrainConfig.model_validate(settings), device, world)
    config = TrainConfig.model_validate({**settings, "compute": ComputeConfig(graph="on")})
    assert not is_recorded(TrainConfig.model_validate(settings), device, world)
    with pytest.raises(ConfigError, match=expected):
        check_recordable(config, device, world)


def test_a_gpu_records_steps_unless_it_is_told_not_to() -> None:
    gpu = torch.device("cuda", 0)
    flags = ["auto", True, "true", False, "off"]  # true and false: settings files of earlier releases
    configs = [TrainConfig.model_validate({"family": "dcgan", "compute": {"graph": flag}}) for flag in flags]
    assert [is_recorded(config, gpu, World()) for config in configs] == [True, True, True, False, False]
