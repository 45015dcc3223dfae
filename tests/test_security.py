"""SECURITY.md tells the truth: each test that it names exists; and what it says of the code as a whole."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("flows", "tasks", "shards", "models")
# Published feature nets come as .pth files; each is hashed first and loaded with weights_only.
MAY_LOAD_PTH = {"models/features/inception.py", "models/features/efficientnet.py", "models/features/mobilenet.py"}
UNPICKLERS = {"load", "loads", "Unpickler"}


def rows() -> list[list[str]]:
    """The cells of each row of the tables: threat, control, tests."""
    lines = (ROOT / "SECURITY.md").read_text().splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return [row for row in cells if row[0] != "threat" and not set(row[0]) <= {"-"}]


def known_tests() -> set[str]:
    texts = (path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    return {name for text in texts for name in re.findall(r"^def (test_\w+)", text, re.MULTILINE)}


def test_every_threat_has_a_control_and_a_test_that_exists() -> None:
    assert len(rows()) >= 25
    for threat, control, tests in rows():
        assert control, threat
        assert re.findall(r"`(test_\w+)`", tests), threat
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "SECURITY.md").read_text()))
    assert not named - known_tests()


def calls(path: Path) -> list[tuple[str, ast.Call]]:
    """Each call of `module.function` in a file, by that name."""
    nodes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    return [(ast.unparse(node.func), node) for node in nodes]


def safe_loaders(path: Path) -> set[str]:
    """The classes in a file that read YAML as PyYAML's SafeLoader does."""
    classes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ClassDef)]
    return {one.name for one in classes if [ast.unparse(base) for base in one.bases] == ["yaml.SafeLoader"]}


def test_no_code_of_ours_unpickles() -> None:
    for path in (path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        for name, call in calls(path):
            module, _, function = name.rpartition(".")
            assert not (module in ("pickle", "cloudpickle", "joblib", "dill") and function in UNPICKLERS), path
            assert name not in ("eval", "exec", "numpy.load", "np.load", "os.system"), f"{path}: {name}"
            if name == "yaml.load":
                assert {ast.unparse(given) for given in call.args[1:]} & safe_loaders(path), path
            assert not any(word.arg == "shell" for word in call.keywords), path
            if name == "torch.load":
                assert str(path.relative_to(ROOT)) in MAY_LOAD_PTH
                assert [word.value.value for word in call.keywords if word.arg == "weights_only"] == [True]


def test_models_are_loaded_in_one_place_alone() -> None:
    """Where their files have been verified; the consumer's own file is what MLflow runs."""
    loading = {
        str(path.relative_to(ROOT)): name
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        for name, _ in calls(path)
        if name in ("mlflow.pyfunc.load_model", "mlflow.pytorch.load_model", "mlflow.artifacts.download_artifacts")
    }
    assert loading == {
        "tasks/registry/loaded_generator.py": "mlflow.pyfunc.load_model",
        "tasks/registry/signing.py": "mlflow.artifacts.download_artifacts",
    }


@pytest.mark.parametrize("given", ["true", "false", None])
def test_pickle_stays_off(given: str | None) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "MLFLOW_ALLOW_PICKLE_DESERIALIZATION"}
    if given:
        environment["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = given
    code = "from tasks.home import apply_defaults; apply_defaults(); import os; os.execvp('env', ['env'])"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert "MLFLOW_ALLOW_PICKLE_DESERIALIZATION=false" in done.stdout.splitlines()
