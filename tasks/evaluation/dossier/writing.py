"""Writes the dossier of a version, and attaches it to the version's run in MLflow."""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlflow.entities.model_registry import ModelVersion
from mlflow.tracking import MlflowClient
from pydantic import BaseModel, ConfigDict

from shards.storage.files import write_atomically
from tasks.evaluation.dossier.config import DossierConfig, check_extra
from tasks.evaluation.dossier.documents.bom import BOM, render_bom
from tasks.evaluation.dossier.documents.card import CARD, PICTURE, render_card
from tasks.evaluation.dossier.documents.croissant import CROISSANT, render_croissant
from tasks.evaluation.dossier.documents.page import PAGE, render_page
from tasks.evaluation.dossier.facts import DossierFacts, gather
from tasks.evaluation.dossier.licences import spdx_identifier
from tasks.evaluation.export.request import check_folder
from tasks.home import home
from tasks.registry.versions import resolve_version
from tasks.tracking.runs import connect
from tasks.tracking.tags import VersionTags

RECORD = "dossier.json"
SUMS = "SHA256SUMS"
FORMAT = "shardgan-dossier/1"
# Tags that say how this registry judged the version, or where things lie on this machine.
NOT_RECORDED = {"manifest", "dossier", "dossier_sha256", "deleted", "pulled_from", "approval_run"}


class DossierOutcome(BaseModel):
    """What was written. `failed` counts checks that failed; `attached` is empty where the version has no run."""

    model_config = ConfigDict(frozen=True)

    model: str
    folder: str
    page: str
    checks: str
    failed: int
    limits: list[str]
    sha256: str
    attached: str

    def facts(self) -> list[tuple[str, str]]:
        """Give the outcome as (name, value) pairs of plain text, in the order in which a person reads them."""
        return [
            ("model", self.model),
            ("lineage", self.checks),
            *[("limit" if not place else "", one) for place, one in enumerate(self.limits)],
            ("dossier", self.folder),
            ("page", self.page),
            ("sha256", self.sha256),
            ("attached", self.attached or "no"),
        ]


def write_dossier(config: DossierConfig) -> DossierOutcome:
    """Write the dossier of a version into a folder, and attach it to the version.

    Raises RegistryError if there is no such version, and RequestError if the folder holds something else or a library
    is missing. Checks that fail do not raise: the dossier says so.
    """
    check_extra()
    licence = spdx_identifier(config.license)
    client = connect(home())
    version = resolve_version(client, config.model)
    folder = folder_of(config, version.name, str(version.version))
    check_folder(folder, RECORD)
    facts = gather(client, version, licence, config.shards)
    files = render(facts)
    write_files(folder, files)
    sums = hashlib.sha256(files[SUMS]).hexdigest()
    return DossierOutcome(
        model=facts.uri,
        folder=str(folder),
        page=str(folder / PAGE),
        checks=facts.verdict(),
        failed=facts.count("failed"),
        limits=list(facts.limits),
        sha256=sums,
        attached=attach(client, version, folder, sums) if config.attach else "",
    )


def folder_of(config: DossierConfig, name: str, version: str) -> Path:
    """Return the folder of a dossier."""
    if config.out:
        return Path(config.out).expanduser().absolute()
    return home().reports / f"{name}-{version}-dossier"


def render(facts: DossierFacts) -> dict[str, bytes]:
    """Return all files of a dossier by name. The same facts give the same bytes."""
    texts = {CARD: render_card(facts), PAGE: render_page(facts), BOM: render_bom(facts), RECORD: render_record(facts)}
    if facts.manifest:
        texts[CROISSANT] = render_croissant(facts.manifest)
    files = {name: text.encode() for name, text in texts.items()}
    if facts.picture:
        files[PICTURE] = facts.picture
    return files | {SUMS: render_sums({name: hashlib.sha256(data).hexdigest() for name, data in files.items()})}


def render_sums(digests: Mapping[str, str]) -> bytes:
    """Return hashes in the form of sha256sum."""
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items())).encode()


def render_record(facts: DossierFacts) -> str:
    """Return the facts and checks for programs."""
    tags = facts.tags.model_dump(mode="json", exclude=NOT_RECORDED, exclude_defaults=True)
    if facts.scored:
        tags["scores"] = {one.protocol.digest(): one.model_dump(mode="json") for one in facts.scored}
    content: dict[str, Any] = {
        "format": FORMAT,
        "model": facts.name,
        "version": facts.version,
        "registered": facts.registered.isoformat(),
        "written": facts.written.isoformat(),
        "aliases": list(facts.aliases),
        "license": facts.licence,
        "files_sha256": facts.tags.files_sha256,
        "files": [one._asdict() for one in facts.files],
        "tags": tags,
        "dataset": {
            "name": facts.tags.dataset,
            "version": facts.tags.dataset_version,
            "shards": [record.model_dump() for record in facts.manifest.shardlist] if facts.manifest else [],
        },
        "checks": [check._asdict() for check in facts.checks],
        "limits": list(facts.limits),
        "packages": [one._asdict() for one in facts.packages],
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write a dossier into the folder, and delete the files of an earlier one."""
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / SUMS).is_file():
        for line in (folder / SUMS).read_text().splitlines():
            (folder / Path(line[66:]).name).unlink(missing_ok=True)
    for name, data in files.items():
        write_atomically(folder / name, data)


def attach(client: MlflowClient, version: ModelVersion, folder: Path, sums: str) -> str:
    """Keep the dossier with the version: as artifacts of its run. Returns their path there, empty without a run."""
    if not version.run_id:
        return ""
    path = artifact_path(version.name, str(version.version))
    client.log_artifacts(str(version.run_id), str(folder), path)
    VersionTags(dossier=path, dossier_sha256=sums).write(client, version)
    return path


def artifact_path(name: str, version: str) -> str:
    """Return the path of a version's dossier among the artifacts of its run, from which several may come."""
    return f"dossier/{re.sub(r'[^A-Za-z0-9_.-]+', '-', name)}-{version}"
