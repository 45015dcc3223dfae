"""The evaluation stage: score a registered version the way consumers load it, and apply the promotion rule."""

import logging

import numpy as np
from mlflow.entities.model_registry import ModelVersion
from mlflow.tracking import MlflowClient
from prefect import task
from pydantic import BaseModel, ConfigDict

from models.compute.device import select_device
from models.grids import grid_png
from models.metrics.config import LEAST_IMAGES, EvalConfig
from models.metrics.evaluation import Evaluation, Scores
from models.metrics.protocol import Protocol
from shards import Dataset
from tasks.errors import RegistryError, RequestError
from tasks.evaluation.classifier_gain import score_gain
from tasks.evaluation.feature_nets import check_feature_net
from tasks.evaluation.measuring import Nets, decoded_once, generated_image, measure, val_features
from tasks.evaluation.neighbours import log_neighbours
from tasks.home import home
from tasks.registry.config import PromotionPolicy
from tasks.registry.costs import add_evaluation
from tasks.registry.loaded_generator import LoadedGenerator
from tasks.registry.promotion import Rival, Verdict, promote
from tasks.registry.signing import verify_version
from tasks.registry.versions import find_champion, resolve_version
from tasks.tracking.model_ref import ModelRef, uri_of
from tasks.tracking.outages import RETRIES, RETRY_DELAYS, should_retry
from tasks.tracking.runs import connect, keep_artifact
from tasks.tracking.tags import VersionTags
from tasks.trainer.costs.expense import Expense
from tasks.trainer.pictures import SPLIT, pick_train, train_places

logger = logging.getLogger(__name__)
SCORE_PREFIX = "score/"


class ScoredModel(BaseModel):
    """A registered version and its scores under one protocol."""

    model_config = ConfigDict(frozen=True)

    name: str
    version: str
    scores: Scores

    @property
    def uri(self) -> str:
        return ModelRef(self.name, self.version).uri


class UnusableChampion(BaseModel):
    """The champion that cannot be loaded, and the reason."""

    model_config = ConfigDict(frozen=True)

    name: str
    version: str
    why: str


@task(
    task_run_name="score-{model}",
    retries=RETRIES,
    retry_delay_seconds=RETRY_DELAYS,
    retry_condition_fn=should_retry,
)
def score_model(model: str, config: EvalConfig) -> ScoredModel:
    """Score the version that `model` names against the val split of the dataset version it was trained on."""
    client = connect(home())
    version = resolve_version(client, model)
    return _score(client, version, VersionTags.of(version, "manifest").manifest, config)


@task(
    task_run_name="score-champion-{challenger.name}",
    retries=RETRIES,
    retry_delay_seconds=RETRY_DELAYS,
    retry_condition_fn=should_retry,
)
def score_champion(challenger: ScoredModel, config: EvalConfig) -> ScoredModel | UnusableChampion | None:
    """Score the champion, if it is another version, under the challenger's protocol, on the challenger's val split.

    A champion that cannot be loaded is reported, but it does not fail the evaluation. The promotion rule decides.
    """
    client = connect(home())
    version = find_champion(client, challenger.name)
    if version is None or str(version.version) == challenger.version:
        return None
    scored = client.get_model_version(challenger.name, challenger.version)
    manifest_uri = VersionTags.of(scored, "manifest").manifest
    try:
        verify_version(version)  # with known scores, none of its files would be loaded
        return _score(client, version, manifest_uri, config)
    except RegistryError as error:
        logger.warning("the champion, %s, cannot be used: %s", uri_of(version), error)
        return UnusableChampion(name=version.name, version=str(version.version), why=str(error))


@task(task_run_name="judge-{challenger.name}")
def decide(
    challenger: ScoredModel, champion: ScoredModel | UnusableChampion | None, policy: PromotionPolicy
) -> Verdict:
    """Apply the promotion rule, and move the alias if the challenger wins."""
    client = connect(home())
    version = client.get_model_version(challenger.name, challenger.version)
    return promote(client, home(), version, challenger.scores, _rival(client, champion), policy)


def _rival(client: MlflowClient, champion: ScoredModel | UnusableChampion | None) -> Rival | None:
    if champion is None:
        return None
    version = client.get_model_version(champion.name, champion.version)
    if isinstance(champion, UnusableChampion):
        return Rival(version, None, champion.why)
    return Rival(version, champion.scores)


def _score(client: MlflowClient, version: ModelVersion, manifest_uri: str, config: EvalConfig) -> ScoredModel:
    dataset = check_scorable(manifest_uri, config)
    nets = Nets.of(config, dataset)
    protocol = nets.protocol(dataset, config)
    scores = _known_scores(version, protocol)
    if scores is None:
        device = select_device(config.device)
        with Expense(device) as expense:
            evaluation = measure(version, dataset, config, nets, protocol)
            scores = evaluation.scores
            log_pairs(client, version, dataset, config, evaluation)
            log_neighbours(client, version, dataset, config, nets.first, protocol)
            if config.gain:
                table = score_gain(client, version, dataset, config.gain, device)
                scores = scores.with_gain(table) if table else scores
        _score_tags(scores).write(client, version)
        for name, value in scores.values.items():
            client.log_metric(str(version.run_id), f"{SCORE_PREFIX}{protocol.digest()}/{name}", value)
        add_evaluation(client, version, expense.cost)
    elif not scores.baselines:  # measured by a version of shardgan without floors
        scores = scores.with_baselines(val_features(dataset, config, nets.first, decoded_once(dataset, config)))
    return ScoredModel(name=version.name, version=str(version.version), scores=scores)


def check_scorable(manifest_uri: str, config: EvalConfig) -> Dataset:
    """Open the dataset that scores compare with.

    Raises RequestError or ConfigError when the evaluation is impossible: too few images, no classes, net or GPU.
    """
    dataset = Dataset.open(manifest_uri)
    if (num_reference := dataset.num_samples(SPLIT)) < 2:
        raise RequestError(
            f"{dataset.name} has {num_reference} images in the split {SPLIT}. Scores need at least 2, and a decision "
            f"needs {LEAST_IMAGES}: build it with a larger shard.val_fraction, or from more images"
        )
    if config.gain and len(dataset.labels) < 2:
        raise RequestError(
            f"evaluate.classifier_nimg is {config.classifier_nimg}, which needs two classes, but {dataset.name} has "
            f"{len(dataset.labels)}: leave it at 0, or build the dataset with labels"
        )
    select_device(config.device)
    check_feature_net(config, dataset)
    return dataset


def _known_scores(version: ModelVersion, protocol: Protocol) -> Scores | None:
    """Return the scores that the version already has under this protocol. Measuring again would give the same."""
    stored = VersionTags.of(version).scores.get(protocol.digest())
    return Scores.model_validate_json(stored) if stored else None


def _score_tags(scores: Scores) -> VersionTags:
    return VersionTags(
        scores={scores.protocol.digest(): scores.model_dump_json()},
        shown_scores={name: f"{value:.6g}" for name, value in scores.values.items()},
    )


def log_pairs(
    client: MlflowClient,
    version: ModelVersion,
    dataset: Dataset,
    config: EvalConfig,
    evaluation: Evaluation,
) -> None:
    """Log a picture of the closest pairs: generated images above, their nearest training images below."""
    if not evaluation.closest:
        return
    places = train_places(dataset, config)
    trained = pick_train(dataset, {places[pair.train] for pair in evaluation.closest})
    model = LoadedGenerator.load(version)
    above = [generated_image(model, dataset, config, pair.generated) for pair in evaluation.closest]
    below = [trained[places[pair.train]][0] for pair in evaluation.closest]
    picture = model.mark(grid_png(np.stack(above + below), len(above)), config.seed, composite=True)
    keep_artifact(client, str(version.run_id), pairs_artifact(evaluation.scores.protocol), picture)


def pairs_artifact(protocol: Protocol) -> str:
    """Return the path of the closest pairs among the run's artifacts."""
    return f"pairs/{protocol.digest()}.png"
