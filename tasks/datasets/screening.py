"""Screening of incoming images by the shield of a registered version, before they become part of a dataset.

The package shards decodes the images as in every build. The result is a table of verdicts for a build
(`shard.screen`), a sheet of the suspects, and a list of their sha256, so that a person can overrule the screening.
"""

import csv
import hashlib
import io
import json
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from mlflow.entities.model_registry import ModelVersion
from prefect import task
from pydantic import BaseModel, ConfigDict

from models.errors import CheckpointError
from models.networks.families import NetworkSpec
from models.shield.screening import Judgement, Screener
from shards import BuildOutcome, Dataset, ShardConfig, Split, build
from shards.building.screening import SUSPICIONS, VERDICTS
from shards.storage.files import write_atomically
from shards.storage.uris import open_binary
from tasks.datasets.config import ScreenConfig, ScreenPolicy
from tasks.datasets.requests import names_model
from tasks.datasets.screening_sheet import Tile, draw_sheet
from tasks.errors import RegistryError, RequestError
from tasks.flow_runs.artifacts import show_picture, show_summary, table
from tasks.flow_runs.progress import ProgressReport
from tasks.home import home
from tasks.registry.signing import proven_model
from tasks.registry.versions import ARTIFACT_FILES, resolve_version
from tasks.reports.printable import for_markdown
from tasks.tracking.model_ref import uri_of
from tasks.tracking.runs import connect
from tasks.tracking.tags import VersionTags
from tasks.trainer.trusted import parse_digests

__all__ = ["ScreenConfig", "ScreenOutcome", "ScreenPolicy", "names_model", "screen", "screen_source"]

SQUARE = ("crop", "random_crop", "fit", "stretch")
MOST_SHOWN = 200


class ScreenOutcome(BaseModel):
    """The result: seen = passed + duplicates + quarantined. `reasons` counts suspects and broken files."""

    model_config = ConfigDict(frozen=True)

    model: str
    shield_sha256: str
    seen: int
    passed: int
    duplicates: int
    quarantined: int
    allowed: int
    reasons: dict[str, int]
    verdicts: str
    suspects: str
    sheet: str

    def facts(self) -> list[tuple[str, str]]:
        """Give the outcome as (name, value) pairs of plain text, in the order in which a person reads them."""
        reasons = ", ".join(f"{count:,} {code.replace('_', ' ')}" for code, count in self.reasons.items())
        quarantined = f"{self.quarantined:,} quarantined" + (f" ({reasons})" if reasons else "")
        allowed = f", {self.allowed:,} of them by the allow-list" if self.allowed else ""
        counts = f"{self.seen:,} files seen: {self.passed:,} passed{allowed}, {self.duplicates:,} duplicates"
        return [
            ("shield", f"{self.model}, sha256 {self.shield_sha256}"),
            ("images", f"{counts}, {quarantined}"),
            ("suspects", self.sheet),
            ("their sha256", self.suspects),
            ("verdicts", f"{self.verdicts}  (build with shard.screen=...)"),
        ]


class Incoming(NamedTuple):
    """Decoded images, the source of each, and what happened to files that did not become samples."""

    split: Split
    files: list[dict[str, Any]]
    counts: BuildOutcome


@task(task_run_name="screen-{config.model}")
def screen(config: ScreenConfig) -> ScreenOutcome:
    """Judge the images of a source. Raises RegistryError when the version has no shield."""
    shard = ShardConfig(source=config.source, dataset="incoming", workers=config.workers)
    return screen_shard(shard, config.model, config)


@task(task_run_name="screen-{shard.dataset}")
def screen_source(shard: ShardConfig, policy: ScreenPolicy) -> ShardConfig:
    """Return `shard` with a table of verdicts in place of the model that it names."""
    return shard.model_copy(update={"screen": screen_shard(shard, shard.screen, policy).verdicts})


def screen_shard(shard: ShardConfig, model: str, policy: ScreenPolicy) -> ScreenOutcome:
    """Judge the images of `shard.source` by the shield of `model`. Called inside a flow run."""
    allowed = read_allowed(policy.allow)
    version = resolve_version(connect(home()), model)
    screener = load_screener(version)
    folder = home().root / "screened" / _digest(shard.source, version.name, version.version)
    incoming = read_incoming(shard, screener.spec, folder)
    with ProgressReport("screening", f"Screening {len(incoming.files)} images", total=1):
        images = torch.from_numpy(incoming.split.images)
        judged = screener.judge(
            images, false_positive_rate=policy.false_positive_rate, most_lookalikes=policy.most_lookalikes
        )
    rows = to_rows(incoming.files, judged, allowed)
    outcome = _outcome(version, incoming, rows, folder)
    _write(folder, rows, images, outcome)
    _show(outcome, rows)
    return outcome


def load_screener(version: ModelVersion) -> Screener:
    """Load the version's shield after its files were verified. Raises RegistryError when it has none."""
    uri = uri_of(version)
    shield_sha256 = VersionTags.of(version).shield_sha256
    if not shield_sha256:
        raise RegistryError(
            f"{uri} has no shield: it was trained with train.shield.policy=off. Train with train.shield.policy=gate "
            "and train.shield.trusted, and screen with that version. Nothing was screened"
        )
    with proven_model(version) as folder:
        artifacts = folder / "artifacts"
        path = artifacts / ARTIFACT_FILES["shield"]
        if hashlib.sha256(path.read_bytes()).hexdigest() != shield_sha256:
            raise RegistryError(f"{uri}: {path.name} is not the registered file: register the run again")
        spec = json.loads((artifacts / ARTIFACT_FILES["spec"]).read_text())
        try:
            return Screener(NetworkSpec(family=spec["family"], **spec["arguments"]), path)
        except CheckpointError as error:
            raise RegistryError(f"{uri}: {error}") from error


def read_incoming(shard: ShardConfig, spec: NetworkSpec, folder: Path) -> Incoming:
    """Decode the source at the network's resolution, in the sandbox of builds. Later calls read only new files."""
    seen = {
        "dataset": "incoming",
        "resolution": spec.resolution,
        "image_width": spec.image_width,
        "channels": spec.channels,
        "shape": shard.shape if shard.shape in SQUARE else "crop",
        "only_shrink": False,
        "encoding": "png",
        "frames": "first",
        "labels": "none",
        "duplicates": "bytes",
        "val_fraction": 0.0,
        "screen": "",
        "checks": "off",
        "marked": "refuse" if shard.marked == "refuse" else "keep",
    }
    with ProgressReport("decoding", "Decoding incoming images", total=1) as progress:
        built = build(
            shard.model_copy(update=seen),
            folder,
            report=lambda now: progress.update(now.done, f"{now.stage} {now.done:,}/{now.total:,}", now.total),
        )
    dataset = Dataset.open(built.manifest)
    split = dataset.open_split("train")
    samples = dataset.samples_table(["key", "source", "source_sha256"])
    by_key = {row["key"]: row for row in samples.to_pylist()}
    return Incoming(split, [by_key[key] for key in split.keys], built)


def read_allowed(uri: str) -> frozenset[str]:
    """Read the sha256 that a person has allowed. Raises RequestError when the file is missing or holds other text."""
    if not uri:
        return frozenset()
    try:
        with open_binary(uri) as file:
            text = file.read().decode()
    except Exception as error:  # clients of buckets raise far more than OSError
        raise RequestError(f"the allow-list {uri!r} cannot be read ({error}): name a text file") from error
    return frozenset(parse_digests(text, f"the allow-list {uri!r}"))


def to_rows(files: list[dict[str, Any]], judged: Judgement, allowed: frozenset[str]) -> list[dict[str, Any]]:
    """Return one row of VERDICTS for each distinct file."""
    return [
        {
            "source": file["source"],
            "source_sha256": file["source_sha256"],
            "verdict": verdict,
            "allowed": file["source_sha256"] in allowed,
            "p_real": p_real,
            "p_generated": p_generated,
            "p_forged": p_forged,
            "num_lookalikes": lookalikes,
        }
        for file, verdict, (p_real, p_generated, p_forged), lookalikes in zip(
            files, judged.verdicts, judged.probabilities.tolist(), judged.num_lookalikes.tolist(), strict=True
        )
    ]


def _outcome(version: ModelVersion, incoming: Incoming, rows: list[dict[str, Any]], folder: Path) -> ScreenOutcome:
    held = [row["verdict"] for row in rows if row["verdict"] != "pass" and not row["allowed"]]
    suspects = {f"suspect_{name}": held.count(name) for name in SUSPICIONS if name in held}
    counts = incoming.counts
    return ScreenOutcome(
        model=uri_of(version),
        shield_sha256=VersionTags.of(version).shield_sha256,
        seen=counts.seen,
        passed=counts.kept - len(held),
        duplicates=counts.duplicates,
        quarantined=counts.quarantined + len(held),
        allowed=sum(row["verdict"] != "pass" and row["allowed"] for row in rows),
        reasons=counts.reasons | suspects,
        verdicts=str(folder / "verdicts.parquet"),
        suspects=str(folder / "suspects.csv"),
        sheet=str(folder / "suspects.png"),
    )


def _write(folder: Path, rows: list[dict[str, Any]], images: torch.Tensor, outcome: ScreenOutcome) -> None:
    """Write the table, the suspects with their sha256 (most suspicious first), their sheet and the outcome."""
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=VERDICTS), buffer)
    write_atomically(Path(outcome.verdicts), buffer.getvalue())
    order = sorted((n for n, row in enumerate(rows) if row["verdict"] != "pass"), key=lambda n: rows[n]["p_real"])
    text = io.StringIO()
    sheet = csv.DictWriter(text, VERDICTS.names)
    sheet.writeheader()
    sheet.writerows(rows[number] for number in order)
    write_atomically(Path(outcome.suspects), text.getvalue())
    tiles = [Tile(images[number].numpy(), rows[number]) for number in order]
    write_atomically(Path(outcome.sheet), draw_sheet(tiles, outcome.model))
    write_atomically(folder / "screening.json", outcome.model_dump_json(indent=1))


def _show(outcome: ScreenOutcome, rows: list[dict[str, Any]]) -> None:
    """Show the sheet, and the suspects with their sha256, in Prefect's UI."""
    held_back = f"Images that the shield of {outcome.model} holds back"
    what = f"{held_back}. To allow some, list their sha256 in a file and name it in `allow`"
    show_picture(Path(outcome.sheet), "suspects", what)
    suspects = sorted((row for row in rows if row["verdict"] != "pass"), key=lambda row: row["p_real"])
    lines = [
        (
            for_markdown(row["source"]),
            row["verdict"],
            "yes" if row["allowed"] else "",
            f"{row['p_real']:.4f}",
            row["source_sha256"],
        )
        for row in suspects[:MOST_SHOWN]
    ]
    passed = f"{outcome.seen:,} files seen: {outcome.passed:,} passed, {outcome.quarantined:,} held back"
    show_summary(passed, what, table(("source", "taken for", "allowed", "p_real", "sha256"), lines))


def _digest(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
