"""Limits and known failures of a version, as sentences that follow from its scores, its data and its training."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any, NamedTuple

from models.metrics.config import LEAST_IMAGES
from models.metrics.evaluation import Scores
from models.metrics.floors import find_missed_floors
from models.metrics.judges import base_name
from models.metrics.scores import CLOSE_QUANTILE, MIN_CLASS_IMAGES
from shards import Manifest
from tasks.tracking.inventory.words import sides_words

LOW = 0.5  # of precision, recall and coverage: half of the images
FEW_TRAINED = 1000  # images
WORSE = 2.0  # times the median of the classes
MOST_NAMES = 10


class Evidence(NamedTuple):
    """What the sentences follow from. `nets` are the feature nets that the training used, each with its use."""

    scored: Sequence[Scores] = ()
    spec: Mapping[str, Any] = {}
    manifest: Manifest | None = None
    nets: Mapping[str, str] = {}
    events: Mapping[str, str] = {}


def find_limits(evidence: Evidence) -> list[str]:
    """Return one sentence for each limit. A sentence that several protocols give is said once."""
    found = list(_of_images(evidence.spec))
    found += ["Nobody has scored this version, so nothing is known about the quality of its images."] * (
        not evidence.scored
    )
    for scores in evidence.scored:
        found += _of_scores(scores, evidence.nets)
    found += _of_classes(evidence)
    if evidence.manifest:
        found += _of_data(evidence.manifest)
    found += [f"An event of its training ({name}): {text}" for name, text in sorted(evidence.events.items())]
    return list(dict.fromkeys(found))


def _of_images(spec: Mapping[str, Any]) -> Iterator[str]:
    arguments = spec.get("arguments", {})
    if "resolution" in arguments:
        colour = "grey" if arguments.get("channels") == 1 else "colour"
        yield f"It makes {colour} images of {sides_words(arguments)} pixels, and no others."
    if spec and "marking" not in spec.get("sha256", {}):
        yield "Files that its own code makes do not say that they were generated; those that shardgan makes do."


def _of_scores(scores: Scores, nets: Mapping[str, str]) -> Iterator[str]:
    protocol = scores.protocol
    generated, reference = protocol.num_generated, protocol.num_reference
    if min(generated, reference) < LEAST_IMAGES:
        yield (
            f"Its scores under protocol {protocol.digest()} are unreliable: they compare {generated:,} generated with "
            f"{reference:,} real images, and at least {LEAST_IMAGES} on both sides are needed."
        )
    elif not scores.baselines:
        yield f"No floors were measured under protocol {protocol.digest()}, so no trivial generator is ruled out."
    else:
        for missed in find_missed_floors(scores.values, scores.baselines, generated, reference):
            yield f"It is not better than a trivial generator: {missed}."
    for name, value in scores.values.items():
        yield from _of_score(name, value, scores)
    if not protocol.second_net:
        yield f"Only one judge, {protocol.feature_net}, scored it under protocol {protocol.digest()}."
    for net in (protocol.feature_net, protocol.second_net):
        if use := nets.get(net):
            yield f"Its training used the judge {net} ({use}), so the scores of this judge are too good."
    if not protocol.num_train:
        yield f"Copies of training images were not looked for under protocol {protocol.digest()}."


def _of_score(name: str, value: float, scores: Scores) -> Iterator[str]:
    kind, shown = base_name(name), _with_interval(name, scores)
    judge = scores.net_of(name)
    if kind == "precision" and value < LOW:
        yield (
            f"Many of its images are unlike real ones: {shown}, judged by {judge}, so about {100 * (1 - value):.0f} of "
            "100 generated images lie outside of the real ones."
        )
    if kind == "recall" and value < LOW:
        yield (
            f"It leaves out much of what is in its data: {shown}, judged by {judge}, so about {100 * (1 - value):.0f} "
            "of 100 real images lie outside of the generated ones."
        )
    if kind == "coverage" and value < LOW:
        yield (
            f"It covers a part of its data only: {shown}, judged by {judge}, so about {100 * (1 - value):.0f} of 100 "
            "real images have no generated image near by."
        )
    if kind == "memorised" and _low_end(name, value, scores) > CLOSE_QUANTILE:
        yield (
            f"It repeats training images: {shown}, so about {100 * value:.0f} of 100 generated images are closer to a "
            f"training image than new real images are; about {100 * CLOSE_QUANTILE:.0f} are expected where nothing was "
            "copied."
        )
    if kind == "classifier-gain" and value < 0:
        yield f"Its images made a classifier worse that also learned from them: {shown}."


def _with_interval(name: str, scores: Scores) -> str:
    interval = scores.intervals.get(name)
    between = f" (95% interval {interval[0]:.3f} to {interval[1]:.3f})" if interval else ""
    return f"{name} is {scores.values[name]:.3f}{between}"


def _low_end(name: str, value: float, scores: Scores) -> float:
    interval = scores.intervals.get(name)
    return interval[0] if interval else value


def _of_classes(evidence: Evidence) -> Iterator[str]:
    labels: list[str] = list(evidence.spec.get("labels", []))
    num_classes = evidence.spec.get("arguments", {}).get("num_classes", 0)
    if labels and not num_classes:
        yield f"It cannot be asked for a class, although its data has {len(labels)} classes."
    if evidence.manifest and labels:
        trained = evidence.manifest.histogram("train")
        if left_out := [name for name in labels if not trained.get(name)]:
            yield f"It never saw an image of {_names(left_out)} in training."
        few = [name for name in labels if 0 < trained.get(name, 0) < MIN_CLASS_IMAGES]
        if few:
            yield f"It saw fewer than {MIN_CLASS_IMAGES} images in training of {_names(few)}."
    for scores in evidence.scored:
        yield from _of_class_scores(scores, labels if num_classes else [])


def _of_class_scores(scores: Scores, labels: list[str]) -> Iterator[str]:
    if left_out := [name for name in labels if name not in scores.by_class]:
        yield (
            f"Under protocol {scores.protocol.digest()} there is no score of its own for {_names(left_out)}: that "
            f"takes {MIN_CLASS_IMAGES} images of the class on both sides."
        )
    if len(scores.by_class) > 2:
        middle = median(scores.by_class.values())
        worst = {name: value for name, value in scores.by_class.items() if value > WORSE * middle}
        for name, value in sorted(worst.items(), key=lambda item: -item[1])[:MOST_NAMES]:
            yield (
                f"It is worse at {name} than at other classes: its Fréchet distance is {value:.4g}, and the median of "
                f"the classes is {middle:.4g}."
            )


def _of_data(manifest: Manifest) -> Iterator[str]:
    trained = manifest.num_samples_by_split.get("train", 0)
    if trained < FEW_TRAINED:
        yield f"It learned from {trained:,} images, so it knows only the variety of these."
    if manifest.generated_by:
        yield f"The images that it learned from were generated by {manifest.generated_by}."
    elif kept := manifest.num_marked_kept:
        yield f"{kept:,} of the files that it learned from say themselves that they were generated."
    counts = manifest.counts
    if broken := counts.quarantined - counts.not_images:
        yield f"{broken:,} of {counts.seen:,} files of its source were left out, because they were broken or refused."


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMES} more classes" if len(names) > MOST_NAMES else ""
    what = "the class" if len(names) == 1 else "the classes"
    return f"{what} {', '.join(names[:MOST_NAMES])}{more}"
