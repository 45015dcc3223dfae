"""Distances to the clean val split: of real images in each codec, and of the generators that learned from them.

Three kinds of numbers, each with a protocol that says which it is (`generator_state`, `saved_as`), and all under one
feature net, seed and reference: the clean val split.

- `re_encoded`: the val images in the codec against themselves. What the codec alone does; 0 where nothing is lost.
- `imitation`: as many training images in the codec as are generated. What a perfect imitation of these would score.
- `generated` and `saved`: the generator's images, as they are, and after they were saved with the codec themselves.
"""

import numpy as np
from mlflow.entities.model_registry import ModelVersion
from prefect import task
from pydantic import BaseModel, ConfigDict

from models.features.cache import reference_features
from models.features.feature_net import Array, FeatureNet, compute_features
from models.grids import grid_labels, grid_png
from models.metrics.config import EvalConfig
from models.metrics.evaluation import Scores
from models.metrics.protocol import Protocol
from models.metrics.scores import score_features
from shards import Dataset, recompress
from tasks.evaluation.feature_nets import find_feature_net
from tasks.evaluation.measuring import generated_images
from tasks.flow_runs.progress import ProgressReport
from tasks.home import home
from tasks.registry.loaded_generator import LoadedGenerator
from tasks.registry.versions import resolve_version
from tasks.study.record import StudyRecord, open_record, slug
from tasks.study.variants import Variant
from tasks.tracking.model_ref import uri_of
from tasks.tracking.runs import connect
from tasks.tracking.tags import VersionTags
from tasks.trainer.pictures import SPLIT, TRAIN, real_images, request_rows, train_images

GRID_ROWS, COLUMNS = 3, 10
RE_ENCODED, IMITATION = "re-encoded val images", "train images"


class CodecScores(BaseModel):
    """Scores of real images in a codec against the clean val split: of val images, and of training images."""

    model_config = ConfigDict(frozen=True)

    codec: str
    re_encoded: Scores
    imitation: Scores


class GeneratorScores(BaseModel):
    """A generator's scores against the clean val split, as its images are and after saving them with the codec."""

    model_config = ConfigDict(frozen=True)

    codec: str
    seed: int
    model: str
    generated: Scores
    saved: Scores


@task(task_run_name="score-images-{variant.codec}")
def score_codec(study_run: str, clean: Variant, variant: Variant, config: EvalConfig) -> CodecScores:
    """Score the real images of a variant against the clean val split; found again where that was done before."""
    record = open_record(study_run)
    inputs = {"variant": variant.version, "clean": clean.version, "config": decisive(config)}
    return record.once(CodecScores, variant.codec, inputs, lambda: _score_codec(record, clean, variant, config))


@task(task_run_name="score-generator-{variant.codec}-seed-{seed}")
def score_generator(
    study_run: str, clean: Variant, variant: Variant, seed: int, model: str, config: EvalConfig
) -> GeneratorScores:
    """Score a registered generator that learned from a variant against the clean val split."""
    record = open_record(study_run)
    version = resolve_version(connect(home()), model)
    inputs = {
        "weights": VersionTags.of(version, "weights_sha256").weights_sha256,
        "clean": clean.version,
        "codec": variant.codec,
        "config": decisive(config),
    }
    return record.once(
        GeneratorScores,
        variant.codec,
        inputs,
        lambda: _score_generator(record, clean, variant, seed, version, config),
    )


def decisive(config: EvalConfig) -> dict[str, object]:
    """The settings of an evaluation that change a study's scores. It has one judge, and the whole val split."""
    return config.model_dump(exclude={"device", "batch_size", "num_train", "num_val", "second_net"})


def val_features(variant: Variant, net: FeatureNet, config: EvalConfig) -> Array:
    """Features of a variant's val split, from the cache where these pixels are known."""
    key = f"{variant.pixels_sha256} {SPLIT}"
    return reference_features(real_images(Dataset.open(variant.manifest)), net, home().features, key, config.batch_size)


def study_protocol(
    clean: Variant, net: FeatureNet, config: EvalConfig, state: str, num: int, saved_as: str
) -> Protocol:
    """The protocol of comparing `num` images with the clean val split."""
    return Protocol.of(
        config.model_copy(update={"num_images": num}),
        net,
        dataset=clean.dataset,
        dataset_version=clean.version,
        num_reference=Dataset.open(clean.manifest).num_samples(SPLIT),
        generator_state=state,
        saved_as=saved_as,
    )


def load_net(clean: Variant, config: EvalConfig) -> FeatureNet:
    """The feature net of the whole study; a classifier is one of the clean images."""
    return find_feature_net(config, Dataset.open(clean.manifest))


def _score_codec(record: StudyRecord, clean: Variant, variant: Variant, config: EvalConfig) -> CodecScores:
    net = load_net(clean, config)
    dataset = Dataset.open(variant.manifest)
    reference = val_features(clean, net, config)
    re_encoded = val_features(variant, net, config)
    chosen = config.model_copy(update={"num_train": config.num_images})
    num_train = min(config.num_images, dataset.num_samples(TRAIN))
    with ProgressReport("study-codec", f"Measuring {variant.codec}", num_train) as progress:
        imitation = reference_features(
            train_images(dataset, chosen),
            net,
            home().features,
            f"{variant.pixels_sha256} {TRAIN} {num_train} seed {config.seed}",
            config.batch_size,
            lambda done, _: progress.update(done, "training images"),
        )
    val = dataset.open_split(SPLIT)
    record.keep_picture(f"real-{slug(variant.codec)}", pick_grid(val.images, val.labels, len(dataset.labels)))

    def scores(features: Array, state: str) -> Scores:
        protocol = study_protocol(clean, net, config, state, len(features), variant.codec)
        return Scores.of(score_features(features, reference, net.label, config.seed), protocol)

    return CodecScores(
        codec=variant.codec, re_encoded=scores(re_encoded, RE_ENCODED), imitation=scores(imitation, IMITATION)
    )


def _score_generator(
    record: StudyRecord, clean: Variant, variant: Variant, seed: int, version: ModelVersion, config: EvalConfig
) -> GeneratorScores:
    net = load_net(clean, config)
    dataset = Dataset.open(clean.manifest)
    reference = val_features(clean, net, config)
    generator = LoadedGenerator.load(version)
    images = np.concatenate(list(generated_images(generator, dataset, config)))
    saved = recompress(images, variant.codec).images
    rows = request_rows(dataset, config)
    labels = np.repeat([row["label"] for row in rows], [row["num_images"] for row in rows])
    grid = generator.mark(pick_grid(images, labels, len(dataset.labels)), config.seed)
    record.keep_picture(f"generated-{slug(variant.codec)}-seed-{seed}", grid)
    with ProgressReport("study-generator", f"Scoring {variant.codec}, seed {seed}", 2 * len(images)) as progress:
        # The features are cached, because codecs with equal pixels share a generator.
        plain = reference_features(
            images,
            net,
            home().features,
            f"generated {VersionTags.of(version, 'weights_sha256').weights_sha256} {rows} as {clean.version}",
            config.batch_size,
            lambda done, _: progress.update(done, "generated images"),
        )
        if np.array_equal(saved, images):
            after = plain
        else:
            after = compute_features(
                saved,
                net,
                config.batch_size,
                progress=lambda done, _: progress.update(len(images) + done, f"saved as {variant.codec}"),
            )

    def scores(features: Array, saved_as: str) -> Scores:
        protocol = study_protocol(clean, net, config, "ema", len(features), saved_as)
        return Scores.of(score_features(features, reference, net.label, config.seed), protocol)

    return GeneratorScores(
        codec=variant.codec,
        seed=seed,
        model=uri_of(version),
        generated=scores(plain, ""),
        saved=scores(after, variant.codec),
    )


def pick_grid(images: np.ndarray, labels: np.ndarray, num_classes: int) -> bytes:
    """PNG of GRID_ROWS rows: the first images of each class, one a column; where there are no classes, the first."""
    columns, cells = grid_labels(num_classes, rows=GRID_ROWS)
    if num_classes < 2:
        return grid_png(images[: GRID_ROWS * COLUMNS], COLUMNS)
    by_class = {label: iter(np.flatnonzero(labels == label)) for label in set(cells.tolist())}
    chosen = [next(by_class[label], None) for label in cells.tolist()]
    blank = np.full_like(images[0], 255)
    return grid_png(np.stack([blank if index is None else images[index] for index in chosen]), columns)
