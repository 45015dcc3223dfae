"""The lock files: complete, hashed, the same versions in both, and without an address of where they were made."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = {"requirements.lock": {"dev"}, "deploy/requirements.lock": {"service", "kubernetes", "onnx", "telemetry"}}
UNHASHED = {"torch"}  # pinned in constraints.txt, see DECISIONS.md
AGAIN = "run `make lock`"


def entries(name: str) -> list[str]:
    """Each requirement of a lock file with its hashes, on one line."""
    text = (ROOT / name).read_text().replace("\\\n", " ")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def locked(name: str) -> dict[str, set[Version]]:
    """Versions by package; a package may have several, for different Pythons."""
    found: dict[str, set[Version]] = {}
    for entry in entries(name):
        requirement = Requirement(entry.partition(" --hash")[0])
        (pin,) = requirement.specifier
        assert pin.operator == "==", entry
        found.setdefault(canonicalize_name(requirement.name), set()).add(Version(pin.version))
    return found


def asked_for(extras: set[str]) -> list[Requirement]:
    """What pyproject.toml asks for, with these extras and those that they name."""
    texts = list(PROJECT["project"]["dependencies"]) + PROJECT["build-system"]["requires"]
    for extra in extras:
        texts += PROJECT["project"]["optional-dependencies"][extra]
    requirements = [Requirement(text) for text in texts]
    own = {extra for one in requirements if one.name == PROJECT["project"]["name"] for extra in one.extras}
    if own - extras:
        return asked_for(extras | own)
    return [one for one in requirements if one.name != PROJECT["project"]["name"]]


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_has_a_hash(name: str) -> None:
    assert len(entries(name)) > 100
    for entry in entries(name):
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", entry), f"{name}: {entry} has no hash; {AGAIN}"


@pytest.mark.parametrize("name", LOCKS)
def test_no_address_is_in_a_lock_file(name: str) -> None:
    text = (ROOT / name).read_text()
    assert not re.search(r"://|^-|^ *--(?!hash)|\bindex\b.*\b(url|https?)\b| @ ", text, re.MULTILINE)


@pytest.mark.parametrize(("name", "extras"), LOCKS.items())
def test_the_lock_satisfies_pyproject(name: str, extras: set[str]) -> None:
    versions = locked(name)
    for requirement in asked_for(extras):
        package = canonicalize_name(requirement.name)
        if package in UNHASHED:
            continue
        assert package in versions, f"{name} leaves out {requirement}; {AGAIN}"
        wrong = [version for version in versions[package] if not requirement.specifier.contains(version, True)]
        assert not wrong, f"{name} has {package} {wrong[0]}, and pyproject.toml asks for {requirement}; {AGAIN}"


def test_containers_get_the_versions_that_are_tested() -> None:
    tested = locked("requirements.lock")
    for package, versions in locked("deploy/requirements.lock").items():
        assert versions <= tested[package], f"{package} differs between the lock files; {AGAIN}"


def test_torch_is_pinned_once_and_in_its_range() -> None:
    (pin,) = re.findall(r"^torch==(.*)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    (asked,) = [Requirement(text) for text in PROJECT["project"]["dependencies"] if text.startswith("torch")]
    assert asked.specifier.contains(pin)
    described = {one["name"]: one["version"] for one in PROJECT["tool"]["uv"]["dependency-metadata"]}
    assert described == {"torch": pin}, (
        "pyproject.toml describes another torch for `make lock` than constraints.txt pins"
    )
    assert all("torch" not in locked(name) for name in LOCKS)


def test_ci_covers_the_supported_pythons() -> None:
    text = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    (matrix,) = re.findall(r"python: \[(.*)\]", text)
    supported = SpecifierSet(PROJECT["project"]["requires-python"])
    pythons = re.findall(r'"([\d.]+)"', matrix)
    assert len(pythons) >= 3
    assert all(supported.contains(python) for python in pythons)
