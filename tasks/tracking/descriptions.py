"""The description that MLflow shows of a version and of its model: what it is, its scores, how to load it.

It is Markdown, made from the version's tags. A description that a person wrote is never replaced.
"""

import json
import logging
from collections.abc import Iterator
from pathlib import PurePosixPath
from urllib.parse import urlencode

from mlflow.entities.model_registry import ModelVersion
from mlflow.tracking import MlflowClient

from tasks.errors import RegistryError
from tasks.reports.printable import for_markdown
from tasks.tracking.approvals import Approval
from tasks.tracking.model_ref import CHAMPION, uri_of
from tasks.tracking.tags import VersionTags

logger = logging.getLogger(__name__)
MOST_CHARACTERS = 5000  # of MLflow's column in PostgreSQL
# The last line of each description written here. Markdown does not show it.
MARK = "<!-- written by shardgan; delete this line to keep your own text -->"


def write_descriptions(client: MlflowClient, version: ModelVersion) -> None:
    """Describe the version, and its model if the version is the champion or there is no champion.

    A version whose tags cannot be read is not described. A warning says why.
    """
    try:
        _write(client, version)
    except RegistryError as error:
        logger.warning("%s has no description: %s", uri_of(version), error)


def _write(client: MlflowClient, version: ModelVersion) -> None:
    version = client.get_model_version(version.name, version.version)
    if is_ours(version.description):
        client.update_model_version(version.name, version.version, describe(client, version))
    model = client.get_registered_model(version.name)
    champion = model.aliases.get(CHAMPION)
    if is_ours(model.description) and champion in (None, str(version.version), version.version):
        client.update_registered_model(version.name, describe_model(version, champion is not None))


def is_ours(description: str | None) -> bool:
    """Return whether the description is empty or was written here."""
    return not description or description.rstrip().endswith(MARK)


def describe(client: MlflowClient, version: ModelVersion) -> str:
    """Return the description of a version as Markdown."""
    tags = VersionTags.of(version)
    family = client.get_run(str(version.run_id)).data.params.get("train.family", "") if version.run_id else ""
    trained_on = f"{for_markdown(tags.dataset)} {tags.dataset_version[:12]}".strip() or "an unknown dataset"
    parents = [f"- {for_markdown(one.describe())}" for one in tags.read_parents()]
    trained_on = "a blend of datasets:" if parents else f"{trained_on}."
    lines = [f"Generator of the family {family}, trained on {trained_on}" if family else f"Trained on {trained_on}"]
    lines += [*parents, ""] if parents else []  # without the empty line, the next sentence would belong to the list
    if tags.nimg:
        lines.append(f"The weights have seen {tags.nimg:,} images ({for_markdown(tags.chosen)}).")
    if tags.cost_words:
        lines.append(f"Training and evaluations took {for_markdown(tags.cost_words)}.")
    lines += _picture(client, version, tags)
    lines += ["", *_decision(tags), *_approval(tags, uri_of(version))]
    end = ["Load it:", "", "```python", *_loading(version), "```", "", MARK]
    for table in _scores(tags):
        if len("\n".join([*lines, *table, *end])) <= MOST_CHARACTERS:
            lines += table
    return "\n".join([*lines, *end])


def describe_model(version: ModelVersion, is_champion: bool) -> str:
    """Return the description of a registered model as Markdown: its champion, or that there is none yet."""
    tags = VersionTags.of(version)
    state = f"The champion is version {version.version}." if is_champion else "There is no champion yet."
    uri = f"models:/{version.name}@{CHAMPION}"
    return "\n".join(
        [
            f"Image generators trained on {for_markdown(tags.dataset)} by shardgan. {state}",
            "",
            f"Programs load `{uri}` and so get the best version that was accepted.",
            "",
            MARK,
        ]
    )


def _picture(client: MlflowClient, version: ModelVersion, tags: VersionTags) -> list[str]:
    """Return the newest grid of the training up to these weights, as MLflow's pages show an artifact of the run."""
    if not version.run_id:
        return []
    paths = [item.path for item in client.list_artifacts(version.run_id, "samples")]
    grids = [path for path in sorted(paths) if (name := PurePosixPath(path).stem).isdigit() and int(name) <= tags.nimg]
    if not grids:
        return []
    address = f"get-artifact?{urlencode({'path': grids[-1], 'run_uuid': version.run_id})}"
    return ["", f"![grid of generated images]({address})"]


def _scores(tags: VersionTags) -> Iterator[list[str]]:
    """Yield a table for each protocol under which the version was scored, with what real images score."""
    for digest, text in sorted(tags.scores.items()):
        scores = json.loads(text)
        protocol, intervals, real = scores["protocol"], scores.get("intervals", {}), scores.get("real", {})
        judges = " and ".join(filter(None, [protocol["feature_net"], protocol.get("second_net")]))
        lines = [
            f"Scores under protocol `{digest}`: {protocol['num_generated']:,} generated against "
            f"{protocol['num_reference']:,} {protocol['split']} images, judged by {for_markdown(judges)}.",
            "",
            "| score | value | 95% interval | real images |",
            "|---|---|---|---|",
        ]
        for name, value in scores["values"].items():
            interval = " to ".join(f"{end:.4g}" for end in intervals.get(name, ()))
            reached = f"{real[name]:.4g}" if name in real else ""
            lines.append(f"| {for_markdown(name)} | {value:.4g} | {interval} | {reached} |")
        yield [*lines, ""]


def _decision(tags: VersionTags) -> list[str]:
    if tags.promoted is None:
        return []
    decided = "Became champion" if tags.promoted else "Did not become champion"
    replaced = f" It replaced version {for_markdown(tags.replaced)}." if tags.promoted and tags.replaced else ""
    return [f"{decided} on {tags.at[:10]}: {for_markdown(tags.why)}.{replaced}", ""]


def _approval(tags: VersionTags, uri: str) -> list[str]:
    sentence = Approval.of(tags).describe(uri)
    return [f"Approval: {for_markdown(sentence)}.", ""] if sentence else []


def _loading(version: ModelVersion) -> list[str]:
    return [
        "import mlflow, pandas",
        f'generator = mlflow.pyfunc.load_model("{uri_of(version)}")',
        'images = generator.predict(pandas.DataFrame({"num_images": [4], "seed": [0]}))',
    ]
