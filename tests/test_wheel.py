"""The product installed from its wheel, outside of the checkout: all that it reads is there, and its commands work."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import yaml

from tests.conftest import write_collection
from tests.console import open_console, user_environment
from tests.environments import link_packages, make_environment
from tests.flows.test_service import Service
from tests.waiting import wait_until

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PACKAGES = ("flows", "tasks", "shards", "models")
SOURCES = (*PACKAGES, "deploy", "pyproject.toml", "README.md", "LICENSE")
# These build from the checkout, or install what it is tested with.
NOT_IN_WHEEL = {"Dockerfile", "compose.env.example", "compose.yaml", "postgres-init.sql", "requirements.lock"}
PAGES = ("*.md", "docs/*.md", "deploy/**/*", "Makefile", ".github/workflows/*.yml")
EXTRA = re.compile(r"shardgan\[([\w, -]+)\]")

# Imports every module, and reads what `shardgan setup` reads.
IMPORT = """
import importlib, json, pkgutil, sys, uuid
files = {}
for package in ("flows", "models", "shards", "tasks"):
    for found in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
        if not found.name.endswith("__main__"):
            files[found.name] = importlib.import_module(found.name).__file__
from tasks.service.provisioning import read_automations, read_deployments
print(json.dumps({
    "files": files,
    "deployments": len(read_deployments()["deployments"]),
    "automations": len(read_automations(lambda name: uuid.uuid5(uuid.NAMESPACE_URL, name))),
}))
"""
SMALL = {
    "shard": {"dataset": "tiny", "resolution": 16, "val_fraction": 0.3, "workers": 1},
    "train": {
        "family": "dcgan",
        "nimg": 160,
        "batch_size": 8,
        "width": 4,
        "latent_dim": 8,
        "tick_nimg": 80,
        "compute": {"threads": 1},
    },
    "evaluate": {"num_images": 16, "input_size": 32, "device": "cpu"},
}


@dataclass(frozen=True)
class Installation:
    """A fresh environment with the wheel in it, and a folder to work in."""

    root: Path

    @property
    def python(self) -> Path:
        return self.root / "venv" / "bin" / "python"

    @property
    def shardgan(self) -> Path:
        return self.python.with_name("shardgan")

    @property
    def packages(self) -> Path:
        """Its site-packages."""
        (found,) = (self.root / "venv" / "lib").glob("python*/site-packages")
        return found

    @property
    def work(self) -> Path:
        return self.root / "work"

    @property
    def environment(self) -> dict[str, str]:
        kept = user_environment(self.root / "home")
        return {name: value for name, value in kept.items() if not name.startswith("PYTHON")}

    def run(self, *command: str | Path) -> str:
        """Run a program that must succeed, in the folder to work in; returns what it prints."""
        words, variables = list(map(str, command)), self.environment
        done = subprocess.run(words, cwd=self.work, env=variables, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout


def quietly(*command: str | Path) -> None:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy: setuptools leaves a folder build/ behind, and packs what an earlier build left in it."""
    root = tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, root / "checkout" / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, root / "checkout" / name)
    pip = (sys.executable, "-m", "pip", "wheel", "--no-index", "--no-deps", "--no-build-isolation")
    quietly(*pip, "--wheel-dir", root, root / "checkout")
    (found,) = root.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installation(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """The wheel and what it asks for; no extra, nothing that only tests need, and not the checkout."""
    installation = Installation(tmp_path_factory.mktemp("installation"))
    packages = make_environment(installation.root / "venv")
    pip = (sys.executable, "-m", "pip", "--python", installation.python, "install", "--no-index", "--no-deps")
    quietly(*pip, "--no-compile", wheel)
    link_packages(packages, PROJECT["dependencies"])
    installation.work.mkdir()
    write_collection(installation.work / "pictures")
    (installation.work / "small.yaml").write_text(yaml.safe_dump(SMALL))
    return installation


def test_every_file_of_the_product_is_in_the_wheel(wheel: Path) -> None:
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    files = {path for folder in (*PACKAGES, "deploy") for path in (ROOT / folder).rglob("*") if path.is_file()}
    expected = {path.relative_to(ROOT).as_posix() for path in files if "__pycache__" not in path.parts}
    expected -= {f"deploy/{name}" for name in (*NOT_IN_WHEEL, "compose.env")}
    assert packed == expected


def test_every_module_is_imported_with_the_declared_packages_alone(installation: Installation) -> None:
    found = json.loads(installation.run(installation.python, "-c", IMPORT))
    assert len(found["files"]) > 100
    for name, path in found["files"].items():
        assert Path(path).is_relative_to(installation.packages), f"{name} comes from {path}"
    assert found["deployments"] == len(yaml.safe_load((ROOT / "deploy" / "prefect.yaml").read_text())["deployments"])
    assert found["automations"] >= 1


def test_images_are_sharded(installation: Installation) -> None:
    command = [
        installation.python,
        "-m",
        "shards",
        "pictures",
        "built",
        "--dataset",
        "tiny",
        "--resolution",
        "16",
        "--workers",
        "1",
    ]
    assert json.loads(installation.run(*command))["kept"] == 48


def test_the_program_starts(installation: Installation) -> None:
    assert json.loads(installation.run(installation.shardgan, "up", "--dry-run", "--json"))["dry_run"]


@pytest.mark.slow
def test_commands_work(installation: Installation) -> None:
    with open_console(installation.work, installation.environment, installation.python) as console:
        built = console.run(
            "build", "--source", "pictures", "--dataset", "other", "--resolution", "16", "shard.workers=1"
        )
        assert built["kept"] == 48
        outcome = console.run("run", "--config", "small.yaml", "--source", "pictures")
        assert Path(outcome["report"]).is_relative_to(installation.root / "home")
        version = outcome["evaluate"]["model"]
        scored = console.run("evaluate", "--model", version, "evaluate.num_images=16", "evaluate.input_size=32")
        assert scored["scores"]
        made = console.run("generate", "--model", version, "--dataset", "fresh", "--num-images", "4", "workers=1")
        assert made["seen"] == 4


@pytest.mark.slow
def test_the_service_starts_and_is_set_up(installation: Installation) -> None:
    home = installation.root / "service" / "home"
    home.parent.mkdir()
    service = Service(home, shardgan=installation.shardgan, environment=installation.environment)
    try:
        wait_until(service.is_set_up)
        service.run("setup", *service.ports)
        deployments = service.call("POST", "/deployments/filter", {"limit": 100})
        automations = service.call("POST", "/automations/filter", {"limit": 100})
        assert {one["name"] for one in deployments} >= {"images-to-champion", "gpu", "nightly"}
        assert automations
        for process in psutil.Process(service.process.pid).children(recursive=True):
            assert str(ROOT) not in "".join(process.cmdline())
        # A worker runs a flow.
        reconcile = service.call("GET", "/deployments/name/reconcile/scheduled")
        service.call("POST", f"/deployments/{reconcile['id']}/create_flow_run", {"state": {"type": "SCHEDULED"}})
        wait_until(lambda: [one for one in service.flow_runs("reconcile") if one["state_type"] == "COMPLETED"])
    finally:
        status = service.stop() if service.process.poll() is None else service.process.returncode
    assert status == 0, service.log.read_text()[-3000:]


def named_extras() -> Iterator[tuple[str, str]]:
    """(file, extra) of every `shardgan[...]` in a message or on a page."""
    modules = [path for package in (*PACKAGES, "benchmarks") for path in (ROOT / package).rglob("*.py")]
    pages = [path for pattern in PAGES for path in ROOT.glob(pattern) if path.is_file()]
    for path in (*modules, *pages, ROOT / "pyproject.toml"):
        for names in EXTRA.findall(path.read_text()):
            yield from ((path.relative_to(ROOT).as_posix(), name.strip()) for name in names.split(","))


def test_every_extra_that_is_named_exists() -> None:
    extras = PROJECT["optional-dependencies"]
    named = list(named_extras())
    assert {"tasks/registry/signing.py", "tasks/service/databases.py", "docs/champion.md"} <= {
        path for path, _ in named
    }
    for path, extra in named:
        assert extra in extras, f"{path} names the extra {extra!r}, which pyproject.toml does not have"
