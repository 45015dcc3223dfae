"""A repository of one version: its dossier at the top, and its files in the folder `model`. Reading it runs nothing.

What a repository holds is untrusted. Only regular files that SHA256SUMS names are used, after their
hashes were compared.
"""

import inspect
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.training.checkpoints import file_sha256
from tasks.errors import RequestError
from tasks.evaluation.dossier.writing import FORMAT, RECORD, SUMS, render_sums
from tasks.registry.signing import MODEL_SIGNATURE, NOT_SIGNED, files_sha256, find_wrong_signature
from tasks.registry.versions import CODE

MODEL = "model"
MOST_FILES, MOST_NAME = 500, 300
MOST_SMALL = 64 * 2**20  # bytes of a file that is read as a whole
MOST_BYTES = 50 * 10**9  # of a repository
PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*(/[A-Za-z0-9_][A-Za-z0-9_.+-]*)*")
SUM = re.compile(r"([0-9a-f]{64})  (\S.*)")
LOADER = "mlflow.pyfunc.loaders.code_model"  # runs the one code file of a version; others unpickle or import more


class RecordedVersion(BaseModel):
    """What dossier.json says of the version. Other fields of the file are not used."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    format: Literal["shardgan-dossier/1"]
    model: str = Field(min_length=1, max_length=200, pattern=r"""^[^/@:'"`]+$""")
    version: str = Field(pattern="^[0-9]{1,9}$")
    files_sha256: str = Field(pattern="^[0-9a-f]{64}$")
    tags: dict[str, object] = {}


class Repository(NamedTuple):
    """A verified repository: the folder of the version's files, the dossier's files, and what the dossier records."""

    model: Path
    dossier: list[Path]
    record: RecordedVersion
    sums: str


assert FORMAT == "shardgan-dossier/1"


def write_repository(folder: Path, dossier: Mapping[str, bytes], model: Path) -> None:
    """Write the dossier and a copy of the version's files into an empty folder, with one SHA256SUMS for all."""
    shutil.copytree(model, folder / MODEL, ignore=shutil.ignore_patterns("registered_model_meta", "__pycache__"))
    for name, data in dossier.items():
        (folder / name).write_bytes(data)
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    sums = render_sums({name: file_sha256(folder / name) for name in names if name != SUMS})
    (folder / SUMS).write_bytes(sums)


def read_repository(folder: Path, expected_sha256: str = "") -> Repository:
    """Verify a repository: all hashes, the hash of the version's files, and with a key the signature.

    Raises RequestError for the first thing that is wrong. Files that SHA256SUMS does not name are refused in `model`,
    and left out elsewhere.
    """
    digests = read_sums(folder)
    for name, digest in digests.items():
        path = _regular_file(folder, name)
        if (found := file_sha256(path)) != digest:
            raise RequestError(f"{name} has the sha256 {found}, but {SUMS} says {digest}: the repository was altered")
    _refuse_unnamed(folder, digests)
    record = _read_record(folder)
    model = folder / MODEL
    found = files_sha256(model)
    if found != record.files_sha256:
        raise RequestError(
            f"the files of the version have the sha256 {found}, but {RECORD} says {record.files_sha256}: the "
            "repository was altered"
        )
    if expected_sha256 and found != expected_sha256:
        raise RequestError(f"the files of the version have the sha256 {found}, but files_sha256 is {expected_sha256}")
    if problems := find_wrong_signature(model):
        raise RequestError(f"the version is not registered: {'; '.join(problems)}")
    _check_loader(model)
    dossier = [folder / name for name in digests if not name.startswith(f"{MODEL}/")]
    return Repository(model, [*dossier, folder / SUMS], record, file_sha256(folder / SUMS))


def read_sums(folder: Path) -> dict[str, str]:
    """Return the sha256 of each file by its path. Raises RequestError for a list that is missing or has odd names."""
    lines = _regular_file(folder, SUMS, MOST_SMALL).read_text(errors="replace").splitlines()
    digests: dict[str, str] = {}
    for line in lines:
        found = SUM.fullmatch(line)
        name = found[2] if found else ""
        if found is None or not PATH.fullmatch(name) or len(name) > MOST_NAME or name in digests or name == SUMS:
            raise RequestError(f"{SUMS} has the line {line[:200]!r}: expected a sha256 and a path in the repository")
        digests[name] = found[1]
    needed = [RECORD, f"{MODEL}/MLmodel"]
    if missing := [name for name in needed if name not in digests]:
        raise RequestError(f"{SUMS} does not name {missing[0]}: this is not a repository that `shardgan push` made")
    if len(digests) > MOST_FILES:
        raise RequestError(f"{SUMS} names {len(digests):,} files: a version has at most {MOST_FILES}")
    return digests


def _regular_file(folder: Path, name: str, most: int = MOST_BYTES) -> Path:
    """Return the path of a file that is no link, and lies in no folder that is one."""
    path = folder
    for part in name.split("/"):
        path = path / part
        if path.is_symlink():
            raise RequestError(f"{name} is a link, or lies in one: a repository holds only files")
    if not path.is_file():
        raise RequestError(f"the repository has no file {name}")
    if (size := path.stat().st_size) > most:
        raise RequestError(f"{name} has {size:,} bytes: at most {most:,} are read")
    return path


def _refuse_unnamed(folder: Path, digests: Mapping[str, str]) -> None:
    """Refuse files of the version that have no hash, but those that no hash of a version covers."""
    for path in sorted((folder / MODEL).rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or (not path.is_dir() and name not in digests):
            raise RequestError(f"{name} is not named in {SUMS}: it may have been added later")
    hidden = [name for name in NOT_SIGNED if name != MODEL_SIGNATURE]
    if found := [name for name in digests if name.startswith(f"{MODEL}/") and name.rpartition("/")[2] in hidden]:
        raise RequestError(f"{found[0]} would not be covered by the hash of the version: remove it and push again")


def _read_record(folder: Path) -> RecordedVersion:
    text = _regular_file(folder, RECORD, MOST_SMALL).read_bytes()
    try:
        return RecordedVersion.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise RequestError(f"{RECORD} is not a dossier: {where}: {first['msg']}") from error


def _check_loader(model: Path) -> None:
    """Refuse an MLmodel that would load the version in another way than by its one code file."""
    try:
        content = yaml.safe_load(_regular_file(model, "MLmodel", MOST_SMALL).read_bytes())
        flavors = dict(content["flavors"])
        function = flavors["python_function"]
        code = str(function["model_code_path"]).rpartition("/")[2]
        is_ours = (list(flavors), function["loader_module"], code) == (["python_function"], LOADER, CODE.name)
        paths = [str(one["path"]) for one in dict(function["artifacts"]).values()]
        inside = all(path.startswith("artifacts/") and PATH.fullmatch(path) for path in paths)
    except (yaml.YAMLError, TypeError, KeyError, ValueError, RecursionError) as error:
        raise RequestError(f"the MLmodel of the version cannot be read: {type(error).__name__}: {error}") from error
    if not is_ours or function.get("code") or not inside:
        raise RequestError("the MLmodel of the version names other code or files than shardgan's: it is not registered")


def known_code(model: Path) -> dict[str, bool]:
    """Return for each code file of a version whether it equals one that this installation would register."""
    from models.networks.families import FAMILIES
    from shards.images.containers import marking

    ours = {file_sha256(CODE), file_sha256(Path(marking.__file__))}
    ours |= {file_sha256(Path(inspect.getfile(networks["generator"]))) for networks in FAMILIES.values()}
    names = sorted(path.relative_to(model).as_posix() for path in model.rglob("*.py"))
    return {name: file_sha256(model / name) in ours for name in names}
