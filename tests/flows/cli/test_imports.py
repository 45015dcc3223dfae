"""Help, the version, settings and refusals come at once: they import none of the large libraries."""

import json
import os
import subprocess
import sys
from pathlib import Path

from flows.cli.commands import COMMANDS

HEAVY = ("torch", "mlflow", "prefect", "pandas", "pyarrow", "numpy", "PIL", "matplotlib")
HEAVY += ("huggingface_hub", "cyclonedx")
VERBS = ("list", "show", "compare", "delete", "undo", "gc")
ASKED = [
    ["--help"],
    ["--version"],
    ["show-config"],
    ["show-config", "--json", "train.seed=9"],
    ["build", "--source", "nowhere", "--dataset", "d"],
    ["build", "--source", ".", "--dataset", "d", "--dry-run", "--no-estimate"],
    ["run", "--source", ".", "--dataset", "d", "train.nmig=5"],
    ["list"],
    ["list", "models", "--json"],
    ["show", "nothing"],
    ["compare", "nothing"],
    ["export", "nothing"],
    ["delete", "nothing"],
    ["undo"],
    ["gc", "--dry-run"],
    *([verb, "--help"] for verb in VERBS),
    *([command.name, "--help"] for command in COMMANDS),
]
PROGRAM = """
import json, sys
from flows.cli import main

asked, heavy = json.loads(sys.argv.pop(1)), json.loads(sys.argv.pop(1))
found = []
for arguments in asked:
    sys.argv = ["shardgan", *arguments]
    try:
        main()
    except SystemExit:
        pass
    found.append([" ".join(arguments), sorted(set(heavy) & set(sys.modules))])
print(json.dumps(found), file=sys.__stderr__)
"""


NOT_BEFORE_THE_TRAINER = ("torch", "mlflow", "pandas", "pyarrow", "matplotlib", "onnx", "scipy")
NOT_IN_THE_TRAINER = ("prefect", "mlflow", "pandas", "pyarrow", "matplotlib", "onnx", "scipy", "torchvision", "sklearn")
NOT_IN_THE_TRAINER += ("torch._inductor", "torch.onnx", "huggingface_hub", "fastapi", "sqlalchemy")


def test_what_needs_no_work_imports_no_large_library(tmp_path: Path) -> None:
    (tmp_path / "shardgan").write_text(PROGRAM)  # of that name, as the command is
    command = [sys.executable, str(tmp_path / "shardgan"), json.dumps(ASKED), json.dumps(HEAVY)]
    # MLflow's client sets the variable in the process of the tests that use it.
    kept = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    environment = kept | {"SHARDGAN_HOME": str(tmp_path / "home")}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    found = json.loads(done.stderr.splitlines()[-1])
    assert [what for what, imported in found if imported] == []
    assert [path.name for path in tmp_path.iterdir()] == ["shardgan"]


def imports(program: str, names: tuple[str, ...], *arguments: str) -> set[str]:
    """Which of these modules the program imports."""
    code = f"import sys\n{program}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    return set(names) & set(done.stdout.splitlines()[-1].split())


def test_a_training_waits_neither_for_torch_nor_for_mlflow_in_its_command(dataset: str) -> None:
    program = """
sys.argv[0] = "shardgan"
import flows.stages.train_gan
from flows.cli.plans import check_train
from flows.configs import TrainGanConfig
check_train(TrainGanConfig(dataset="tiny"))
"""
    assert imports(program, NOT_BEFORE_THE_TRAINER) == set()


def test_the_trainer_imports_what_it_needs() -> None:
    assert imports("import tasks.training.process.program, tasks.trainer.worker", NOT_IN_THE_TRAINER) == set()
    assert imports("import tasks.training.process.program", ("torch",)) == set()  # the images come first
