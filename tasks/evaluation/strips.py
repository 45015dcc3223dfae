"""Pictures of how a version's images change with its latents: pulled towards the mean, and on the way between two."""

from typing import Any

import numpy as np
import pandas as pd
import torch

from models.grids import grid_png, to_uint8
from tasks.trainer.pictures import decode

TRUNCATIONS = (1.0, 0.75, 0.5, 0.25, 0.0)
MAX_COLUMNS = 10
NUM_STEPS = 9
MAX_ROWS = 5


def truncation_strip(model: Any, seed: int) -> bytes:
    """PNG with a row for each of TRUNCATIONS, the same latents in each column; empty for versions that have none."""
    if "truncation" not in model.metadata.get_input_schema().input_names():
        return b""
    arguments = model.unwrap_python_model().spec["arguments"]
    columns = min(arguments["num_classes"] or MAX_COLUMNS, MAX_COLUMNS)
    labels = np.arange(columns) if arguments["num_classes"] else np.full(columns, -1)
    tables = [
        pd.DataFrame({"num_images": 1, "seed": np.arange(columns) + seed, "label": labels, "truncation": truncation})
        for truncation in TRUNCATIONS
    ]
    return grid_png(decode(model.predict(pd.concat(tables, ignore_index=True))["image"]), columns)


@torch.no_grad()
def interpolation_strip(model: Any, seed: int) -> bytes:
    """PNG with one way a row: from one latent to another in NUM_STEPS, of one class where there are classes.

    On a great circle, because latents of N(0, I) lie near a sphere (Shoemake 1985; White 2016, "Sampling Generative
    Networks").
    """
    python_model = model.unwrap_python_model()
    network, device = python_model.generator, python_model.device
    rows = min(network.num_classes or MAX_ROWS, MAX_ROWS)
    ends = torch.randn(2, rows, network.latent_dim, generator=torch.Generator().manual_seed(seed))
    z = torch.stack([slerp(ends[0], ends[1], share) for share in np.linspace(0, 1, NUM_STEPS)], dim=1).flatten(0, 1)
    labels = torch.arange(rows).repeat_interleave(NUM_STEPS).to(device) if network.num_classes else None
    return grid_png(to_uint8(network(z.to(device), labels)).cpu().numpy(), NUM_STEPS)


def slerp(start: torch.Tensor, end: torch.Tensor, share: float) -> torch.Tensor:
    """Points (N, D) that far along the arcs from `start` to `end`; a straight line where the two point the same way."""
    cosine = torch.nn.functional.cosine_similarity(start, end, dim=1)[:, None]
    angle = torch.acos(cosine.clamp(-1, 1))
    arc = (torch.sin((1 - share) * angle) * start + torch.sin(share * angle) * end) / torch.sin(angle)
    return torch.where(torch.sin(angle) > 1e-4, arc, torch.lerp(start, end, share))
