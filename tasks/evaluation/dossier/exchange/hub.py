"""Where repositories lie: on the Hugging Face Hub, through huggingface_hub, or in a folder.

The Hub's address is that of HF_ENDPOINT, and the token that of HF_TOKEN or `hf auth login`, as for its other programs.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tasks.errors import RequestError
from tasks.evaluation.dossier.config import PushConfig, check_extra, is_folder
from tasks.evaluation.dossier.exchange.repository import MODEL, MOST_BYTES, read_sums
from tasks.evaluation.dossier.writing import SUMS

if TYPE_CHECKING:
    from huggingface_hub import HfApi

EXAMPLE = "expected owner/name on the Hub, or a folder that begins with . / or ~"


class Fetched(NamedTuple):
    """A repository on this machine, and where it comes from: the Hub's name and commit, or a folder."""

    folder: Path
    origin: str


def publish(folder: Path, config: PushConfig, message: str) -> str:
    """Copy a repository to where it belongs. Returns its address there, with the commit on the Hub."""
    if is_folder(config.repo):
        return _copy_to_folder(folder, Path(config.repo).expanduser().absolute())
    return _upload(folder, config, message)


def fetch(repo: str, revision: str, scratch: Path) -> Fetched:
    """Copy a repository into the empty folder `scratch`. Nothing of it was verified."""
    if is_folder(repo):
        return _copy_from_folder(Path(repo).expanduser().absolute(), scratch)
    return _download(repo, revision, scratch)


def check_target(repo: str) -> None:
    """Raise RequestError for a folder that holds something else than a repository of ours."""
    if not is_folder(repo):
        return
    target = Path(repo).expanduser().absolute()
    if target.exists() and not target.is_dir():
        raise RequestError(f"repo is {repo!r}, which is a file: give a folder")
    if target.is_dir() and any(target.iterdir()) and not (target / SUMS).is_file():
        raise RequestError(f"repo is {repo!r}, which holds other files: give a new or empty folder")


def _copy_to_folder(folder: Path, target: Path) -> str:
    """Replace what an earlier push wrote into the folder. Other files stay, as those of a Git repository do."""
    check_target(str(target))
    if (target / SUMS).is_file():
        for name in read_sums(target):
            (target / name).unlink(missing_ok=True)
    shutil.copytree(folder, target, dirs_exist_ok=True)
    return str(target)


def _copy_from_folder(source: Path, scratch: Path) -> Fetched:
    """Copy what SHA256SUMS names, and what lies in `model`: verification refuses files there that have no hash."""
    if not source.is_dir():
        raise RequestError(f"there is no folder {str(source)!r}: {EXAMPLE}")
    named = [source / name for name in (*read_sums(source), SUMS)]
    for path in dict.fromkeys([*named, *sorted((source / MODEL).rglob("*"))]):
        target = scratch / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.is_symlink() or path.is_file():  # what is missing, or is a pipe, is refused later
            shutil.copy(path, target, follow_symlinks=False)
    return Fetched(scratch, str(source))


def _api() -> "HfApi":
    check_extra("huggingface_hub")
    from huggingface_hub import HfApi

    return HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None, library_name="shardgan")


@contextmanager
def _hub_errors(repo: str, doing: str) -> Iterator[None]:
    """Turn the errors of the Hub's library, which have no base class in common, into one sentence."""
    try:
        yield
    except RequestError:
        raise
    except Exception as error:
        told = " ".join(str(error).split())[:500] or type(error).__name__
        raise RequestError(f"{repo!r} cannot be {doing} on the Hugging Face Hub: {told}; {EXAMPLE}") from error


def _upload(folder: Path, config: PushConfig, message: str) -> str:
    """Upload the repository in one commit, which also deletes what an earlier version left in `model`."""
    api = _api()
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    with _hub_errors(config.repo, "written"):
        created = api.create_repo(config.repo, private=config.private, exist_ok=True)
        stale = [name for name in api.list_repo_files(created.repo_id) if name.startswith(f"{MODEL}/")]
        added = [CommitOperationAdd(path_in_repo=name, path_or_fileobj=folder / name) for name in names]
        deleted = [CommitOperationDelete(path_in_repo=name) for name in stale if name not in names]
        done = api.create_commit(created.repo_id, [*added, *deleted], commit_message=message)
    return f"{created.url}/tree/{done.oid}"


def _download(repo: str, revision: str, scratch: Path) -> Fetched:
    """Download one commit. Refuses a repository that is larger than MOST_BYTES before it is downloaded."""
    api = _api()
    with _hub_errors(repo, "read"):
        info = api.model_info(repo, revision=revision or None, files_metadata=True)
        size = sum(one.size or 0 for one in info.siblings or [])
        if size > MOST_BYTES:
            raise RequestError(f"{repo} has {size:,} bytes: at most {MOST_BYTES:,} are fetched")
        api.snapshot_download(repo, revision=info.sha, local_dir=scratch)
    shutil.rmtree(scratch / ".cache", ignore_errors=True)
    return Fetched(scratch, f"{repo}@{info.sha}")
