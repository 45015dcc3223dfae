"""The registered versions of a home. A home without a tracking server is read from its tables, without MLflow."""

import json
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pydantic import ValidationError

from tasks.errors import RegistryError
from tasks.home import Home
from tasks.tracking.approvals import Approval
from tasks.tracking.inventory.files import folder_bytes
from tasks.tracking.inventory.records import ScoreRecord, VersionRecord
from tasks.tracking.inventory.registry_tables import StoredVersion, read_versions
from tasks.tracking.model_ref import ModelRef
from tasks.tracking.tags import VersionTags
from tasks.trainer.costs.cost import VersionCost

SERVED = "mlflow-artifacts:/"  # files that a server keeps; that of `shardgan up` keeps them in the home
FROM_TAGS = (
    "run",
    "dataset",
    "dataset_version",
    "manifest",
    "commit",
    "nimg",
    "nimg_seen",
    "chosen",
    "weights_sha256",
    "signed_by",
    "promoted",
    "why",
    "at",
    "replaced",
    "deleted",
    "dossier",
    "dossier_sha256",
    "pulled_from",
)


def list_versions(home: Home) -> list[VersionRecord]:
    """Return the registered versions, sorted by model; the newest version of a model comes first.

    Raises RequestError for a database that cannot be read.
    """
    if home.serves_itself:
        stored = read_versions(home.mlflow_database) if home.mlflow_database.exists() else []
    else:
        from tasks.tracking.inventory.registry_server import (
            ask_versions,
        )  # a home without a server needs no HTTP client

        stored = ask_versions(home)
    return sorted((_record(home, one) for one in stored), key=lambda one: (one.name, -int(one.version)))


def check_version(home: Home, uri: str) -> None:
    """Raise RegistryError where a home without a tracking server has no version that `uri` names.

    Raises RequestError for a database that cannot be read.
    """
    ref = ModelRef.parse(uri)
    if not home.mlflow_database.exists():
        raise RegistryError(f"there is no model {uri!r}: nothing has been registered in {home.root} yet")
    stored = read_versions(home.mlflow_database)
    if not any(one.name == ref.name and (one.version == ref.version or ref.alias in one.aliases) for one in stored):
        known = ", ".join(sorted({one.name for one in stored})) or "none"
        raise RegistryError(f"the registry has no {ref.uri}; registered models: {known}")


def find_manifest(home: Home, uri: str) -> str:
    """Return where the manifest of a version's dataset lies, empty if this is not known without a tracking server."""
    if not home.serves_itself or not home.mlflow_database.exists():
        return ""
    ref = ModelRef.parse(uri)
    for one in read_versions(home.mlflow_database):
        if one.name == ref.name and (one.version == ref.version or ref.alias in one.aliases):
            return one.tags.get(VersionTags.name("manifest"), "")
    return ""


def _record(home: Home, stored: StoredVersion) -> VersionRecord:
    files = local_files(home, stored.location)
    facts = {
        "name": stored.name,
        "version": stored.version,
        "aliases": stored.aliases,
        "created": datetime.fromtimestamp(stored.created / 1000, UTC),
        "mlflow_run": stored.run_id,
        "source": stored.source,
        "files": str(files or stored.location),
        "bytes": folder_bytes(files) if files else None,
    }
    try:
        tags = VersionTags.parse(stored.tags)
        scores = {digest: _score(text) for digest, text in tags.scores.items()}
        shown = {name: float(value) for name, value in tags.shown_scores.items()}
        cost = VersionCost.model_validate_json(tags.cost) if tags.cost else VersionCost()
        approval = Approval.of(tags)
    except (ValidationError, ValueError, RegistryError) as error:
        return VersionRecord(**facts, problem=f"one of its tags has an invalid value: {error}")
    from_tags = {field: getattr(tags, field) for field in FROM_TAGS}
    return VersionRecord(**facts, shown_scores=shown, scores=scores, cost=cost, approval=approval, **from_tags)


def _score(text: str) -> ScoreRecord:
    content = json.loads(text)
    return ScoreRecord(**{field: content.get(field, {}) for field in ScoreRecord.model_fields})


def local_files(home: Home, location: str) -> Path | None:
    """Return the folder of a version's files, if it is on this machine."""
    if location.startswith(SERVED):
        path = home.mlartifacts / location.removeprefix(SERVED).lstrip("/")
    elif location.startswith("file:"):
        path = Path(unquote(urlsplit(location).path))
    elif "://" in location or location.startswith("models:"):
        return None
    else:
        path = Path(location)
    return path if path.is_dir() else None
