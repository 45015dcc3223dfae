"""The outcome of an evaluation, as plain values. Imports neither torch nor MLflow."""

from pydantic import BaseModel, ConfigDict

from models.metrics.config import LEAST_IMAGES
from models.metrics.judges import is_of, label_of
from models.metrics.protocol import Protocol


class EvaluateOutcome(BaseModel):
    """The result of an evaluation: scores, verdict and report."""

    model_config = ConfigDict(frozen=True)

    model: str
    scores: dict[str, float]
    protocol: Protocol
    promoted: bool
    waiting: bool = False  # a person was asked to approve it
    why: str
    champion: str | None
    report: str

    @property
    def result(self) -> str:
        """What the evaluation came to, in a word or two."""
        return "champion" if self.promoted else "waits for approval" if self.waiting else "not promoted"

    def facts(self) -> list[tuple[str, str]]:
        """Give the outcome as (name, value) pairs of plain text, in the order in which a person reads them."""
        protocol = self.protocol
        few = min(protocol.num_generated, protocol.num_reference) < LEAST_IMAGES
        unreliable = f" (unreliable: fewer than {LEAST_IMAGES} images on one side)" if few else ""
        label = label_of(protocol.second_net)
        second = {name: value for name, value in self.scores.items() if is_of(name, label)}
        first = {name: value for name, value in self.scores.items() if name not in second}
        return [
            ("scores", _in_a_line(first) + unreliable),
            *([("second judge", _in_a_line(second) + unreliable)] if second else []),
            (
                "protocol",
                f"{protocol.num_generated:,} generated against {protocol.num_reference:,} {protocol.split} images at "
                f"{protocol.input_size} pixels, seed {protocol.seed} ({protocol.digest()})",
            ),
            ("promoted", f"{'yes' if self.promoted else 'not yet' if self.waiting else 'no'}: {self.why}"),
            ("champion", self.champion or "none yet"),
            ("report", self.report),
        ]


def _in_a_line(scores: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in scores.items())
