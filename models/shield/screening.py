"""Screening: a trained head judges incoming images without the training it comes from.

Its file is safetensors. It contains the head's weights, the head's scores of the held-out trusted images (from which a
threshold for any false positive rate follows), and how far JPEG moved trusted images.
"""

from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from models.errors import CheckpointError
from models.grids import to_float
from models.networks.families import NetworkSpec
from models.shield.duplicates import count_lookalikes
from models.shield.head import FORGED, GENERATED, ShieldHead, real_score
from models.shield.measures import threshold_at

EXTRAS = ("held_out_scores", "lookalike_distance")
BATCH = 256


class Judgement(NamedTuple):
    """Results for N images: class probabilities (N, 3), log-odds of real (N,), similar images (N,), and verdicts."""

    probabilities: torch.Tensor
    scores: torch.Tensor
    num_lookalikes: torch.Tensor
    verdicts: list[str]


def screener_tensors(shield: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors that a Screener needs, out of those of a training's shield."""
    return {name: value for name, value in shield.items() if name.startswith("head.") or name in EXTRAS}


class Screener:
    """A head with its held-out scores. Raises CheckpointError where the file at `path` does not fit `spec`."""

    def __init__(self, spec: NetworkSpec, path: Path, device: torch.device | str = "cpu") -> None:
        self.spec = spec
        self.device = torch.device(device)
        self.head = ShieldHead(spec).to(self.device).eval().requires_grad_(False)
        try:
            tensors = load_file(path)
            self.held_out_scores, self.lookalike_distance = (tensors.pop(name) for name in EXTRAS)
            self.head.load_state_dict({name.removeprefix("head."): value for name, value in tensors.items()})
        except (OSError, RuntimeError, KeyError, SafetensorError) as error:
            raise CheckpointError(f"{path} cannot be read as a shield of {spec}: {error}") from error

    @torch.no_grad()
    def judge(self, images: torch.Tensor, *, false_positive_rate: float, most_lookalikes: int) -> Judgement:
        """Judge uint8 `images` (N, C, H, W). Pass all images that arrive together, so that copies are seen.

        `generated` or `forged`: the image scores as less real than all but `false_positive_rate` of the trusted images;
        the verdict is the likelier of the two. `flood`: more than `most_lookalikes` other images may be JPEG copies of
        the same picture; the first of each such group passes. Raises ConfigError where too few trusted images were
        held out for the rate.
        """
        logits = torch.cat([self.head(to_float(part.to(self.device))) for part in torch.split(images, BATCH)]).cpu()
        scores, probabilities = real_score(logits), logits.softmax(dim=1)
        threshold = threshold_at(self.held_out_scores, false_positive_rate)
        lookalikes = count_lookalikes(to_float(images), float(self.lookalike_distance))
        suspicious = scores < threshold
        generated = probabilities[:, GENERATED] > probabilities[:, FORGED]
        verdicts = ["pass"] * len(images)
        for place in suspicious.nonzero()[:, 0].tolist():
            verdicts[place] = "generated" if generated[place] else "forged"
        crowd = (~suspicious & (lookalikes.counts > most_lookalikes)).nonzero()[:, 0].tolist()
        for place in crowd:
            if int(lookalikes.first[place]) != place:
                verdicts[place] = "flood"
        return Judgement(probabilities, scores, lookalikes.counts, verdicts)
