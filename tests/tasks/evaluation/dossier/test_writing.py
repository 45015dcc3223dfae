"""Writing a dossier: the folder, what is attached to the version, and what `shardgan show` says of it."""

import hashlib
from pathlib import Path

import pytest

from tasks.errors import RequestError
from tasks.evaluation.dossier.config import DossierConfig, check_extra
from tasks.evaluation.dossier.facts import DATE
from tasks.evaluation.dossier.writing import RECORD, SUMS, write_dossier
from tasks.home import home
from tasks.registry.versions import resolve_version
from tasks.tracking.inventory.description import describe
from tasks.tracking.inventory.inventory import Inventory
from tasks.tracking.inventory.names import find_one
from tasks.tracking.runs import connect
from tasks.tracking.tags import VersionTags
from tests.first_wave import lay_out_home
from tests.tasks.evaluation.dossier.conftest import LONG_AGO


def test_dossier_is_attached_and_shown_and_the_same_again(
    tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHARDGAN_HOME", str(lay_out_home(tmp_path)))
    monkeypatch.setenv(DATE, LONG_AGO)
    outcome = write_dossier(DossierConfig(model="models:/first/1"))
    folder = Path(outcome.folder)
    assert (folder.name, outcome.failed, outcome.attached) == ("first-1-dossier", 0, "dossier/first-1")
    sums = (folder / SUMS).read_text()
    assert {line[66:] for line in sums.splitlines()} == {path.name for path in folder.iterdir()} - {SUMS}
    # Another home, another day of writing, and one date: the same bytes.
    for name in ("bom.json", "croissant.json", "samples.png"):
        assert (folder / name).read_bytes() == (repository / name).read_bytes()
    version = resolve_version(connect(home()), "models:/first/1")
    tags = VersionTags.of(version)
    assert (tags.dossier, tags.dossier_sha256) == ("dossier/first-1", hashlib.sha256(sums.encode()).hexdigest())
    kept = [one.path for one in connect(home()).list_artifacts(str(version.run_id), tags.dossier)]
    assert f"dossier/first-1/{RECORD}" in kept
    inventory = Inventory(home())
    shown = describe(inventory, find_one(inventory, "first/1", ("models",)))
    assert dict(shown.facts)["dossier"].startswith("dossier/first-1 in the artifacts of its run, sha256 ")
    assert dict(shown.paths)["dossier"] == str(folder / "index.html")
    assert ("dossier", "none: shardgan dossier models:/first/2") in describe(
        inventory, find_one(inventory, "first/2", ("models",))
    ).facts


def test_folder_of_somebody_else_is_refused_before_anything_is_read(old_home: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(RequestError, match="which holds other files: give a new or empty folder"):
        write_dossier(DossierConfig(model="models:/first/1", out=str(tmp_path)))
    with pytest.raises(RequestError, match="which is a file: give a folder"):
        write_dossier(DossierConfig(model="models:/first/1", out=str(tmp_path / "mine.txt")))


def test_missing_library_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.evaluation.dossier.config.find_spec", lambda name: None if name == "cyclonedx" else name)
    with pytest.raises(RequestError, match=r"this needs cyclonedx-python-lib: pip install 'shardgan\[dossier\]'"):
        check_extra()
    check_extra("huggingface_hub")
