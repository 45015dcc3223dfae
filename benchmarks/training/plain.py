"""A plain loop as most scripts have it: `python -m benchmarks.training.plain FAMILY WIDTH BATCH STEPS MANIFEST`.

The same networks and losses in float32, eager, with backward() into .grad and a DataLoader that decodes the shards'
images through webdataset. Prints one JSON object: images a second and the share of time spent waiting for data.
"""

import io
import json
import sys
import time
from typing import Any

import numpy as np
import torch
import webdataset
from PIL import Image

from models.networks.families import NetworkSpec
from models.objectives.losses import discriminator_loss, generator_loss, gradient_penalty, relativistic_loss
from shards import Dataset

WARM_UP = 3


def load(sample: dict[str, Any]) -> tuple[torch.Tensor, int]:
    """One decoded image in [-1, 1] and its label."""
    data = next(value for name, value in sample.items() if name in ("png", "jpg", "webp"))
    pixels = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1) / 127.5 - 1, int(sample["cls"])


def main(family: str, width: int, batch: int, steps: int, manifest_uri: str) -> None:
    """Take the steps and print what they cost."""
    dataset = Dataset.open(manifest_uri)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    spec = NetworkSpec(
        family=family, resolution=64, channels=3, num_classes=len(dataset.labels), latent_dim=64, width=width
    )
    networks = {role: network.to(device) for role, network in spec.build_networks().items()}
    g, d = networks["generator"], networks["discriminator"]
    opt_g, opt_d = (torch.optim.Adam(net.parameters(), lr=2e-4, betas=(0.0, 0.99)) for net in (g, d))
    shards = [dataset.shard_uri(record) for record in dataset.manifest.shards("train")]
    data = webdataset.WebDataset(shards, shardshuffle=False, empty_check=False).shuffle(1000).map(load).repeat()
    waited = 0.0
    batches = iter(torch.utils.data.DataLoader(data, batch_size=batch, num_workers=2))
    for step in range(steps + WARM_UP):
        if step == WARM_UP:
            began, waited = time.perf_counter(), 0.0
        asked = time.perf_counter()
        images, labels = next(batches)
        real, labels = images.to(device), labels.to(device)
        waited += time.perf_counter() - asked
        z = torch.randn(batch, 64, device=device)
        opt_d.zero_grad()
        if family == "r3":
            real.requires_grad_()
            fake = g(z, labels).detach().requires_grad_()
            real_logits, fake_logits = d(real, labels), d(fake, labels)
            penalty = gradient_penalty(real_logits, real) + gradient_penalty(fake_logits, fake)
            (relativistic_loss(real_logits, fake_logits) + 0.5 * penalty).backward()
        else:
            discriminator_loss(d(real, labels), d(g(z, labels).detach(), labels)).backward()
        opt_d.step()
        opt_g.zero_grad()
        if family == "r3":
            relativistic_loss(d(g(z, labels), labels), d(real, labels).detach()).backward()
        else:
            generator_loss(d(g(z, labels), labels)).backward()
        opt_g.step()
    if device.type == "cuda":
        torch.cuda.synchronize()
    seconds = time.perf_counter() - began
    print(json.dumps({"images_per_second": batch * steps / seconds, "data_share": waited / seconds}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
