"""What a computation takes, from recorded readings: no test needs a GPU, its driver, or a machine with RAPL."""

import time
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from models.compute.metering.clock import Clock
from models.compute.metering.cpu import CpuEnergy
from models.compute.metering.flops import FlopCounter
from models.compute.metering.gpu import GpuReading, open_gpus
from models.compute.metering.meter import Meter, summarise
from models.compute.metering.peaks import find_peak

# Two cards, read three times, 1 s apart: the form of what the driver of an H100 and of a T4 says. The T4's energy
# counter is left out, as on cards before Volta.
RECORDED = [
    [
        GpuReading(at=100.0, busy=0.9, memory_bytes=8e9, watts=350.0, joules=1_000_000.0),
        GpuReading(at=100.0, busy=0.5, memory_bytes=2e9, watts=60.0),
    ],
    [
        GpuReading(at=101.0, busy=1.0, memory_bytes=30e9, watts=400.0, joules=1_000_380.0),
        GpuReading(at=101.0, busy=0.7, memory_bytes=2e9, watts=70.0),
    ],
    [
        GpuReading(at=102.0, busy=0.8, memory_bytes=28e9, watts=390.0, joules=1_000_770.0),
        GpuReading(at=102.0, busy=0.9, memory_bytes=3e9, watts=80.0),
    ],
]


def test_recorded_readings_become_busy_share_memory_and_energy() -> None:
    usage = summarise(RECORDED, cpu_joules=130.0)
    assert usage.seconds == pytest.approx(2.0)
    assert usage.gpu_busy == pytest.approx(0.8)
    assert usage.gpu_memory_bytes == pytest.approx(32e9)
    assert usage.gpu_joules == pytest.approx(770.0 + 140.0)  # a counter, and power times time
    assert usage.joules == pytest.approx(1040.0)
    assert usage.row() == pytest.approx(
        {"gpu_busy_share": 0.8, "gpu_memory_bytes": 32e9, "gpu_watts": 455.0, "cpu_watts": 65.0}
    )


def test_what_a_card_does_not_say_is_not_invented() -> None:
    silent = summarise([[GpuReading(at=1.0)], [GpuReading(at=2.0)]])
    assert silent.row() == {}
    assert silent.joules is None
    one_of_two = summarise([[RECORDED[0][0], GpuReading(at=100.0)], [RECORDED[1][0], GpuReading(at=101.0)]])
    assert one_of_two.gpu_joules is None  # the energy of one card is not that of both


def test_a_machine_without_gpu_driver_or_rapl_measures_nothing(tmp_path: Path) -> None:
    assert open_gpus([]) is None
    assert open_gpus(["GPU-00000000-0000-0000-0000-000000000000"]) is None
    cpu = CpuEnergy(tmp_path / "powercap")
    assert not cpu.is_readable
    meter = Meter(None, cpu)
    assert meter.take().row() == {}


def powercap(root: Path, domain: str, name: str, energy: int) -> Path:
    folder = root / domain
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "name").write_text(f"{name}\n")
    (folder / "max_energy_range_uj").write_text("262143328850\n")
    (folder / "energy_uj").write_text(f"{energy}\n")
    return folder / "energy_uj"


def test_rapl_counts_packages_once_and_goes_on_when_a_counter_starts_again(tmp_path: Path) -> None:
    first = powercap(tmp_path, "intel-rapl:0", "package-0", 262_143_000_000)
    second = powercap(tmp_path, "intel-rapl:1", "package-1", 5_000_000)
    powercap(tmp_path, "intel-rapl:0:0", "core", 1_000_000)
    powercap(tmp_path, "intel-rapl:2", "psys", 1_000_000)
    cpu = CpuEnergy(tmp_path)
    first.write_text("671150\n")  # 328,850 uJ to the end, 671,150 from zero
    second.write_text("7500000\n")
    assert cpu.joules() == pytest.approx(1.0 + 2.5)
    second.write_text("8000000\n")
    assert cpu.joules() == pytest.approx(4.0)


def test_a_counter_that_only_root_may_read_gives_no_energy(tmp_path: Path) -> None:
    powercap(tmp_path, "intel-rapl:0", "package-0", 1).unlink()
    assert CpuEnergy(tmp_path).joules() is None


def test_the_kinds_of_work_add_up_to_the_whole_time() -> None:
    clock, began = Clock(), time.perf_counter()
    with clock.spend("step"):
        sum(range(20_000))
        with clock.spend("data"):
            sum(range(20_000))
    spent = clock.take()
    assert set(spent) == {"step", "data", "other"}
    assert sum(spent.values()) == pytest.approx(time.perf_counter() - began, abs=0.05)
    assert sum(clock.take().values()) < 0.05


def test_seconds_can_be_charged_to_another_kind_afterwards() -> None:
    clock = Clock()
    with clock.spend("step"):
        clock.move(2.0, "step", "data")
    spent = clock.take()
    assert spent["data"] == 2.0
    assert spent["step"] == pytest.approx(-2.0, abs=0.05)


@pytest.mark.parametrize(
    ("card", "arithmetic", "teraflops"),
    [
        ("NVIDIA H100 80GB HBM3", "bf16", 989.5),
        ("NVIDIA H100 PCIe", "bf16", 756),
        ("NVIDIA A100-SXM4-80GB", "tf32", 156),
        ("NVIDIA L40S", "bf16", 362),
        ("Tesla T4", "tf32", 8.1),
    ],
)
def test_the_peak_follows_from_the_name(card: str, arithmetic: str, teraflops: float) -> None:
    assert find_peak(card, arithmetic) == pytest.approx(teraflops * 1e12)  # type: ignore[arg-type]


@pytest.mark.parametrize("card", ["", "NVIDIA H100 80GB HBM3 MIG 1g.10gb", "NVIDIA GeForce RTX 4090 Laptop GPU", "X1"])
def test_an_unknown_card_has_no_peak(card: str) -> None:
    assert find_peak(card, "bf16") is None


def test_a_grouped_convolution_is_counted_by_its_groups() -> None:
    images = torch.zeros(5, 12, 9, 9, requires_grad=True)
    weights = torch.zeros(8, 3, 3, 3, requires_grad=True)  # 4 groups
    forward = 2 * 5 * 7 * 7 * 8 * 3 * 3 * 3
    with FlopCounter() as counter:
        out = torch.nn.functional.conv2d(images, weights, groups=4)
    assert counter.total == forward
    with FlopCounter() as counter:
        torch.autograd.grad(out.sum(), (images, weights))
    assert counter.total == 2 * forward


def test_the_count_is_that_of_torch_where_both_can_count() -> None:
    net = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, stride=2),
        torch.nn.ConvTranspose2d(8, 4, 4),
        torch.nn.Flatten(),
        torch.nn.LazyLinear(5),
    )
    net(torch.zeros(2, 3, 16, 16))
    with FlopCounter() as ours:
        net(torch.zeros(2, 3, 16, 16)).sum().backward()
    with FlopCounterMode(display=False) as theirs:
        net(torch.zeros(2, 3, 16, 16)).sum().backward()
    assert ours.total == theirs.get_total_flops()
