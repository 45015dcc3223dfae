"""The protocol of a score: everything that it depends on besides the generator."""

from typing import TYPE_CHECKING

from models import Settings
from models.features.digests import digest_of
from models.metrics.config import EvalConfig

if TYPE_CHECKING:  # it imports torch, and those who only read a protocol need none
    from models.features.feature_net import FeatureNet

ADDED_LATER = ("classifier_gain", "saved_as", "second_net", "second_weights_sha256", "second_input_size")
METRICS_REVISION = 3  # raise it when a change in metrics, neighbours or scores changes results


class Protocol(Settings):
    """Everything that a score depends on besides the generator. Only scores with equal protocols are compared."""

    feature_net: str
    weights_sha256: str
    input_size: int
    resize_filter: str
    num_generated: int
    num_reference: int
    num_train: int = 0
    dataset: str
    dataset_version: str
    split: str
    seed: int
    classifier_gain: str = ""  # digest of the settings of the classifier gain; empty where it was not measured
    generator_state: str = "ema"
    saved_as: str = ""  # the encoding that images were saved with before they were scored; empty: none
    second_net: str = ""  # the second judge, which sees the same images; empty: there was none
    second_weights_sha256: str = ""
    second_input_size: int = 0
    metrics_revision: int = METRICS_REVISION

    @classmethod
    def of(
        cls,
        config: EvalConfig,
        net: "FeatureNet",
        *,
        second: "FeatureNet | None" = None,
        dataset: str,
        dataset_version: str,
        num_reference: int,
        num_train: int = 0,
        split: str = "val",
        generator_state: str = "ema",
        saved_as: str = "",
    ) -> "Protocol":
        """The protocol of an evaluation with `config`, `net` and a second net against that split of the dataset."""
        return cls(
            feature_net=net.name,
            weights_sha256=net.sha256,
            input_size=net.input_size,
            resize_filter=net.resize_filter,
            num_generated=config.num_images,
            num_reference=num_reference,
            num_train=num_train,
            dataset=dataset,
            dataset_version=dataset_version,
            split=split,
            seed=config.seed,
            classifier_gain=digest_of(config.gain.model_dump()) if config.gain else "",
            generator_state=generator_state,
            saved_as=saved_as,
            second_net=second.name if second else "",
            second_weights_sha256=second.sha256 if second else "",
            second_input_size=second.input_size if second else 0,
        )

    def digest(self) -> str:
        """The first 12 hex digits of the sha256 of the canonical JSON; equal protocols have equal digests."""
        # Fields that were added later are left out where they are empty, so that older scores keep their digests.
        unused = {name for name in ADDED_LATER if not getattr(self, name)}
        return digest_of(self.model_dump(exclude=unused))

    def differences(self, other: "Protocol") -> list[str]:
        """One "field: this != other" for each field in which two protocols differ."""
        mine, theirs = self.model_dump(), other.model_dump()
        return [f"{name}: {mine[name]} != {theirs[name]}" for name in mine if mine[name] != theirs[name]]
