"""The GPUs of this machine, as `nvidia-smi` describes them. No figures on a machine without it."""

import csv
import shutil
import subprocess
from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

TIMEOUT_SECONDS = 5.0
MEBI = 2**20
# The name of a figure, its help, its field in nvidia-smi, and the factor from the unit there to ours.
FIGURES = (
    ("shardgan_gpu_utilization_ratio", "Share of the time in which the GPU worked.", "utilization.gpu", 0.01),
    ("shardgan_gpu_memory_used_bytes", "Used memory of the GPU.", "memory.used", MEBI),
    ("shardgan_gpu_memory_total_bytes", "Memory of the GPU.", "memory.total", MEBI),
    ("shardgan_gpu_temperature_celsius", "Temperature of the GPU.", "temperature.gpu", 1),
    ("shardgan_gpu_power_watts", "Power that the GPU draws.", "power.draw", 1),
)


def collect_gpus() -> Iterator[Metric]:
    """Yield the figures of each GPU. Raises subprocess.SubprocessError if the driver does not answer."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return
    fields = ",".join(["index", "name", *(field for _, _, field, _ in FIGURES)])
    command = [program, f"--query-gpu={fields}", "--format=csv,noheader,nounits"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=True)
    yield from parse(done.stdout)


def parse(table: str) -> Iterator[Metric]:
    """Yield the figures of nvidia-smi's table. A value that the card does not know, such as `[N/A]`, is left out."""
    families = [GaugeMetricFamily(name, text, labels=["gpu", "name"]) for name, text, _, _ in FIGURES]
    for index, card, *values in csv.reader(table.splitlines(), skipinitialspace=True):
        for family, (_, _, _, factor), value in zip(families, FIGURES, values, strict=True):
            try:
                family.add_metric([index, card], float(value) * factor)
            except ValueError:
                continue
    yield from families
