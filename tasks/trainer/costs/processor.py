"""What a trainer computes on, its peak FLOP/s, and the model FLOPs of the run's configuration."""

import logging

import torch

from models.compute.device import arithmetic
from models.compute.metering.peaks import TERA, find_peak
from models.training.estimates import count_flops
from tasks.trainer.costs.config import CostConfig
from tasks.trainer.costs.history import History, latest
from tasks.trainer.costs.journal import Processor
from tasks.trainer.run_directory import RunDirectory

logger = logging.getLogger(__name__)


def find_processor(run: RunDirectory, device: torch.device, processes: int, config: CostConfig) -> Processor:
    """Describe `device`, on which `processes` trainers work, each with a GPU of its own if it is one.

    FLOPs are counted once for each run, and only if the peak is known: without a peak they tell nothing.
    """
    is_gpu = device.type == "cuda"
    card = torch.cuda.get_device_name(device) if is_gpu else ""
    settings = run.config().train.compute
    peak = config.peak_tflops * TERA or find_peak(card, arithmetic(settings, device)) or 0.0
    return Processor(
        card=card,
        gpus=processes if is_gpu else 0,
        peak=peak * (processes if is_gpu else 1),
        flops=flops_per_image(run) if peak else 0.0,
    )


def flops_per_image(run: RunDirectory) -> float:
    """Return the model FLOPs of one image in the run's training. 0 if they cannot be counted."""
    history = History(run.path)
    if known := latest(history.rows(), "flops"):
        return float(known["per_image"])
    config = run.config()
    try:
        flops = count_flops(config.train, config.network)
    except Exception as error:
        logger.warning("the model FLOPs cannot be counted, so no MFU is shown (%s: %s)", type(error).__name__, error)
        flops = 0.0
    history.add("flops", per_image=flops)
    return flops
