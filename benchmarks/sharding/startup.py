"""What the flow around a build costs: `shardgan build` beside `python -m shards` on the same collection."""

import os
import sys
from pathlib import Path

from benchmarks.harness.cost import measure

_SETTINGS = {"shape": "as_is", "encoding": "original", "workers": "2"}


def flow_seconds(source: Path, target: Path) -> str:
    """Time both, the flow in a new home and again in the same one, and say in a sentence what it adds."""
    flow = Path(sys.executable).with_name("shardgan")
    if not flow.exists():
        return f"What Prefect adds was not measured: {flow} is not installed."
    # As a person starts it: not a flow of a server that happens to be configured here.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "MLFLOW_"))}
    environment["SHARDGAN_HOME"] = str(target / "home")
    plain = [sys.executable, "-m", "shards", str(source), str(target / "plain"), "--dataset", "plain"]
    plain += [text for name, value in _SETTINGS.items() for text in (f"--{name}", value)]
    alone = measure(plain, target / "log")
    runs = []
    for dataset in ("first", "second"):
        command = [str(flow), "build", "--source", str(source), "--dataset", dataset]
        command += [f"shard.{name}={value}" for name, value in _SETTINGS.items()]
        runs.append(measure(command, target / "log", environment))
    if alone.status or any(run.status for run in runs):
        return f"What Prefect adds was not measured: a build failed, see\n{(target / 'log').read_text()[-2000:]}"
    first, second = (run.wall_seconds - alone.wall_seconds for run in runs)
    return (
        f"Prefect's temporary server and the rest of the flow add {second:.1f} s: `shardgan build` took "
        f"{runs[1].wall_seconds:.1f} s on the emoji, passed through, where `python -m shards` took "
        f"{alone.wall_seconds:.1f} s. The first run under a new `SHARDGAN_HOME`, which makes Prefect's database, "
        f"adds {first:.1f} s."
    )
