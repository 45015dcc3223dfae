"""The documents: valid by their own libraries, the same bytes for the same facts, and safe with hostile names."""

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from tasks.evaluation.dossier.checks import FAILED, Check
from tasks.evaluation.dossier.documents.bom import BOM, find_problem, render_bom
from tasks.evaluation.dossier.documents.card import render_card
from tasks.evaluation.dossier.documents.croissant import CROISSANT
from tasks.evaluation.dossier.documents.page import PAGE, render_page
from tasks.evaluation.dossier.writing import RECORD, SUMS, render
from tasks.tracking.tags import VersionTags
from tests.hub_server import find_card_errors
from tests.tasks.evaluation.dossier.conftest import made_up


def test_card_is_what_the_hub_reads() -> None:
    content = render_card(made_up())
    assert find_card_errors(content) == []
    data = ModelCard(content).data
    assert (data.license, data.pipeline_tag) == ("cc-by-nc-4.0", "unconditional-image-generation")
    results = {one.metric_type: one.metric_value for one in data.eval_results or []}
    assert (results["fd-mobilenetv2"], results["memorised"]) == (20.25, 0.04)
    assert "| FD-MobileNetV2 | mobilenetv2 | 20.25 |  | below 90 | lower |" in content
    assert "# dig\\|its, version 3" in content
    assert "1 checked, 1 not checked" in content


@pytest.mark.parametrize(
    ("licence", "metadata"),
    [
        ("", {}),
        ("MIT", {"license": "mit"}),
        ("LicenseRef-house", {"license": "other", "license_name": "licenseref-house"}),
        (
            "0BSD",
            {"license": "other", "license_name": "0bsd", "license_link": "https://spdx.org/licenses/0BSD.html"},
        ),
    ],
)
def test_licence_in_the_form_of_the_hub(licence: str, metadata: dict[str, str]) -> None:
    data = ModelCard(render_card(made_up(licence=licence, scored=[]))).data.to_dict()
    assert {name: value for name, value in data.items() if name.startswith("license")} == metadata
    assert "model-index" not in data


def test_bom_fits_the_schema_and_says_everything() -> None:
    text = render_bom(made_up())
    content = json.loads(text)
    assert (content["bomFormat"], content["specVersion"], find_problem(text)) == ("CycloneDX", "1.6", "")
    model = content["metadata"]["component"]
    assert (model["type"], model["licenses"]) == ("machine-learning-model", [{"license": {"id": "CC-BY-NC-4.0"}}])
    assert model["components"][0]["hashes"] == [{"alg": "SHA-256", "content": "a" * 64}]
    metrics = model["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    (memorised,) = [one for one in metrics if one["type"] == "memorised"]
    assert memorised["confidenceInterval"] == {"lowerBound": "0.03", "upperBound": "0.06"}
    assert model["modelCard"]["considerations"]["technicalLimitations"] == made_up().limits
    needs = {one["ref"]: one.get("dependsOn", []) for one in content["dependencies"]}
    assert needs["model"] == ["package:torch"]
    assert needs["package:sympy"] == ["package:mpmath"]
    del content["bomFormat"]
    assert "bomFormat" in find_problem(json.dumps(content))


def test_decision_and_cost_are_told() -> None:
    tags = VersionTags(at="2026-11-28", promoted=True, why="better", replaced="2", cost_words="1.2 GPU hours")
    approved = tags.model_copy(update={"approval": "approved", "approval_by": "Ada", "approval_reason": "looks right"})
    page = render_page(made_up(tags=approved))
    for told in ("promoted to champion", "approved by", "Ada: looks right", "models:/dig|its/2", "1.2 GPU hours"):
        assert told in page


def test_page_is_one_file_and_safe_with_hostile_names() -> None:
    page = render_page(made_up(checks=[Check("weights", "w", FAILED, "its sha256 is <b>other</b>")]))
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "1 check failed" in page
    assert "its sha256 is &lt;b&gt;other&lt;/b&gt;" in page
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert "default-src 'none'" in page


def test_same_facts_give_the_same_bytes_and_the_date_stands_at_stated_places() -> None:
    facts = made_up()
    later = made_up(written=facts.written + timedelta(days=400))
    first, again, other = render(facts), render(made_up()), render(later)
    assert first == again
    dates = ("2026-11-28 01:02", "2026-11-28T01:02:03"), ("2028-01-02 01:02", "2028-01-02T01:02:03")
    differing = {name for name in first if first[name] != other[name]}
    assert differing == {"README.md", PAGE, BOM, RECORD, SUMS}
    for name in differing - {SUMS}:
        text = other[name].decode()
        for mine, theirs in zip(*dates, strict=True):
            text = text.replace(theirs, mine)
        assert text.encode() == first[name]


def test_real_version_names_no_path_of_this_machine(repository: Path) -> None:
    for path in repository.glob("*.*"):
        assert str(repository.parent.parent).encode() not in path.read_bytes(), path.name
        assert b"/tmp/" not in path.read_bytes(), path.name


def test_croissant_names_each_shard_with_its_hash(repository: Path, old_home: Path) -> None:
    content = json.loads((repository / CROISSANT).read_text())
    (manifest,) = old_home.glob("datasets/first/*/manifest.json")
    shards = {one["url"]: one["sha256"] for one in json.loads(manifest.read_text())["shardlist"]}
    files = {one["@id"]: one for one in content["distribution"]}
    assert {name: files[name]["sha256"] for name in shards} == shards
    assert files["train-images"]["containedIn"] == [{"@id": "train-000000.tar"}]
    assert [one["@id"] for one in content["recordSet"]] == ["classes", "train", "train-classes", "val", "val-classes"]
    fields = [field for one in content["recordSet"] for field in one["field"]]
    assert {field["source"]["fileSet"]["@id"] for field in fields if "source" in field} <= set(files)
