"""`make speedrun` on a tiny task, so it cannot rot."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.slow
def test_the_task_is_run_recorded_and_taken_up_where_it_was(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}

    def speedrun(change: str) -> None:
        command = [sys.executable, "-m", "benchmarks.speedrun", "--smoke", "--out", str(tmp_path), "--record", change]
        subprocess.run(command, cwd=ROOT, env=environment, check=True)

    speedrun("the first one")
    (folder,) = (tmp_path / "speedrun").iterdir()
    attempt = json.loads((folder / "attempt.json").read_text())
    (point,) = attempt["curve"]
    assert point["nimg"] == 16
    assert 0 < point["seconds"] == attempt["seconds"]
    assert sorted(int(path.parent.name) for path in folder.glob("checkpoints/*/COMMITTED")) == [16]
    speedrun("nothing: the same attempt is read again")
    records = [json.loads(line) for line in (tmp_path / "speedrun.jsonl").read_text().splitlines()]
    assert [record["seconds"] for record in records] == [round(point["seconds"], 1)] * 2
    page = (tmp_path / "speedrun.md").read_text()
    assert "| first | 16 |" in page
    assert "| +0 % | 16 |" in page
