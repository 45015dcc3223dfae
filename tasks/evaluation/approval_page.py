"""What a person sees who is asked to approve a version: both grids, the scores and their differences."""

import logging
from typing import NamedTuple

from mlflow.entities.model_registry import ModelVersion
from mlflow.tracking import MlflowClient
from prefect import task
from prefect.artifacts import create_image_artifact, create_markdown_artifact

from models.metrics.directions import higher_is_better, same_score
from models.metrics.evaluation import Scores
from tasks.errors import RegistryError
from tasks.evaluation.grids import class_grid
from tasks.flow_runs.artifacts import as_data_uri, in_run, table
from tasks.home import home
from tasks.registry.decisions.questions import read_approval
from tasks.registry.loaded_generator import LoadedGenerator
from tasks.registry.versions import resolve_version
from tasks.reports.printable import for_markdown
from tasks.tracking.approvals import Approval, how_to_decide, in_words
from tasks.tracking.model_ref import uri_of
from tasks.tracking.outages import not_needed
from tasks.tracking.runs import connect
from tasks.tracking.tags import VersionTags

__all__ = ["describe_scores", "show_question"]

logger = logging.getLogger(__name__)
ARTIFACT = "approval"
SEED = 0
HEADS = ("score", "this version", "champion", "difference")


class Side(NamedTuple):
    """A version, its scores and its grid as a data URL. What could not be found or made is empty."""

    version: ModelVersion
    scores: Scores | None
    grid: str

    @property
    def name(self) -> str:
        return f"{self.version.name} version {self.version.version}"


@task(task_run_name="show-{model}")
def show_question(model: str) -> str:
    """Show the question about the version in the flow run, and return it as Markdown for the form."""
    client = connect(home())
    version = resolve_version(client, model)
    approval, protocol = read_approval(version), VersionTags.of(version).approval_protocol
    mine = _side(version, protocol)
    theirs = _side(_champion(client, version, approval), protocol) if approval.against else None
    if in_run():
        with not_needed("the page of the question"):
            page = describe_question(approval, mine, theirs, intervals=True)
            create_markdown_artifact(page, ARTIFACT, description=f"{mine.name}: may it become champion?")
            for side, key in ((mine, "challenger-grid"), (theirs, "champion-grid")):
                if side and side.grid:
                    create_image_artifact(side.grid, key, description=f"Images of {side.name}, seed {SEED}")
    return describe_question(approval, mine, theirs, intervals=False)  # the form is narrow


def describe_question(approval: Approval, mine: Side, theirs: Side | None, *, intervals: bool) -> str:
    """Return the question as Markdown: the finding, both grids, the scores and their differences, how to decide."""
    against = f"the champion, version {theirs.version.version}" if theirs else "no champion: there is none yet"
    sections = [
        f"**May {for_markdown(mine.name)} become champion?** It was compared with {against}. The promotion rule says: "
        f"{for_markdown(approval.finding)}. The time limit is {in_words(approval.until)}.",
    ]
    for side, what in ((mine, "this version"), (theirs, "the champion")):
        if side:
            grid = (
                f"![Images of {what}]({side.grid})" if side.grid else "These images cannot be made; the log says why."
            )
            sections.append(f"Images of {what}, {for_markdown(side.name)}, from the same seed:\n\n{grid}")
    if mine.scores:
        sections.append(table(HEADS, describe_scores(mine.scores, theirs.scores if theirs else None, intervals)))
    sections.append(f"On a command line: {for_markdown(how_to_decide(uri_of(mine.version)))}.")
    return "\n\n".join(sections)


def describe_scores(mine: Scores, theirs: Scores | None, intervals: bool = True) -> list[tuple[str, ...]]:
    """Return one row for each score: its name, both values, the difference, and whether it is better."""
    rows: list[tuple[str, ...]] = []
    for name, value in mine.values.items():
        if name.endswith("-std"):
            continue
        row = (for_markdown(name), _value(mine, name, intervals))
        if theirs and name in theirs.values:
            rows.append((*row, _value(theirs, name, intervals), _difference(name, value, theirs.values[name])))
        else:
            rows.append((*row, "-", "-"))
    return rows


def _difference(name: str, mine: float, theirs: float) -> str:
    if same_score(mine, theirs):
        return "the same"
    better = (mine > theirs) == higher_is_better(name)
    return f"{mine - theirs:+.3g}, {'better' if better else 'worse'}"


def _value(scores: Scores, name: str, intervals: bool) -> str:
    interval = scores.intervals.get(name) if intervals else None
    return f"{scores.values[name]:.4g}" + (f" ({interval[0]:.4g} to {interval[1]:.4g})" if interval else "")


def _champion(client: MlflowClient, version: ModelVersion, approval: Approval) -> ModelVersion:
    return client.get_model_version(version.name, approval.against)


def _side(version: ModelVersion, protocol: str) -> Side:
    text = VersionTags.of(version).scores.get(protocol)
    try:
        grid = as_data_uri(class_grid(LoadedGenerator.load(version), SEED))
    except RegistryError as error:
        logger.warning("there is no grid of %s: %s", uri_of(version), error)
        grid = ""
    return Side(version, Scores.model_validate_json(text) if text else None, grid)
