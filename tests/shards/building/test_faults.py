"""What a build survives: being killed, a full disk, a second build beside it, and shards made by an enemy."""

import hashlib
import io
import json
import random
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from shards import (
    BuildError,
    BuildProgress,
    Dataset,
    DatasetError,
    PartitionSpec,
    ShardConfig,
    ShardError,
    SourceError,
    build,
    process_partition,
)
from tests.shards.conftest import picture

ROOT = Path(__file__).parents[3]
SETTINGS = {"dataset": "pets", "resolution": 16, "samples_per_shard": 50}


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 images in two classes, and a broken one: a source that no test changes."""
    folder = tmp_path_factory.mktemp("source") / "many"
    for number in range(300):
        path = folder / str(number % 2) / f"{number}.{('jpg', 'png', 'webp')[number % 3]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture(number, (160, 120)).save(path)
    (folder / "0" / "broken.jpg").write_bytes(b"\xff\xd8\xff broken")
    return folder


@pytest.fixture(scope="module")
def undisturbed(many: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of a build of `many` that nothing has disturbed."""
    root = tmp_path_factory.mktemp("undisturbed")
    assert build(ShardConfig(source=str(many), **SETTINGS), root).kept == 300
    return root


def start(source: Path, root: Path) -> "subprocess.Popen[bytes]":
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in SETTINGS.items()]
    command = [sys.executable, "-m", "shards", str(source), str(root), *flags]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def files(root: Path) -> dict[str, str]:
    """Digest of everything under a final name; what a build is still working on lies in a hidden folder."""
    paths = (path for path in root.rglob("*") if path.is_file() and ".builds" not in path.parts)
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def kill_at_random_moments(source: Path, tmp_path: Path, kills: int) -> None:
    whole = start(source, tmp_path / "whole")
    began = time.monotonic()
    assert whole.wait() == 0
    seconds = time.monotonic() - began
    expected = files(tmp_path / "whole")
    dice, killed = random.Random(5), 0
    while killed < kills:
        child = start(source, tmp_path / "root")
        try:
            child.wait(timeout=dice.uniform(0.2, seconds))
        except subprocess.TimeoutExpired:
            child.kill()
            killed += 1
        child.wait()
        found = files(tmp_path / "root")
        assert not found or found.keys() <= expected.keys()
        assert all(expected[name] == digest for name, digest in found.items())
        if child.returncode == 0 and killed < kills:
            subprocess.run(["rm", "-rf", str(tmp_path / "root")], check=True)
    assert start(source, tmp_path / "root").wait() == 0
    assert files(tmp_path / "root") == expected


def test_killed_builds_end_in_the_same_bytes(many: Path, tmp_path: Path) -> None:
    kill_at_random_moments(many, tmp_path, 3)


@pytest.mark.slow
def test_twenty_five_kills_end_in_the_same_bytes(many: Path, tmp_path: Path) -> None:
    kill_at_random_moments(many, tmp_path, 25)


def test_two_builds_at_once_give_one_version(many: Path, tmp_path: Path) -> None:
    both = [start(many, tmp_path / "root") for _ in range(2)]
    outcomes = [json.loads(child.communicate()[0]) for child in both]
    assert [child.returncode for child in both] == [0, 0]
    assert outcomes[0]["version"] == outcomes[1]["version"]
    assert sorted(outcome["reused"] for outcome in outcomes) == [False, True]


@pytest.mark.parametrize("kilobytes", [8, 60, 150])
def test_full_disk_is_said_and_survived(many: Path, undisturbed: Path, tmp_path: Path, kilobytes: int) -> None:
    script = (
        "import resource, signal, sys; from shards.__main__ import main; "
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({kilobytes * 1024},) * 2); sys.exit(main(sys.argv[1:]))"
    )
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in SETTINGS.items()]
    command = [sys.executable, "-c", script, str(many), str(tmp_path / "root"), *flags]
    full = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert full.returncode == 1, full.stderr
    assert "run" in full.stderr
    assert "Traceback" not in full.stderr
    assert not files(tmp_path / "root")
    again = build(ShardConfig(source=str(many), **SETTINGS), tmp_path / "root")
    assert again.kept == 300
    (manifest,) = undisturbed.glob("datasets/pets/*/manifest.json")
    assert files(Path(again.manifest).parent) == files(manifest.parent)


# Two builds on a file system of a few MB, the first of them beside a file that leaves it $3 KB.
ON_A_SMALL_DISK = """
set -e
mount -t tmpfs -o size=8m none "$1"
head -c $((8192 - $3))K /dev/zero > "$1/ballast"
status=0; "${@:4}" || status=$?
find "$1" -name manifest.json
rm "$1/ballast"
"${@:4}"
cp -r "$1/datasets" "$2"
exit $status
"""


@pytest.fixture
def namespace() -> list[str]:
    """The start of a command that may mount file systems which nobody else sees."""
    command = ["unshare", "--map-root-user", "--mount"]
    try:
        allowed = subprocess.run([*command, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no unshare here to mount a small file system with")
    if allowed.returncode:
        pytest.skip(f"user namespaces are not allowed here: {allowed.stderr.decode().strip()}")
    return command


@pytest.mark.parametrize("kilobytes", [16, 400, 2800])
def test_file_system_without_space_is_said_and_survived(
    many: Path, undisturbed: Path, tmp_path: Path, namespace: list[str], kilobytes: int
) -> None:
    root, copy = tmp_path / "root", tmp_path / "copy"
    root.mkdir()
    copy.mkdir()
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in SETTINGS.items()]
    command = [sys.executable, "-m", "shards", str(many), str(root), *flags]
    script = ["bash", "-c", ON_A_SMALL_DISK, "bash", str(root), str(copy), str(kilobytes)]
    done = subprocess.run([*namespace, *script, *command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "No space left on device" in done.stderr or "disk is full" in done.stderr
    assert "Traceback" not in done.stderr
    assert json.loads(done.stdout)["kept"] == 300  # and no manifest was found before
    assert files(copy / "datasets") == files(undisturbed / "datasets")


def test_source_that_goes_away_refuses_no_image(collection: Path, tmp_path: Path) -> None:
    def without_source(specs: Iterator[PartitionSpec]) -> Iterator[str]:
        collection.rename(tmp_path / "away")
        yield from map(process_partition, specs)

    config = ShardConfig(source=str(collection), **SETTINGS)
    with pytest.raises(BuildError, match="has disappeared"):
        build(config, tmp_path / "root", run_partitions=without_source)
    (tmp_path / "away").rename(collection)
    assert build(config, tmp_path / "root").kept == 40


def test_refused_source_costs_no_work_of_an_interrupted_build(collection: Path, tmp_path: Path) -> None:
    def interrupted(specs: Iterator[PartitionSpec]) -> Iterator[str]:
        yield from map(process_partition, specs)
        raise KeyboardInterrupt

    config = ShardConfig(source=str(collection), **SETTINGS)
    with pytest.raises(KeyboardInterrupt):
        build(config, tmp_path / "root", run_partitions=interrupted)
    decoded = sorted((tmp_path / "root").rglob("*.part"))
    (collection / "Ünicode").rename(tmp_path / "away")
    with pytest.raises(SourceError, match="in one folder, 'cats & dogs'"):
        build(config.model_copy(update={"labels": "strict"}), tmp_path / "root")
    assert sorted((tmp_path / "root").rglob("*.part")) == decoded != []
    (tmp_path / "away").rename(collection / "Ünicode")
    assert build(config, tmp_path / "root").kept == 40


def test_interrupted_growth_taken_back_and_done_again(collection: Path, tmp_path: Path, make_image) -> None:
    def interrupted(specs: Iterator[PartitionSpec]) -> Iterator[str]:
        yield from map(process_partition, specs)
        raise KeyboardInterrupt

    config = ShardConfig(source=str(collection), **SETTINGS)
    first = build(config, tmp_path / "root")
    new = make_image(collection / "Ünicode" / "new.png", 99)
    with pytest.raises(KeyboardInterrupt):
        build(config, tmp_path / "root", run_partitions=interrupted)
    new.rename(tmp_path / "new.png")
    assert build(config, tmp_path / "root") == first.model_copy(update={"reused": True})
    (tmp_path / "new.png").rename(new)
    assert build(config, tmp_path / "root").kept == first.kept + 1


def test_partitions_run_elsewhere_give_the_same_bytes_and_progress(collection: Path, tmp_path: Path) -> None:
    told: list[BuildProgress] = []

    def elsewhere(specs: Iterator[PartitionSpec]) -> Iterator[str]:
        with ProcessPoolExecutor(1) as pool:
            yield from reversed(list(pool.map(process_partition, list(specs))))

    config = ShardConfig(source=str(collection), **SETTINGS)
    far = build(config, tmp_path / "far", report=told.append, run_partitions=elsewhere)
    assert max(one.done for one in told if one.stage == "decoding") == 44
    near = build(config, tmp_path / "near")
    assert files(Path(far.manifest).parent) == files(Path(near.manifest).parent)


def forged(manifest: str, members: list[tarfile.TarInfo], data: bytes = b"x") -> str:
    """Replace the first shard by one made of `members` and forge the manifest to match it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for member in members:
            member.size = len(data) if member.isreg() else 0
            tar.addfile(member, io.BytesIO(data))
    path = Path(manifest)
    content = json.loads(path.read_text())
    record = content["shardlist"][0]
    (path.parent / record["url"]).write_bytes(buffer.getvalue())
    record |= {"bytes": len(buffer.getvalue()), "sha256": hashlib.sha256(buffer.getvalue()).hexdigest()}
    path.write_text(json.dumps(content))
    return manifest


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


@pytest.mark.parametrize(
    "hostile",
    [
        member("../../etc/passwd.jpg"),
        member("/etc/passwd.jpg"),
        member("key.pyd"),
        member("key.pickle"),
        member("key.v1.jpg"),
        member("KEY.jpg"),
        member("key.jpg", tarfile.SYMTYPE, "/etc/passwd"),
        member("key.jpg", tarfile.LNKTYPE, "other.jpg"),
        member("key.jpg", tarfile.CHRTYPE),
        member("key.jpg", tarfile.DIRTYPE),
        member("key.cls"),
    ],
    ids=lambda info: f"{info.name}-{info.type.decode()}",
)
def test_hostile_members_are_refused(undisturbed: Path, tmp_path: Path, hostile: tarfile.TarInfo) -> None:
    shutil.copytree(undisturbed, tmp_path / "root")
    manifest = Dataset.open("pets", tmp_path / "root").uri
    with pytest.raises(ShardError, match=r"train-000000\.tar"):
        list(Dataset.open(forged(manifest, [hostile])).stream("train"))


def test_manifest_cannot_name_a_file_elsewhere(collection: Path, tmp_path: Path) -> None:
    outcome = build(ShardConfig(source=str(collection), **SETTINGS), tmp_path / "root")
    path = Path(outcome.manifest)
    path.write_text(path.read_text().replace("train-000000.tar", "../../secret.tar"))
    with pytest.raises(DatasetError, match=r"not a manifest of a dataset version: shardlist\.0\.url"):
        next(Dataset.open(path).stream("train"))


def test_picture_that_is_none_is_named(collection: Path, tmp_path: Path) -> None:
    outcome = build(ShardConfig(source=str(collection), **SETTINGS), tmp_path / "root")
    sample = next(Dataset.open(forged(outcome.manifest, [member("key.jpg")])).stream("train"))
    with pytest.raises(ShardError, match="'key' cannot be decoded"):
        sample.decode()
    assert Dataset.open(outcome.manifest).labels
