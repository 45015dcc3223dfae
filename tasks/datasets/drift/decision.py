"""Whether new files are worth a training, in sentences. Imports neither torch nor MLflow."""

from collections.abc import Iterator, Mapping

from pydantic import BaseModel, ConfigDict

from tasks.datasets.config import DriftPolicy


class Difference(BaseModel):
    """A distance of the new files from the dataset, and the ones that random samples of the dataset have."""

    model_config = ConfigDict(frozen=True)

    distance: float
    by_chance: float
    largest: float
    ratio: float  # of the distance to the mean one by chance
    exceeds_chance: bool


class Comparison(BaseModel):
    """The new files of a source and the champion's dataset. Differences that could not be measured are None."""

    model_config = ConfigDict(frozen=True)

    model: str  # URI of the champion
    dataset: str  # name@version of its dataset
    known: int  # images of the dataset
    listed: int  # files of the source
    new: int  # files that the dataset does not have, neither as images nor as duplicates or refused files
    sampled: int  # new files that were decoded
    usable: int  # of these, images that the dataset does not have
    reasons: Mapping[str, int] = {}  # why the others were refused
    new_classes: Mapping[str, int] = {}  # new files of each class that the champion does not know
    feature_net: str = ""
    features: Difference | None = None
    classes: Difference | None = None
    sizes: Difference | None = None
    codecs: Difference | None = None
    refused: Difference | None = None  # share of refused files, as a distance from that of the dataset
    codec_shares: Mapping[str, tuple[float, float]] = {}  # in the dataset, among the new files

    @property
    def new_images(self) -> int:
        """How many new images there are, estimated from the sample."""
        return round(self.new * self.usable / self.sampled) if self.sampled else 0

    @property
    def growth(self) -> float:
        """New images as a share of the dataset."""
        return self.new_images / self.known


class Advice(BaseModel):
    """Whether to train, why in one sentence, and everything else that was noticed."""

    model_config = ConfigDict(frozen=True)

    train: bool
    why: str
    noticed: list[str]


def advise(found: Comparison, policy: DriftPolicy) -> Advice:
    """Decide by `policy`. Enough new images are needed in any case, and then one reason."""
    noticed = list(_notice(found))
    counted = f"{_about(found)}{found.new_images:,} new images ({found.growth:.0%} of {found.dataset})"
    if not found.new:
        return Advice(
            train=False, why=f"there is no new file among the {found.listed:,} of the source", noticed=noticed
        )
    if found.new_images < policy.min_new:
        why = f"there are {counted}, and drift.min_new asks for at least {policy.min_new:,}"
        return Advice(train=False, why=why, noticed=noticed)
    if reasons := list(_reasons(found, policy)):
        return Advice(train=True, why=f"there are {counted}: {'; '.join(reasons)}", noticed=noticed)
    alike = f", {_ratio_in_words(found)}" if found.features else ""
    why = f"there are {counted}, and they are like the known ones{alike}; drift.growth asks for {policy.growth:.0%}"
    return Advice(train=False, why=why, noticed=noticed)


def _about(found: Comparison) -> str:
    return "" if found.sampled == found.new else "about "


def _ratio_in_words(found: Comparison) -> str:
    assert found.features is not None
    halves = "that between random halves of the dataset"
    return f"with {found.features.ratio:.2f} times {halves} as their distance in {found.feature_net}"


def _reasons(found: Comparison, policy: DriftPolicy) -> Iterator[str]:
    classes = {label: count for label, count in found.new_classes.items() if count >= policy.min_class}
    if classes:
        shown = ", ".join(f"{label!r} ({count:,} files)" for label, count in classes.items())
        yield f"the champion does not know the class{'es' if len(classes) > 1 else ''} {shown}"
    features = found.features
    if features and features.exceeds_chance and features.ratio >= policy.ratio:
        yield f"they look different, {_ratio_in_words(found)}, and drift.ratio is {policy.ratio:g}"
    if found.growth >= policy.growth:
        yield f"the dataset grows by {found.growth:.0%}, and drift.growth is {policy.growth:.0%}"


def _notice(found: Comparison) -> Iterator[str]:
    """What a person should know about the new files, although it is no reason to train."""
    for what, one in (("the mix of known classes", found.classes), ("the sizes of the files", found.sizes)):
        if one and one.exceeds_chance:
            yield f"{what} differ{'s' if what.startswith('the mix') else ''} by more than chance: {_in_words(one)}"
    if found.codecs and found.codecs.exceeds_chance:
        shares = ", ".join(
            f"{codec} {before:.0%} before and {now:.0%} now" for codec, (before, now) in found.codec_shares.items()
        )
        yield f"the codecs differ by more than chance: {shares}"
    if found.refused and found.refused.exceeds_chance:
        most = max(found.reasons, key=found.reasons.__getitem__, default="")
        because = f", most of them as {most.replace('_', ' ')}" if most else ""
        yield f"the share of refused files is {found.refused.distance:.0%} higher than in the dataset{because}"


def _in_words(one: Difference) -> str:
    return f"a distance of {one.distance:.2f}, and at most {one.largest:.2f} in random samples of the dataset"
