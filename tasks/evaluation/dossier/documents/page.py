"""The dossier as one HTML page: styles and the picture inside it, no script, no request."""

from pathlib import Path

from tasks.evaluation.dossier.checks import CHECKED, FAILED
from tasks.evaluation.dossier.documents.tables import (
    data_lines,
    decision_lines,
    model_lines,
    protocol_lines,
    score_lines,
)
from tasks.evaluation.dossier.facts import FEW_CLASSES, DossierFacts, picture_columns
from tasks.reports.pictures import fit_pictures
from tasks.reports.report import page_environment
from tasks.tracking.inventory.words import size_words

PAGE = "index.html"


def render_page(facts: DossierFacts) -> str:
    """Return the page."""
    num_classes = facts.arguments.get("num_classes", 0)
    template = page_environment(Path(__file__).parent).get_template("dossier.html.j2")
    return template.render(
        facts=facts,
        picture=fit_pictures([facts.picture])[0] if facts.picture else b"",
        columns=facts.labels[: picture_columns(num_classes)] if num_classes >= FEW_CLASSES else [],
        rows=facts.labels[:num_classes] if num_classes < FEW_CLASSES else [],
        num_classes=num_classes,
        model=list(model_lines(facts)),
        data=list(data_lines(facts)),
        decision=list(decision_lines(facts)),
        scored=[(one, score_lines(one), protocol_lines(one)) for one in facts.scored],
        marks={CHECKED: "good", FAILED: "bad"},
        files=[(one.path, size_words(one.bytes), one.sha256) for one in facts.files],
    )
