"""The model card in the form of the Hugging Face Hub: README.md with YAML metadata.

The metadata are written and read back with huggingface_hub. The Hub shows `model-index` as evaluation results.
"""

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from models.metrics.directions import higher_is_better
from tasks.errors import RequestError
from tasks.evaluation.dossier.documents.tables import (
    data_lines,
    decision_lines,
    model_lines,
    protocol_lines,
    score_lines,
)
from tasks.evaluation.dossier.facts import DossierFacts
from tasks.evaluation.dossier.licences import OWN_LICENCE
from tasks.reports.printable import for_markdown

if TYPE_CHECKING:
    from huggingface_hub import EvalResult, ModelCardData

CARD = "README.md"
PICTURE = "samples.png"
TASK = "unconditional-image-generation"
# Identifiers that the Hub knows, of those that SPDX has for models and content; others are "other" with a name.
HUB_LICENCES = frozenset(
    {
        *("apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "isc", "zlib", "unlicense", "wtfpl", "mpl-2.0", "ncsa"),
        *("gpl-2.0", "gpl-3.0", "lgpl-2.1", "lgpl-3.0", "agpl-3.0", "epl-2.0", "eupl-1.2", "artistic-2.0", "osl-3.0"),
        *("cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nd-4.0", "cc-by-nc-sa-4.0", "cc-by-nc-nd-4.0"),
        *("cc-by-3.0", "cc-by-sa-3.0", "cc-by-nc-3.0", "cdla-permissive-2.0", "cdla-sharing-1.0", "odc-by", "pddl"),
    }
)


def render_card(facts: DossierFacts) -> str:
    """Return the card. Raises RequestError if huggingface_hub does not read from it what was written."""
    from huggingface_hub import ModelCard

    data = card_data(facts)
    content = f"---\n{data.to_yaml()}\n---\n\n{_body(facts)}"
    if str(ModelCard(content).data) != str(data):  # both as YAML
        raise RequestError(f"the metadata of {CARD} are not read back as they were written; report this as a defect")
    return content


def card_data(facts: DossierFacts) -> "ModelCardData":
    """Return the metadata: licence, task, tags, and all scores as results."""
    from huggingface_hub import ModelCardData

    family = facts.spec.get("family")
    return ModelCardData(
        **_licence(facts.licence),
        library_name="shardgan",
        pipeline_tag=TASK,
        tags=["gan", "image-generation", "shardgan", *([family] if family else [])],
        model_name=facts.name if facts.scored else None,
        eval_results=_results(facts) or None,
    )


def _licence(licence: str) -> dict[str, Any]:
    if not licence:
        return {}
    if licence.lower() in HUB_LICENCES:
        return {"license": licence.lower()}
    is_own = licence.startswith(OWN_LICENCE)
    link = {} if is_own else {"license_link": f"https://spdx.org/licenses/{licence}.html"}
    return {"license": "other", "license_name": licence.lower(), **link}


def _results(facts: DossierFacts) -> list["EvalResult"]:
    from huggingface_hub import EvalResult

    return [
        EvalResult(
            task_type=TASK,
            dataset_type=scores.protocol.dataset,
            dataset_name=scores.protocol.dataset,
            dataset_split=scores.protocol.split,
            dataset_revision=scores.protocol.dataset_version,
            metric_type=name.lower(),
            metric_name=f"{name} ({'higher' if higher_is_better(name) else 'lower'} is better)",
            metric_value=float(f"{value:.6g}"),
            metric_config=f"protocol {scores.protocol.digest()}",
        )
        for scores in facts.scored
        for name, value in scores.values.items()
        if math.isfinite(value) and not name.endswith("-std")
    ]


def _body(facts: DossierFacts) -> str:
    sections = [
        [f"# {for_markdown(facts.name)}, version {facts.version}", "", _summary(facts)],
        *([[f"![Images that this version generated]({PICTURE})"]] if facts.picture else []),
        ["## Limits and known failures", "", *[f"- {for_markdown(one)}" for one in facts.limits]],
        ["## What it is", "", *_table(model_lines(facts))],
        ["## How to use it", "", *_usage(facts)],
        ["## What it learned from", "", *_table(data_lines(facts))],
        ["## Evaluation", "", *_evaluation(facts)],
        ["## Lineage", "", *_lineage(facts)],
        ["## Licences", "", *_licences(facts)],
        ["## This dossier", "", *_files(facts)],
    ]
    return "\n\n".join("\n".join(lines) for lines in sections) + "\n"


def _summary(facts: DossierFacts) -> str:
    trained = f" on the dataset {for_markdown(facts.dataset)}" if facts.dataset else ""
    is_marked = "marking" in facts.spec.get("sha256", {})
    marks = " Its images say in their metadata that they were generated." if is_marked else ""
    return f"A generator of images, trained with shardgan{trained}.{marks}"


def _usage(facts: DossierFacts) -> list[str]:
    return [
        "The network's code and the code that runs it lie in the folder `model`, and they run when the model is",
        "loaded. Look at them, or verify the signature, before you load it.",
        "",
        "```sh",
        "shardgan pull OWNER/NAME            # verifies every hash, runs nothing, and registers the version",
        "```",
        "",
        "```python",
        "import mlflow, pandas as pd",
        "",
        'model = mlflow.pyfunc.load_model("model")',
        'images = model.predict(pd.DataFrame({"num_images": [16], "seed": [0]}))["image"]  # PNG files as bytes',
        "```",
        "",
        "It is meant for images like those that it learned from, as training data, test data or illustrations that",
        "say that they are generated. It is not meant to pass off its images as photographs or as the work of a",
        "person, and nothing is known about it on other data.",
    ]


def _evaluation(facts: DossierFacts) -> list[str]:
    lines: list[str] = []
    for scores in facts.scored:
        protocol = scores.protocol
        lines += [
            f"### Protocol `{protocol.digest()}`",
            "",
            f"{protocol.num_generated:,} generated images against {protocol.num_reference:,} real images of the split "
            f"{protocol.split}, which the training did not see. Only scores under the same protocol can be compared.",
            "",
            "| score | judge | value | 95% interval | a usable generator is | better |",
            "|---|---|---|---|---|---|",
        ]
        lines += [_row(line) for line in score_lines(scores)]
        lines += ["", "<details><summary>All of the protocol</summary>", "", *_table(protocol_lines(scores))]
        lines += ["", "</details>", ""]
    if not facts.scored:
        lines = ["This version was not scored.", ""]
    return [*lines, *_table(decision_lines(facts))] if facts.tags.at else lines[:-1]


def _lineage(facts: DossierFacts) -> list[str]:
    lines = [
        f"Checked when this was written: {facts.verdict()}.",
        "",
        "| what | value | status | why |",
        "|---|---|---|---|",
    ]
    return lines + [_row((one.what, one.value, one.status, one.reason)) for one in facts.checks]


def _licences(facts: DossierFacts) -> list[str]:
    own = facts.licence or "not stated by its owner: ask before you use them"
    direct = [one for one in facts.packages if one.is_direct]
    others = len(facts.packages) - len(direct)
    return [
        f"- The weights: {for_markdown(own)}.",
        "- The code of shardgan in `model`: Apache-2.0.",
        f"- Packages that the model needs, as they state it; `bom.json` has these and the {others} that they need:",
        "",
        "| package | version | licence |",
        "|---|---|---|",
        *[_row((one.name, one.version, one.licence)) for one in direct],
    ]


def _files(facts: DossierFacts) -> list[str]:
    return [
        f"Written on {facts.written:%Y-%m-%d %H:%M} UTC by shardgan, from its registry.",
        "",
        "- `index.html`: everything as one page",
        "- `bom.json`: CycloneDX 1.6, with every file and package",
        *(["- `croissant.json`: the dataset in the Croissant format"] if facts.manifest else []),
        "- `dossier.json`: all facts and checks for programs",
        "- `SHA256SUMS`: for `sha256sum --check`",
    ]


def _table(pairs: Iterable[tuple[str, str]]) -> list[str]:
    return ["| | |", "|---|---|", *[_row(pair) for pair in pairs]]


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(for_markdown(cell) for cell in cells)} |"
