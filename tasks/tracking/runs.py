"""MLflow runs: one per training. Points come from the run directory in batches, and each point is stored once.

The trainer never talks to MLflow. This module replays its stats.jsonl. Nothing is lost when the server is down: points
that could not be sent are sent later, and `finish` tries until all are sent.
"""

import json
import logging
import os
import tempfile
import time
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import mlflow
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from tasks.home import ENFORCED, Home
from tasks.tracking.databases import make_database
from tasks.tracking.tags import SHARE, RunTags
from tasks.trainer.config import Parent
from tasks.trainer.costs.cost import Cost
from tasks.trainer.costs.goodput import Goodput
from tasks.trainer.costs.history import History
from tasks.trainer.run_directory import RunConfig, RunDirectory, StatsFollower

logger = logging.getLogger(__name__)
RUN_TAG, RUN_DIR_TAG = RunTags.name("run"), RunTags.name("run_dir")
EVERY_TICK_HAS = "images_per_second"  # with every family of networks
POINTS_A_CALL = 1000  # MLflow accepts no more
QUICK_PREFIX = "quick/"  # scores of checkpoints during training, by nimg
MAX_PARAM_LENGTH = 500
MAX_TAG_LENGTH = 1000
MAX_DIGEST_LENGTH = 36  # the tags hold the full version


def connect(home: Home) -> MlflowClient:
    """Return a client for the home's tracking server. The first use creates the SQLite database."""
    home.root.mkdir(parents=True, exist_ok=True)
    os.environ.update(ENFORCED)
    if home.serves_itself:
        # Otherwise a new experiment keeps its artifacts in ./mlruns, in the current folder of this process.
        os.environ["_MLFLOW_SERVER_ARTIFACT_ROOT"] = home.mlartifacts.as_uri()
        make_database(home)
    mlflow.set_tracking_uri(home.tracking_uri)
    mlflow.set_registry_uri(home.tracking_uri)
    return MlflowClient(home.tracking_uri, home.tracking_uri)


def experiment_id(client: MlflowClient, home: Home, name: str) -> str:
    """Return the id of the experiment `name`, and create it if necessary. With SQLite, artifacts lie under the root."""
    if experiment := client.get_experiment_by_name(name):
        return str(experiment.experiment_id)
    location = (home.mlartifacts / name).as_uri() if home.serves_itself else None
    try:
        return str(client.create_experiment(name, artifact_location=location))
    except MlflowException:
        # Another process has created it meanwhile.
        if experiment := client.get_experiment_by_name(name):
            return str(experiment.experiment_id)
        raise


def resume(client: MlflowClient, run_id: str, tags: Mapping[str, str]) -> None:
    """Open a run again. The tags name the flow run that works on it now. tasks.flow_runs.reconciliation reads them."""
    client.update_run(run_id, status="RUNNING")
    for key, value in tags.items():
        client.set_tag(run_id, key, value)


class RunTracker:
    """The MLflow run of one run directory."""

    def __init__(self, client: MlflowClient, home: Home, run: RunDirectory, tags: Mapping[str, str]) -> None:
        self.client = client
        self.home = home
        self.run = run
        self.tags = tags
        self.config = run.config()
        self.follower = StatsFollower(run)
        self.waiting: list[tuple[int, dict[str, Any]]] = []  # each with the time when it was read, in milliseconds
        self.replayed_nimg: int | None = None  # None: not known, ask MLflow
        self.newest: dict[str, Any] | None = None
        self.logged_samples: set[str] = set()
        self.events: dict[
            tuple[int, str, str], dict[str, Any]
        ] = {}  # as read from the file, even if MLflow does not answer
        self.tagged_events: set[tuple[int, str, str]] = set()
        self.sent_scores: set[int] | None = None  # None: not known, ask MLflow

    @cached_property
    def run_id(self) -> str:
        """Return the MLflow run's id. The first call finds or creates the run, so training can start without MLflow."""
        experiment = experiment_id(self.client, self.home, self.config.dataset)
        if found := self._find(experiment):
            resume(self.client, found.info.run_id, self.tags)
            self._describe(found)
            return str(found.info.run_id)
        tags = run_tags(self.run, self.config).as_tags() | dict(self.tags)
        created = self.client.create_run(experiment, run_name=self.run.name, tags=tags)
        self._describe(created)
        return str(created.info.run_id)

    def _find(self, experiment: str) -> Run | None:
        """Return the MLflow run of this directory, if there is one. Another home may hold a run of the same name.

        Directories are compared here, because MLflow's filters cannot express every folder name.
        """
        found = self.client.search_runs([experiment], f"tags.`{RUN_TAG}` = '{self.run.name}'", max_results=1000)
        return next((one for one in found if one.data.tags.get(RUN_DIR_TAG) == str(self.run.path)), None)

    def _describe(self, run: Run) -> None:
        """Record settings and dataset if they are missing. The process that created the run may have died before."""
        if not run.data.params:
            params = flatten(run_params(self.config)).items()
            values = [Param(key, str(value)[:MAX_PARAM_LENGTH]) for key, value in params]
            self.client.log_batch(run.info.run_id, params=values)
        if not (run.inputs and run.inputs.dataset_inputs):
            log_dataset(self.client, run.info.run_id, self.config)

    def _last_nimg(self) -> int:
        """Ask MLflow for its newest tick. MLflow may have stored points although its answer was lost."""
        history = self.client.get_metric_history(self.run_id, EVERY_TICK_HAS)
        return max((int(metric.step) for metric in history), default=0)

    def replay(self) -> bool:
        """Send new ticks and grids. If MLflow does not answer, keep them for the next call, and return False."""
        try:
            self._send()
        except (MlflowException, OSError) as error:
            self.replayed_nimg = self.sent_scores = None
            logger.warning("MLflow did not take the newest points (%s); they are kept and sent again", error)
            return False
        return True

    def finish(self, attempts: int = 5) -> None:
        """Send the remaining points and close the run as FINISHED. Raises if MLflow does not answer after retries."""
        for attempt in range(attempts):
            try:
                self._close("FINISHED")
            except (MlflowException, OSError) as error:
                if attempt + 1 == attempts:
                    raise
                self.replayed_nimg = self.sent_scores = None
                logger.warning("MLflow does not answer (%s); trying again", error)
                time.sleep(2**attempt)
            else:
                return

    def abandon(self, status: str) -> None:
        """Close the run as FAILED or KILLED, if MLflow answers. Do not raise: that would hide the original error."""
        # The original error may have come after MLflow stored the points and before this was recorded here.
        self.replayed_nimg = self.sent_scores = None
        try:
            self._close(status)
        except (MlflowException, OSError) as error:
            logger.warning("MLflow does not answer (%s): run %s stays open there", error, self.run.name)

    def _close(self, status: str) -> None:
        self._send()
        self._send_cost()
        self.client.set_terminated(self.run_id, status)

    def _send(self) -> None:
        now = int(time.time() * 1000)
        for row in self.follower.read():
            if "event" in row:
                self.events.setdefault((row["nimg"], row["event"], row["reason"]), row)
            else:
                self.waiting.append((now, row))
        if self.waiting:
            _, self.newest = self.waiting[-1]
            self._send_new(self._last_nimg() if self.replayed_nimg is None else self.replayed_nimg)
            self.waiting.clear()
        self._send_events()
        self._send_scores()
        for path in sorted(self.run.samples.glob("*.png")):
            if path.name not in self.logged_samples:
                self.client.log_artifact(self.run_id, str(path), "samples")
                self.logged_samples.add(path.name)

    def _send_new(self, replayed_nimg: int) -> None:
        fresh = [(at, row) for at, row in self.waiting if row["nimg"] > replayed_nimg]
        rows_a_call = max(POINTS_A_CALL // max((len(row) for _, row in fresh), default=1), 1)
        for start in range(0, len(fresh), rows_a_call):
            self._send_rows(fresh[start : start + rows_a_call])

    def _send_rows(self, rows: list[tuple[int, dict[str, Any]]]) -> None:
        # MLflow stores a point with the same time only once, so a point may be sent again.
        points = [Metric(k, float(v), at, int(row["nimg"])) for at, row in rows for k, v in row.items() if k != "nimg"]
        self.client.log_batch(self.run_id, metrics=points)
        self.replayed_nimg = int(rows[-1][1]["nimg"])

    def _send_events(self) -> None:
        """Write one tag per kind of event, with its newest event."""
        for key, event in self.events.items():
            if key in self.tagged_events:
                continue
            text = f"{event['action']} at {event['nimg']:,} images: {event['reason']}"
            tags = RunTags(events={event["event"]: text[:MAX_TAG_LENGTH]}).as_tags()
            self.client.log_batch(self.run_id, tags=[RunTag(*tag) for tag in tags.items()])
            self.tagged_events.add(key)

    def _send_cost(self) -> None:
        """Write what all trainers of this run took so far, and what their time went into."""
        rows = History(self.run.path).rows()
        goodput, cost = Goodput.of(rows), Cost.of_run(rows)
        if goodput and cost:
            tags = RunTags(goodput=goodput.words(), cost=cost.words()).as_tags()
            self.client.log_batch(self.run_id, tags=[RunTag(*tag) for tag in tags.items()])

    def _send_scores(self) -> None:
        rows = self.run.read_scores()
        if not rows:
            return
        if self.sent_scores is None:
            history = self.client.get_metric_history(self.run_id, f"{QUICK_PREFIX}{rows[0]['name']}")
            self.sent_scores = {int(metric.step) for metric in history}
        fresh = [row for row in rows if row["nimg"] not in self.sent_scores]
        now = int(time.time() * 1000)
        points = [
            Metric(f"{QUICK_PREFIX}{name}", value, now, row["nimg"])
            for row in fresh
            for name, value in score_figures(row).items()
        ]
        if points:
            tags = RunTags(quick_protocol=fresh[-1]["digest"]).as_tags()
            self.client.log_batch(self.run_id, metrics=points, tags=[RunTag(*tag) for tag in tags.items()])
            self.sent_scores |= {row["nimg"] for row in fresh}


def score_figures(row: Mapping[str, Any]) -> dict[str, float]:
    """Return the figures of a line of scores.jsonl by name: the score, and the diversity if it was measured."""
    diversity = row.get("diversity") or {}
    figures = {row["name"]: row["value"], "diversity": diversity.get("overall")}
    figures["diversity-within"] = diversity.get("within")
    return {name: float(value) for name, value in figures.items() if value is not None}


def run_tags(run: RunDirectory, config: RunConfig) -> RunTags:
    """Return the tags that lead from an MLflow run back to its run directory, data and code."""
    parents = {"parents": parents_json(config)} if config.parents else {}
    return RunTags(
        **parents,
        run=run.name,
        run_dir=str(run.path),
        live_page=run.live_page.as_uri(),
        dataset=config.dataset,
        dataset_version=config.dataset_version,
        manifest=config.manifest,
        commit=config.commit,
    )


def run_params(config: RunConfig) -> dict[str, Any]:
    """Return the MLflow run's parameters."""
    return {
        "train": config.train.model_dump(),
        "network": config.network.model_dump(),
        "dataset": config.dataset,
    }


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten nested mappings into one mapping. Keys are joined by dots."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        flat |= flatten(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat


def parents_json(config: RunConfig) -> str:
    """Return the versions that a blend draws from, with their shares, as a JSON list."""
    return json.dumps([parent.model_dump() for parent in config.parents])


def log_dataset(client: MlflowClient, run_id: str, config: RunConfig) -> None:
    """Record the dataset version as an input of the run. For a blend, record all versions, each with its share."""
    own = Parent(dataset=config.dataset, version=config.dataset_version, manifest=config.manifest, share=1)
    context = InputTag("mlflow.data.context", "training")
    inputs = []
    for parent in config.parents or [own]:
        dataset = Dataset(
            name=parent.dataset,
            digest=parent.version[:MAX_DIGEST_LENGTH],
            source_type="local",
            source=json.dumps({"uri": parent.manifest}),
        )
        share = [InputTag(SHARE, f"{parent.share:.6g}")] if config.parents else []
        inputs.append(DatasetInput(dataset, [context, *share]))
    client.log_inputs(run_id, inputs)


def keep_artifact(client: MlflowClient, run_id: str, path: str, content: bytes) -> None:
    """Store a file among the artifacts of a run. It replaces an earlier one at that path."""
    target = Path(path)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, target.name)
        file.write_bytes(content)  # MLflow's log_image encodes pictures anew, and drops the mark
        client.log_artifact(run_id, str(file), str(target.parent))


def read_artifact(client: MlflowClient, run_id: str, path: str) -> bytes:
    """Return a file among the artifacts of a run. Empty if there is none at that path."""
    if path not in {item.path for item in client.list_artifacts(run_id, str(Path(path).parent))}:
        return b""
    with tempfile.TemporaryDirectory() as folder:
        return Path(client.download_artifacts(run_id, path, folder)).read_bytes()
