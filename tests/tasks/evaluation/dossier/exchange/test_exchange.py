"""Push and pull, through a folder and through a stand-in for the Hugging Face Hub."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from tasks.errors import RequestError
from tasks.evaluation.dossier.config import PullConfig, PushConfig
from tasks.evaluation.dossier.exchange.hub import publish
from tasks.evaluation.dossier.exchange.pull import PullOutcome, pull_model
from tasks.evaluation.dossier.exchange.push import PushOutcome
from tasks.home import home
from tasks.registry.signing import proven_model
from tasks.registry.versions import resolve_version
from tasks.tracking.runs import connect
from tasks.tracking.tags import VersionTags
from tests.first_wave import lay_out_home
from tests.hub_server import TOKEN, Hub, serve_hub
from tests.tasks.evaluation.dossier.exchange.test_repository import accept_anew


@pytest.fixture
def other_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mlflow_tables: Path) -> Path:
    """Somebody else's home, which is empty."""
    root = tmp_path / "other"
    root.mkdir()
    (root / "mlflow.db").write_bytes(mlflow_tables.read_bytes())
    monkeypatch.setenv("SHARDGAN_HOME", str(root))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return root


def tags_of(outcome: PullOutcome) -> VersionTags:
    return VersionTags.of(resolve_version(connect(home()), outcome.model))


def test_pulled_version_is_verified_and_nothing_of_it_is_run(
    first_push: tuple[Path, PushOutcome], repository: Path, other_home: Path, tmp_path: Path
) -> None:
    _, pushed = first_push
    trap = repository / "model" / "artifacts" / "network.py"
    trap.write_text(f"{trap.read_text()}\nopen({str(tmp_path / 'was-run')!r}, 'w')\n")
    accept_anew(repository)
    outcome = pull_model(PullConfig(repo=str(repository), model="theirs"))
    assert not (tmp_path / "was-run").exists()
    assert (outcome.model, outcome.was_known) == ("models:/theirs/1", False)
    assert outcome.files_sha256 != pushed.files_sha256
    assert outcome.unknown_code[0] == "artifacts/network.py"
    assert "artifacts/network.py" in dict(outcome.facts())["code"]


def test_scores_and_decisions_of_the_sender_do_not_count_here(
    first_push: tuple[Path, PushOutcome], repository: Path, other_home: Path
) -> None:
    _, pushed = first_push
    outcome = pull_model(PullConfig(repo=str(repository), files_sha256=pushed.files_sha256))
    tags = tags_of(outcome)
    assert (outcome.model, tags.pulled_from) == ("models:/first/1", str(repository))
    assert (tags.dataset, tags.nimg, tags.files_sha256) == ("first", 240, pushed.files_sha256)
    assert (tags.scores, tags.shown_scores, tags.promoted, tags.manifest) == ({}, {}, None, "")
    assert "is not in this home, so it cannot be scored here" in dict(outcome.facts())["next"]
    assert tags.nets_used() == {"efficientnet-lite0": "its scores choose the best checkpoint"}
    client = connect(home())
    version = resolve_version(client, outcome.model)
    assert client.get_registered_model("first").aliases == {}
    kept = [one.path for one in client.list_artifacts(str(version.run_id), tags.dossier)]
    assert "dossier/first-1/README.md" in kept
    with proven_model(version) as folder:
        assert (folder / "artifacts" / "weights.safetensors").is_file()
    again = pull_model(PullConfig(repo=str(repository)))
    assert (again.model, again.was_known) == ("models:/first/1", True)


def test_refused_repository_leaves_nothing_in_the_registry(repository: Path, other_home: Path) -> None:
    (repository / "model" / "MLmodel").write_text("other")
    with pytest.raises(RequestError, match="MLmodel has the sha256"):
        pull_model(PullConfig(repo=str(repository)))
    assert connect(home()).search_registered_models() == []


@pytest.mark.parametrize("name", ["model/MLmodel", "bom.json"])
def test_pipe_or_missing_file_is_refused_and_not_opened(name: str, repository: Path, other_home: Path) -> None:
    (repository / name).unlink()
    with pytest.raises(RequestError, match=f"the repository has no file {name}"):
        pull_model(PullConfig(repo=str(repository)))
    os.mkfifo(repository / name)
    with pytest.raises(RequestError, match=f"the repository has no file {name}"):
        pull_model(PullConfig(repo=str(repository)))


def test_dataset_that_is_here_is_found(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = lay_out_home(tmp_path)
    monkeypatch.setenv("SHARDGAN_HOME", str(root))
    outcome = pull_model(PullConfig(repo=str(repository), model="theirs"))
    assert dict(outcome.facts())["next"] == "shardgan evaluate --model models:/theirs/1"
    tags = tags_of(outcome)
    assert Path(tags.manifest) == root / "datasets" / "first" / tags.dataset_version / "manifest.json"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """A stand-in for the Hub, with Git LFS instead of its own storage protocol."""
    with serve_hub() as served:
        monkeypatch.setenv("HF_ENDPOINT", served.url)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        yield served


def upload(repository: Path, repo: str) -> str:
    return publish(repository, PushConfig(model="models:/first/1", repo=repo), "a version")


def test_push_and_pull_through_the_hub(repository: Path, other_home: Path, hub: Hub) -> None:
    url = upload(repository, "team/first")
    stored = hub.repositories["team/first"]
    assert stored.private
    assert url == f"{hub.url}/team/first/tree/{stored.head}"
    files = {path.relative_to(repository).as_posix(): path.read_bytes() for path in repository.rglob("*.*")}
    assert hub.files("team/first").items() >= files.items()
    assert len(hub.blobs) == 1  # the weights went through Git LFS
    assert "POST /api/validate-yaml" in hub.asked
    outcome = pull_model(PullConfig(repo="team/first"))
    assert (outcome.model, outcome.origin) == ("models:/first/1", f"team/first@{stored.head}")
    assert tags_of(outcome).pulled_from == outcome.origin


def test_next_push_deletes_what_the_earlier_version_left(repository: Path, other_home: Path, hub: Hub) -> None:
    upload(repository, "team/first")
    first = hub.repositories["team/first"].head
    (repository / "model" / "input_example.json").unlink()
    upload(repository, "team/first")
    assert "model/input_example.json" not in hub.files("team/first")
    old = pull_model(PullConfig(repo="team/first", revision=first))
    assert old.origin == f"team/first@{first}"


def test_errors_of_the_hub_are_one_sentence(
    repository: Path, hub: Hub, other_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RequestError, match=r"'team/none' cannot be read on the Hugging Face Hub: .*; expected owner/"):
        pull_model(PullConfig(repo="team/none"))
    card = (repository / "README.md").read_text()
    (repository / "README.md").write_text(card.replace("---\n", "---\nlicense: free\n", 1))
    with pytest.raises(RequestError, match=r"'team/first' cannot be written on the Hugging Face Hub"):
        upload(repository, "team/first")
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(RequestError, match=r"'team/other' cannot be written on the Hugging Face Hub: .*401"):
        upload(repository, "team/other")


def test_altered_repository_of_the_hub_is_refused(repository: Path, other_home: Path, hub: Hub) -> None:
    upload(repository, "team/first")
    files = dict(hub.files("team/first"))
    record = json.loads(files["dossier.json"])
    hub.repositories["team/first"].add(files | {"dossier.json": json.dumps(record | {"version": "9"}).encode()})
    with pytest.raises(RequestError, match=r"dossier.json has the sha256"):
        pull_model(PullConfig(repo="team/first"))
    assert connect(home()).search_registered_models() == []
