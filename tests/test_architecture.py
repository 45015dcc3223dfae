"""Imports flow one way: flows -> tasks -> (shards | models), and each layer stays ignorant of what it must not know."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FORBIDDEN = {
    "shards": {"prefect", "mlflow", "torch", "flows", "tasks", "models"},
    "models": {"prefect", "mlflow", "flows", "tasks", "shards"},
    "tasks": {"flows"},
    "flows": {"mlflow", "torch", "shards", "models"},
}
TRAINER_SIDE = [
    "tasks/worker.py",
    "tasks/batches.py",
    "tasks/scorer.py",
    "tasks/scoring.py",
    "tasks/pictures.py",
    "tasks/run_directory.py",
    "tasks/trusted.py",
]


def imported_roots(path: Path) -> set[str]:
    roots = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            roots |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            roots.add(node.module.split(".")[0])
    return roots


@pytest.mark.parametrize("package", FORBIDDEN)
def test_package_imports_only_downward(package: str) -> None:
    files = sorted((ROOT / package).rglob("*.py"))
    assert files, f"{package}/ holds no Python file"
    for path in files:
        assert not imported_roots(path) & FORBIDDEN[package], path


@pytest.mark.parametrize("name", TRAINER_SIDE)
def test_trainer_imports_neither_prefect_nor_mlflow(name: str) -> None:
    assert not imported_roots(ROOT / name) & {"prefect", "mlflow"}


def test_no_flow_module_shadows_a_package() -> None:
    """A path entrypoint puts flows/ first on sys.path, where such a file would hide the package of that name."""
    assert not {path.stem for path in (ROOT / "flows").glob("*.py")} & set(FORBIDDEN)
