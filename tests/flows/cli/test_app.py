"""The command line as a person or a script meets it: exit status, stdout, and what is left behind."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.console import open_console, user_environment

SHARDGAN = Path(sys.executable).with_name("shardgan")


def shardgan(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"SHARDGAN_HOME": str(cwd / "home")}
    environment.pop("PREFECT_API_URL", None)
    environment.pop("PREFECT_HOME", None)
    return subprocess.run([SHARDGAN, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def the_object(text: str) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(text)
    return result


def test_a_wrong_request_is_refused_in_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    done = shardgan("build", "--source", "nowhere", "--dataset", "d", "--json", cwd=tmp_path)
    assert done.returncode == 2
    assert the_object(done.stdout)["error"] in done.stderr
    assert "'nowhere', which does not exist" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_shows_config_and_plan_and_touches_nothing(tmp_path: Path, collection: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    flags = ["--family", "dcgan", "--nimg", "7", "--train.augment.scale", "0.5"]
    command = ["run", "--source", str(collection), "--dataset", "d", *flags]
    done = shardgan(*command, "--dry-run", "--json", "--no-estimate", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    shown = the_object(done.stdout)
    train = {"family": "dcgan", "nimg": 7, "augment": {"scale": 0.5}}
    assert shown["changed"] == {"shard": {"source": str(collection), "dataset": "d"}, "train": train}
    assert shown["config"]["train"]["nimg"] == 7
    assert shown["config"]["train"]["augment"]["scale"] == 0.5
    of_memory = [step for step in shown["would"] if " GiB" in step]
    assert of_memory[0].endswith("it fits")
    assert len(shown["would"]) - len(of_memory) == 5
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.slow
def test_a_dry_run_estimates_each_stage_and_touches_nothing(tmp_path: Path, collection: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    command = ["run", "--source", str(collection), "--dataset", "d", "--resolution", "16", "train.width=4"]
    done = shardgan(*command, "evaluate.input_size=32", "--dry-run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    heads = ("build", "train", "evaluate", "in all")
    rows = [line for line in done.stdout.splitlines() if line.startswith(heads)]
    assert [row.split("  ")[0] for row in rows] == list(heads)
    assert not any(" - " in row for row in rows)
    assert sorted(tmp_path.rglob("*")) == before


def test_show_config_is_a_file_to_start_from(tmp_path: Path) -> None:
    done = shardgan("show-config", cwd=tmp_path)
    assert done.returncode == 0
    (tmp_path / "c.yaml").write_text(done.stdout)
    again = shardgan("show-config", "--config", "c.yaml", "train.seed=9", "--json", cwd=tmp_path)
    assert the_object(again.stdout)["train"]["seed"] == 9


def test_build_says_what_it_did_and_does_it_once(tmp_path: Path, collection: Path) -> None:
    command = ["build", "--source", str(collection), "--dataset", "d", "--resolution", "16"]
    with open_console(tmp_path, user_environment(tmp_path / "home")) as console:
        built, again = console.run(*command), console.run(*command)
    expected = {
        "dataset",
        "version",
        "manifest",
        "seen",
        "kept",
        "duplicates",
        "quarantined",
        "marked_generated",
        "remarks",
        "reasons",
        "reused",
        "notes",
        "checks",
    }
    assert built.keys() == expected
    assert (built["seen"], built["kept"], built["quarantined"], built["reused"]) == (49, 48, 1, False)
    assert again == built | {"reused": True}


SETTINGS = """
import flows
from prefect.settings import get_current_settings as now
print(now().home, now().server.ephemeral.startup_timeout_seconds, now().server.analytics_enabled)
"""


def test_prefect_reads_its_settings_after_ours_are_made(home_dir: Path) -> None:
    names = (
        "PREFECT_API_URL",
        "PREFECT_HOME",
        "PREFECT_SERVER_ANALYTICS_ENABLED",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS",
    )
    environment = {name: value for name, value in os.environ.items() if name not in names}
    command = [sys.executable, "-c", SETTINGS]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [f"{home_dir}/prefect", "600", "False"]


def test_an_error_inside_a_flow_is_a_sentence_and_its_traceback_is_in_the_log(tmp_path: Path, collection: Path) -> None:
    shutil.rmtree(collection / "dark")
    done = shardgan("build", "--source", str(collection), "--dataset", "d", "shard.labels=strict", cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    message, where = [line for line in done.stderr.splitlines() if line.startswith("shardgan: ")]
    assert "labels=strict" in message
    (log,) = (tmp_path / "home" / "logs").iterdir()
    assert where.endswith(str(log))
    assert "Traceback" in log.read_text()
