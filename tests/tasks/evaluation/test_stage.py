"""Evaluations of real registered versions: conditional or not, in a classifier's features, and what they are worth."""

import hashlib
import io
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from mlflow.entities.model_registry import ModelVersion
from PIL import Image

from models.classifier.config import ClassifierConfig, GainConfig
from models.features.cache import reference_features
from models.features.efficientnet import EfficientNetLite0
from models.features.nets import load_feature_net
from models.metrics.config import EvalConfig
from models.metrics.evaluation import evaluate
from models.metrics.protocol import ADDED_LATER, Protocol
from models.training.loop import TrainConfig
from shards import Dataset, ShardConfig, build
from tasks.errors import RequestError
from tasks.evaluation.classifier_gain import describe_gain, find_gain, keep_gain, measure_model_gain
from tasks.evaluation.feature_nets import find_feature_net
from tasks.evaluation.grids import NUM_STEPS, interpolation_grid, slerp
from tasks.evaluation.measuring import generated_image, generated_images
from tasks.evaluation.publishing import publish_report
from tasks.evaluation.stage import (
    ScoredModel,
    UnusableChampion,
    _score,
    check_scorable,
    decide,
    score_champion,
    score_model,
)
from tasks.home import home
from tasks.registry.config import PromotionPolicy
from tasks.registry.costs import read_cost
from tasks.registry.loaded_generator import LoadedGenerator
from tasks.registry.promotion import judge
from tasks.registry.versions import find_champion, register
from tasks.tracking.runs import RunTracker, connect
from tasks.tracking.tags import VersionTags
from tasks.trainer.pictures import real_images, request_rows, train_images
from tasks.trainer.run_directory import RunDirectory
from tests.homes import KeptHome, copy_home
from tests.tasks.conftest import make_run

Version = tuple[RunDirectory, ModelVersion]
Registered = Callable[[bool], Version]


def register_untrained(dataset: str, conditional: bool) -> Version:
    """Register an untrained generator as `m`."""
    run = make_run(dataset, TrainConfig(family="dcgan", width=4, latent_dim=4, nimg=8, conditional=conditional))
    tracker = RunTracker(connect(home()), home(), run, {})
    tracker.finish()
    return run, register(connect(home()), run, tracker.run_id, "m")


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory, sharded_home: Path) -> tuple[KeptHome, list[Version]]:
    """A home with two versions of `m`: the generator of version 1 is conditional, that of version 2 is not."""
    root = copy_home(sharded_home, tmp_path_factory.mktemp("registered") / "home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHARDGAN_HOME", str(root))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        dataset = Dataset.open("tiny", root).uri
        registered = [register_untrained(dataset, conditional) for conditional in (True, False)]
    return KeptHome(root), registered


@pytest.fixture
def registered(versions: tuple[KeptHome, list[Version]], monkeypatch: pytest.MonkeyPatch) -> Iterator[Registered]:
    """Gives the conditional version or the other one, in a home that every test finds as it was made."""
    kept, (conditional, unconditional) = versions
    monkeypatch.setenv("SHARDGAN_HOME", str(kept.root))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    connect(home())
    yield lambda wanted: conditional if wanted else unconditional
    kept.put_back()


def config(**others: object) -> EvalConfig:
    return EvalConfig.model_validate({"num_images": 24, "input_size": 32, "device": "cpu"} | others)


@pytest.mark.parametrize("conditional", [True, False])
def test_only_a_model_that_is_told_the_class_is_scored_by_class(
    registered: Registered, conditional: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.metrics.scores.MIN_CLASS_IMAGES", 2)  # the collection has 48 images in all
    _, version = registered(conditional)
    scores = score_model.fn(f"models:/m/{version.version}", config()).scores
    assert set(scores.by_class) == ({"bright", "dark"} if conditional else set())


def test_a_version_older_than_a_class_is_scored_by_the_classes_that_it_knows(
    registered: Registered, collection: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.metrics.scores.MIN_CLASS_IMAGES", 2)
    _, version = registered(True)
    shutil.copytree(collection / "bright", collection / "added")
    for number, path in enumerate(sorted((collection / "added").iterdir())):
        with Image.open(path) as image:
            image.convert("RGB").rotate(90 + number).save(path.with_name(f"{number}.png"))
        path.unlink()
    grown = build(ShardConfig(source=str(collection), dataset="tiny", resolution=16, val_fraction=0.3), home().root)
    assert Dataset.open(grown.manifest).labels == ["added", "bright", "dark"]
    scores = _score(connect(home()), version, grown.manifest, config()).scores
    assert scores.by_class == {}
    generator, data = LoadedGenerator.load(version), Dataset.open(grown.manifest)
    asked = request_rows(data, config())
    (place,) = (place for place, row in enumerate(asked) if row["label"] == 2)
    dark = generator.generate(asked[place]["num_images"], asked[place]["seed"], label=1)
    images = list(generated_images(generator, data, config()))
    assert (images[place] == dark).all()
    before = sum(row["num_images"] for row in asked[:place])
    assert (generated_image(generator, data, config(), before + 1) == dark[1]).all()


def test_a_classifier_of_the_dataset_is_trained_once_and_scores(registered: Registered) -> None:
    asked = config(feature_net="classifier", input_size=0, second_net="none")
    first = score_model.fn("models:/m/1", asked).scores
    assert 1 <= first.values["classifier-score"] <= 2
    assert {"FD-Classifier", "KD-Classifier"} <= set(first.values)
    (weights,) = home().features.glob("classifier-*")
    written = weights.stat().st_mtime_ns
    second = score_model.fn("models:/m/2", asked).scores
    assert weights.stat().st_mtime_ns == written
    assert second.protocol == first.protocol


def test_a_way_between_latents_starts_and_ends_at_them() -> None:
    start, end = torch.randn(2, 5, 64, generator=torch.manual_seed(0))
    torch.testing.assert_close(slerp(start, end, 0.0), start)
    torch.testing.assert_close(slerp(start, end, 1.0), end)
    torch.testing.assert_close(slerp(start, start, 0.5), start)
    middle = slerp(start, end, 0.5).norm(dim=1)
    assert (middle > 0.8 * torch.minimum(start.norm(dim=1), end.norm(dim=1))).all()  # a straight line would be at 0.7


def test_the_interpolation_is_a_picture_with_a_class_a_row(registered: Registered) -> None:
    _, version = registered(True)
    with Image.open(io.BytesIO(interpolation_grid(LoadedGenerator.load(version), 0))) as picture:
        assert picture.size == (NUM_STEPS * 18 + 2, 2 * 18 + 2)
        assert np.asarray(picture).std() > 0


def test_the_classifier_gain_of_a_version_stays_with_it(registered: Registered) -> None:
    run, version = registered(True)
    asked = GainConfig(classifier=ClassifierConfig(nimg=64), num_seeds=2)
    measured = measure_model_gain(LoadedGenerator.load(version), Dataset.open(run.config().manifest), asked)
    keep_gain(connect(home()), version, measured)
    table = find_gain(connect(home()).get_model_version(version.name, version.version))
    assert table == measured
    assert len(table.rows) == 15
    texts = describe_gain(table)
    assert texts.accuracies[0][:2] == ["0", "generated"]
    assert "L-infinity, radius 4/255, 10 steps of 1/255" in texts.about


def test_what_a_version_is_worth_can_be_a_score_of_its_own(registered: Registered) -> None:
    asked = config(classifier_nimg=64)
    scores = score_model.fn("models:/m/1", asked).scores
    table = find_gain(connect(home()).get_model_version("m", "1"))
    assert table is not None
    value, *interval = table.small_gain
    assert scores.values["classifier-gain"] == value == table.gains["3 clean"][0]
    assert list(scores.intervals["classifier-gain"]) == interval
    assert scores.protocol.differences(score_model.fn("models:/m/1", config()).scores.protocol)


def test_the_second_evaluation_of_a_dataset_version_computes_no_real_features(
    registered: Registered, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    compute = EfficientNetLite0.__call__

    def counted(net: EfficientNetLite0, images: torch.Tensor) -> torch.Tensor:
        seen.append(len(images))
        return compute(net, images)

    monkeypatch.setattr(EfficientNetLite0, "__call__", counted)
    score_model.fn("models:/m/1", config())
    in_grid = 80  # whose nearest training images are found
    assert sum(seen) == 48 + 24 + in_grid  # every real image of both splits, and the generated ones
    seen.clear()
    score_model.fn("models:/m/1", config(num_images=20))
    assert sum(seen) == 20 + in_grid
    evaluations = read_cost(connect(home()).get_model_version("m", "1")).evaluation
    assert evaluations is not None
    assert evaluations.starts == 2
    assert evaluations.hours > 0


def test_scores_do_not_depend_on_the_number_of_workers(collection: Path, tmp_path: Path) -> None:
    asked = config(num_train=20)
    net = load_feature_net(asked.feature_net, asked.input_size)
    noise = np.random.default_rng(0).integers(0, 256, (24, 3, 16, 16), dtype=np.uint8)
    scores = []
    for workers in (1, 3):
        shard = ShardConfig(source=str(collection), dataset="tiny", resolution=16, val_fraction=0.3, workers=workers)
        uri = build(shard, tmp_path / str(workers)).manifest
        data, cache = Dataset.open(uri), tmp_path / f"features-{workers}"
        real = reference_features(real_images(data), net, cache, "val")
        train = reference_features(train_images(data, asked), net, cache, "train")
        about = {"dataset": "tiny", "dataset_version": data.manifest.version}
        protocol = Protocol.of(asked, net, num_reference=len(real), num_train=len(train), **about)
        scores.append(evaluate(noise, real, asked, net, protocol, train=train).scores)
    assert scores[0].protocol == scores[1].protocol
    assert scores[0].values == pytest.approx(scores[1].values, rel=1e-5, abs=1e-6)


def test_images_without_classes_teach_no_classifier(registered: Registered) -> None:
    run, version = registered(False)
    with pytest.raises(RequestError, match="the model is unconditional"):
        measure_model_gain(LoadedGenerator.load(version), Dataset.open(run.config().manifest), GainConfig())
    scores = score_model.fn(f"models:/m/{version.version}", config(classifier_nimg=64)).scores
    verdict = judge(scores, None, PromotionPolicy(floors="off", min_classifier_gain=0))
    assert "classifier-gain, which was not measured" in verdict.why


def test_a_feature_net_that_cannot_be_is_refused_before_work_starts(dataset: str, tmp_path: Path) -> None:
    named = {"feature_net": "dinov2", "weights_sha256": "0" * 64}
    with pytest.raises(RequestError, match="give the path of a file"):
        check_scorable(dataset, config(**named, weights=str(tmp_path / "absent")))
    (tmp_path / "other").write_bytes(b"?")
    with pytest.raises(RequestError, match="another file, or damaged"):
        check_scorable(dataset, config(**named, weights=str(tmp_path / "other")))
    digest = hashlib.sha256(b"?").hexdigest()
    wrong = config(feature_net="dinov2", weights=str(tmp_path / "other"), weights_sha256=digest, input_size=56)
    with pytest.raises(RequestError, match="is not a DINOv2 network"):
        find_feature_net(wrong, Dataset.open(dataset))


def test_a_classifier_of_a_dataset_without_classes_is_refused(tmp_path: Path, home_dir: Path) -> None:
    for index in range(40):
        Image.fromarray(np.random.default_rng(index).integers(0, 256, (16, 16), dtype=np.uint8)).save(
            tmp_path / f"{index}.png"
        )
    built = build(ShardConfig(source=f"{tmp_path}/*.png", dataset="flat", val_fraction=0.5, workers=1), home_dir)
    with pytest.raises(RequestError, match=r"which needs two classes, but flat has \d"):
        check_scorable(built.manifest, config(feature_net="classifier", input_size=0))


@pytest.mark.parametrize("known", [True, False], ids=["scores known", "not scored yet"])
def test_a_champion_that_cannot_be_loaded_fails_no_evaluation(registered: Registered, known: bool) -> None:
    _, first = registered(True)
    client = connect(home())
    if known:
        score_model.fn("models:/m/1", config())
    client.set_registered_model_alias("m", "champion", first.version)
    challenger = score_model.fn("models:/m/2", config())
    model_id = str(first.source).removeprefix("models:/")
    (weights,) = home().mlartifacts.glob(f"**/{model_id}/**/weights.safetensors")
    weights.write_bytes(b"altered")
    champion = score_champion.fn(challenger, config())
    assert isinstance(champion, UnusableChampion)
    assert "they were altered" in champion.why
    verdict = decide.fn(challenger, champion, PromotionPolicy(floors="off"))
    assert not verdict.promoted
    assert "the champion, version 1, cannot be used" in verdict.why
    outcome = publish_report.fn(challenger, champion, verdict, config())
    assert (outcome.champion, outcome.promoted) == ("models:/m/1", False)
    assert ("champion", "models:/m/1") in outcome.facts()


def test_too_few_images_make_no_champion_by_default(registered: Registered) -> None:
    challenger = score_model.fn("models:/m/1", config())
    floors = {"FD-EffNetLite0", "coverage", "FD-MobileNetV2", "coverage-MobileNetV2"}
    assert set(challenger.scores.baselines) == floors
    verdict = decide.fn(challenger, None, PromotionPolicy())
    assert not verdict.promoted
    assert "unreliable and decide nothing: at least 100 on both sides are needed" in verdict.why
    assert "set promote.floors to off" in verdict.why
    client = connect(home())
    assert client.get_model_version("m", "1").tags["gate.promoted"] == "false"
    assert find_champion(client, "m") is None
    assert decide.fn(challenger, None, PromotionPolicy(floors="off")).promoted


def test_scores_of_releases_without_floors_and_second_judge_are_found_again(registered: Registered) -> None:
    alone = config(second_net="none")
    scores = score_model.fn("models:/m/1", alone).scores
    stored = scores.model_dump(exclude={"baselines": True, "protocol": set(ADDED_LATER)})
    client = connect(home())
    VersionTags(scores={scores.protocol.digest(): json.dumps(stored)}).write(client, client.get_model_version("m", "1"))
    assert score_model.fn("models:/m/1", alone).scores == scores


def test_a_champion_that_only_the_first_judge_scored_is_scored_again(registered: Registered) -> None:
    _, first = registered(True)
    client = connect(home())
    old = score_model.fn("models:/m/1", config(second_net="none")).scores
    client.set_registered_model_alias("m", "champion", first.version)
    client.delete_model_version_tag("m", "1", "shardgan.feature_nets")  # older than this tag
    challenger = score_model.fn("models:/m/2", config())
    champion = score_champion.fn(challenger, config())
    assert isinstance(champion, ScoredModel)
    assert champion.scores.protocol == challenger.scores.protocol
    assert champion.scores.values["FD-EffNetLite0"] == pytest.approx(old.values["FD-EffNetLite0"], rel=1e-5)
    verdict = decide.fn(challenger, champion, PromotionPolicy(floors="off"))
    assert "FD-MobileNetV2" in verdict.why
    assert "against the champion's" in verdict.why
    refused = decide.fn(challenger, champion, PromotionPolicy(floors="off", score="FD-EffNetLite0"))
    assert refused.why == (
        "promote.score is FD-EffNetLite0, which decides nothing here, because this version's training used its feature "
        "net efficientnet-lite0 (its scores choose the best checkpoint): set promote.score to FD-MobileNetV2"
    )
    outcome = publish_report.fn(challenger, champion, refused, config())
    (second,) = [value for name, value in outcome.facts() if name == "second judge"]
    assert second.startswith("FD-MobileNetV2 ")
    assert "recall-MobileNetV2" in second
    page = Path(outcome.report).read_text()
    assert (
        "efficientnet-lite0, and mobilenetv2, whose scores have MobileNetV2 in their names. The training used" in page
    )
    metrics = client.get_run(str(client.get_model_version("m", "2").run_id)).data.metrics
    assert f"score/{challenger.scores.protocol.digest()}/recall-MobileNetV2" in metrics
