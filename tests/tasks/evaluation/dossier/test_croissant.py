"""Croissant, validated and read by mlcroissant in an environment of its own: the lock files cannot hold it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.evaluation.dossier.documents.croissant import CROISSANT
from tests.environments import make_environment

MLCROISSANT = "mlcroissant==1.1.1"  # it needs jsonpath-rw, of which there is no wheel
READ = """
import json, sys
from pathlib import Path
import mlcroissant

description, folder = Path(sys.argv[1]), Path(sys.argv[2])
files = [one["@id"] for one in json.loads(description.read_text())["distribution"] if one["@type"] == "cr:FileObject"]
dataset = mlcroissant.Dataset(jsonld=str(description), mapping={name: str(folder / name) for name in files})
issues = dataset.metadata.issues
records = {one.uuid: list(dataset.records(one.uuid)) for one in dataset.metadata.record_sets}
classes = {one["train-classes/key"]: one["train-classes/number"] for one in records["train-classes"]}
print(json.dumps({
    "errors": sorted(issues.errors),
    "counts": {name: len(found) for name, found in records.items()},
    "sizes": sorted({one["train/image"].size for one in records["train"]}),
    "labels": sorted(classes[one["train/key"]] for one in records["train"]),
}))
"""


@pytest.mark.slow
def test_mlcroissant_finds_no_error_and_reads_images_and_classes(
    repository: Path, old_home: Path, tmp_path: Path
) -> None:
    packages = make_environment(tmp_path / "venv")
    (packages / "here.pth").write_text("\n".join(path for path in sys.path if path.endswith("site-packages")))
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "pip", "--python", python, "install", "-q", MLCROISSANT], check=True)
    (folder,) = old_home.glob("datasets/first/1*")
    command = [python, "-c", READ, repository / CROISSANT, folder]
    done = subprocess.run(command, env={"HOME": str(tmp_path)}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["errors"] == []
    assert found["counts"] == {"classes": 2, "train": 14, "train-classes": 14, "val": 11, "val-classes": 11}
    assert found["sizes"] == [[32, 32]]
    assert found["labels"] == [0] * 8 + [1] * 6
