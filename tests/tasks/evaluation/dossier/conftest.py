"""The home of the first wave, its version 1 pushed into a folder, and facts that are made up."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from models.metrics.evaluation import Scores
from models.metrics.protocol import Protocol
from tasks.evaluation.dossier.checks import CHECKED, NOT_CHECKED, Check
from tasks.evaluation.dossier.config import PushConfig
from tasks.evaluation.dossier.documents.page import PAGE
from tasks.evaluation.dossier.exchange.push import PushOutcome, push_model
from tasks.evaluation.dossier.facts import DATE, DossierFacts, VersionFile
from tasks.evaluation.dossier.licences import Package
from tasks.tracking.tags import VersionTags
from tests.first_wave import lay_out_home

LONG_AGO = "1700000000"


@pytest.fixture(scope="session")
def first_push(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, PushOutcome]]:
    """A home, and version 1 of its model pushed into the folder `repository` beside it, on a date long ago."""
    root = tmp_path_factory.mktemp("dossier")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHARDGAN_HOME", str(lay_out_home(root)))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.delenv("SHARDGAN_VERIFY_KEY", raising=False)
        patch.setenv(DATE, LONG_AGO)
        outcome = push_model(PushConfig(model="models:/first/1", repo=str(root / "repository")))
        yield root, outcome


@pytest.fixture
def old_home(first_push: tuple[Path, PushOutcome], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home that was pushed from, as SHARDGAN_HOME. Tests of this folder only read it."""
    root, _ = first_push
    monkeypatch.setenv("SHARDGAN_HOME", str(root / "home"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return root / "home"


@pytest.fixture
def repository(first_push: tuple[Path, PushOutcome], tmp_path: Path) -> Path:
    """A copy of the repository, to be altered."""
    root, _ = first_push
    assert (root / "repository" / PAGE).exists()
    return Path(shutil.copytree(root / "repository", tmp_path / "repository"))


def protocol(**changes: object) -> Protocol:
    """A protocol with two judges and enough images."""
    values = {
        "feature_net": "efficientnet-lite0",
        "weights_sha256": "0" * 64,
        "input_size": 224,
        "resize_filter": "bicubic",
        "num_generated": 2000,
        "num_reference": 500,
        "num_train": 4000,
        "dataset": "digits",
        "dataset_version": "0123456789abcdef",
        "split": "val",
        "seed": 0,
        "second_net": "mobilenetv2",
        "second_weights_sha256": "1" * 64,
        "second_input_size": 224,
    }
    return Protocol.model_validate(values | changes)


GOOD = {"FD-EffNetLite0": 12.5, "precision": 0.8, "recall": 0.7, "coverage": 0.9, "memorised": 0.04}
GOOD |= {"FD-MobileNetV2": 20.25, "recall-MobileNetV2": 0.6, "coverage-MobileNetV2": 0.8}
FLOORS = {"FD-EffNetLite0": 60.0, "coverage": 0.15, "FD-MobileNetV2": 90.0, "coverage-MobileNetV2": 0.15}


def scores(values: dict[str, float] | None = None, **changes: object) -> Scores:
    """Scores of a good generator, some of them changed."""
    intervals = {"memorised": (0.03, 0.06), "recall": (0.65, 0.75)}
    all_values = GOOD | (values or {})
    return Scores.model_validate(
        {"values": all_values, "protocol": protocol(), "intervals": intervals, "baselines": FLOORS} | changes
    )


def made_up(**changes: object) -> DossierFacts:
    """Facts of a version with names that somebody might use for an attack on pages and tables."""
    tags = VersionTags(
        run="r", dataset="digits", dataset_version="0123456789abcdef", weights_sha256="a" * 64, files_sha256="b" * 64
    )
    values: dict[str, object] = {
        "name": "dig|its",
        "version": "3",
        "aliases": ["champion"],
        "registered": datetime(2026, 11, 27, tzinfo=UTC),
        "written": datetime(2026, 11, 28, 1, 2, 3, tzinfo=UTC),
        "tags": tags,
        "licence": "CC-BY-NC-4.0",
        "files": [VersionFile("artifacts/weights.safetensors", 12, "a" * 64)],
        "spec": {
            "family": "r3",
            "arguments": {"resolution": 32, "channels": 1, "num_classes": 2, "latent_dim": 8},
            "labels": ["<script>alert(1)</script>", "two"],
            "sha256": {"weights": "a" * 64, "marking": "c" * 64},
        },
        "scored": [scores(by_class={"two": 9.5})],
        "checks": [Check("weights", "w", CHECKED), Check("signature", "none", NOT_CHECKED, "not signed")],
        "limits": ["It makes grey images of 32x32 pixels, and no others."],
        "packages": [
            Package("torch", "2.13.0", "BSD-3-Clause", ["sympy"], is_direct=True),
            Package("sympy", "1.14", "BSD", ["mpmath"]),
            Package("mpmath", "1.3", "not stated"),
        ],
    }
    return DossierFacts(**(values | changes))  # type: ignore[arg-type]
