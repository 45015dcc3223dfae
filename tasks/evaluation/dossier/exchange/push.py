"""Push: a version with its dossier into a repository that others can pull from."""

import tempfile
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from models.training.checkpoints import file_sha256
from tasks.evaluation.dossier.config import PushConfig, check_extra
from tasks.evaluation.dossier.exchange.hub import check_target, publish
from tasks.evaluation.dossier.exchange.repository import write_repository
from tasks.evaluation.dossier.facts import gather
from tasks.evaluation.dossier.licences import spdx_identifier
from tasks.evaluation.dossier.writing import SUMS, render
from tasks.home import home
from tasks.registry.signing import proven_model
from tasks.registry.versions import resolve_version
from tasks.tracking.runs import connect


class PushOutcome(BaseModel):
    """What was pushed, and where to."""

    model_config = ConfigDict(frozen=True)

    model: str
    repository: str
    files: int
    files_sha256: str
    sha256: str
    signed_by: str
    checks: str

    def facts(self) -> list[tuple[str, str]]:
        """Give the outcome as (name, value) pairs of plain text, in the order in which a person reads them."""
        return [
            ("model", self.model),
            ("repository", self.repository),
            ("files", f"{self.files} with one SHA256SUMS, whose sha256 is {self.sha256}"),
            ("version", f"sha256 {self.files_sha256}: tell it to those who pull (files_sha256=...)"),
            ("signed by", self.signed_by or "nobody: those who pull cannot verify who made it"),
            ("lineage", self.checks),
        ]


def push_model(config: PushConfig) -> PushOutcome:
    """Push a version.

    Raises RegistryError if its files are not those that were registered, and RequestError if the repository cannot be
    written.
    """
    check_extra()
    check_target(config.repo)
    licence = spdx_identifier(config.license)
    client = connect(home())
    version = resolve_version(client, config.model)
    with proven_model(version) as model, tempfile.TemporaryDirectory(prefix="push-") as scratch:
        facts = gather(client, version, licence, config.shards)
        write_repository(Path(scratch), render(facts), model)
        message = config.message or f"{facts.uri} by shardgan"
        where = publish(Path(scratch), config, message)
        names = [path for path in Path(scratch).rglob("*") if path.is_file()]
        return PushOutcome(
            model=facts.uri,
            repository=where,
            files=len(names) - 1,
            files_sha256=facts.tags.files_sha256,
            sha256=file_sha256(Path(scratch) / SUMS),
            signed_by=facts.tags.signed_by,
            checks=facts.verdict(),
        )
