"""What a score depends on besides the generator: only scores of equal protocols are ever compared."""

from models import Settings
from models.features.digests import digest_of
from models.features.feature_net import FeatureNet
from models.metrics.config import EvalConfig

METRICS_REVISION = 3  # raise it when a formula in metrics, neighbours or scores changes what it gives


class Protocol(Settings):
    """All that a score depends on besides the generator; scores compare only under equal protocols."""

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
    classifier_gain: str = ""  # digest of its settings; empty where it was not asked for
    generator_state: str = "ema"
    saved_as: str = ""  # the encoding that the images were saved with before they were scored; empty: none
    metrics_revision: int = METRICS_REVISION

    @classmethod
    def of(
        cls,
        config: EvalConfig,
        net: FeatureNet,
        *,
        dataset: str,
        dataset_version: str,
        num_reference: int,
        num_train: int = 0,
        split: str = "val",
        generator_state: str = "ema",
        saved_as: str = "",
    ) -> "Protocol":
        """Put together the protocol of scoring a generator against that split of the dataset."""
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
        )

    def digest(self) -> str:
        """Give 12 hex digits of the sha256 of the canonical JSON; scores compare only where it is equal."""
        # Left out where they say nothing: scores from before they were known keep their digests.
        unused = {name for name in ("classifier_gain", "saved_as") if not getattr(self, name)}
        return digest_of(self.model_dump(exclude=unused))

    def differences(self, other: "Protocol") -> list[str]:
        """Give one "field: this != other" for each field in which two protocols differ."""
        mine, theirs = self.model_dump(), other.model_dump()
        return [f"{name}: {mine[name]} != {theirs[name]}" for name in mine if mine[name] != theirs[name]]
