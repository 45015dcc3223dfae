"""The child process of a dry run: it measures what the stages of a command will cost, and prints one JSON object.

Standard input has one JSON object with the command, its config and a temporary folder for all that the measurement
writes.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from flows.configs import BuildDatasetConfig, EvaluateGanConfig, PipelineConfig, TrainGanConfig
from tasks.trainer.costs.trials import Budget, StageCost, measure_slowness, total_cost

# Times that importing torch takes here (benchmarks/results/estimates.md): to import Prefect and start its server.
START = {"build": 4.5, "train": 4.0, "evaluate": 4.0}
# Memory of Prefect, MLflow and the server, beside the processes that do the work: it depends on their versions only.
OTHER_BYTES = {"build": 300_000_000, "train": 580_000_000, "evaluate": 380_000_000}
Stages = list[StageCost]


def main() -> None:
    """Measure, and print the costs, or a `problem` in a sentence."""
    began = time.monotonic()
    request = json.load(sys.stdin)
    config_class, measure = MEASURES[request["command"]]
    answers, sys.stdout = sys.stdout, sys.stderr
    try:
        budget = Budget(measure_slowness())
        stages = measure(config_class.model_validate(request["config"]), Path(request["folder"]), budget)
        stages = [with_command(stage, number == 0) for number, stage in enumerate(stages)]
    except Exception as error:  # whatever it is: the command itself will say it when it runs
        found: dict[str, Any] = {"problem": f"There is no estimate: {type(error).__name__}: {error}"}
    else:
        found = describe(stages) | {"seconds": time.monotonic() - began, "load": os.getloadavg()[0]}
    print(json.dumps(found), file=answers, flush=True)
    os._exit(0)  # the libraries' own ends take time


def with_command(cost: StageCost, is_first: bool) -> StageCost:
    """Add what the command itself takes beside the work of a stage. The first stage includes its start."""
    seconds, memory = cost.seconds, cost.memory_bytes
    if seconds is not None and is_first:
        # A build runs beside the start of its command, but both use all cores.
        seconds += START[cost.stage] * import_torch()
    return cost.model_copy(
        update={"seconds": seconds, "memory_bytes": None if memory is None else memory + OTHER_BYTES[cost.stage]}
    )


def describe(stages: Stages) -> dict[str, Any]:
    """Return the stages and their sum, with prices if this machine has one."""
    from tasks.trainer.costs.config import CostConfig

    costs = CostConfig.read()
    everything = [*stages, total_cost(stages)] if len(stages) > 1 else stages
    rows = [stage.model_dump() for stage in everything]
    if costs.price_per_hour:
        gpus = count_gpus()
        for row in rows:
            row["price"] = None if row["seconds"] is None else costs.price(row["seconds"] / 3600, gpus)
        return {"stages": rows, "currency": costs.currency}
    return {"stages": rows}


def count_gpus() -> int:
    """Return the number of GPUs of this machine, 0 if nothing has imported torch."""
    torch = sys.modules.get("torch")
    return int(torch.cuda.device_count()) if torch else 0


@cache
def import_torch() -> float:
    """Import torch and return the seconds that it took: a measure of how fast programs start here and now."""
    began = time.perf_counter()
    import tasks.training.costs.training  # noqa: F401

    return time.perf_counter() - began


def measure_build(config: BuildDatasetConfig, folder: Path, budget: Budget) -> Stages:
    from tasks.datasets.costs import estimate_build

    return [estimate_build(config.shard, folder, budget, config.dask_scheduler).cost]


def measure_train(config: TrainGanConfig, folder: Path, budget: Budget) -> Stages:
    import_seconds = import_torch()
    from tasks.training.costs.training import estimate_training, open_dataset

    dataset, counts = open_dataset(config.dataset)
    return [estimate_training(config.train, dataset, counts, import_seconds, folder, budget).cost]


def measure_evaluate(config: EvaluateGanConfig, _folder: Path, budget: Budget) -> Stages:
    import_seconds = import_torch()
    from tasks.training.costs.evaluation import estimate_version

    return [estimate_version(config.evaluate, config.model, import_seconds, budget)]


def measure_run(config: PipelineConfig, folder: Path, budget: Budget) -> Stages:
    from tasks.datasets.costs import estimate_build

    built = estimate_build(config.shard, folder, budget, config.dask_scheduler)
    import_seconds = import_torch()
    from tasks.training.costs.evaluation import estimate_evaluation
    from tasks.training.costs.training import estimate_training

    counts = {split: built.num_samples(split) for split in ("train", "val")}
    trained = estimate_training(config.train, built.sample, counts, import_seconds, folder, budget)
    evaluated = estimate_evaluation(config.evaluate, *trained[1:], counts, import_seconds, budget)
    return [built.cost, elsewhere(trained.cost, config.training_deployment), evaluated]


def elsewhere(cost: StageCost, deployment: str) -> StageCost:
    """Say it if a worker of a server may do the training: nothing is known about the worker's machine."""
    if not deployment or not os.environ.get("PREFECT_API_URL"):
        return cost
    said = f"{cost.basis}; this is for this machine. If the server has the deployment {deployment}, its worker trains"
    return cost.model_copy(update={"basis": said})


MEASURES: dict[str, tuple[type[Any], Callable[[Any, Path, Budget], Stages]]] = {
    "build": (BuildDatasetConfig, measure_build),
    "train": (TrainGanConfig, measure_train),
    "evaluate": (EvaluateGanConfig, measure_evaluate),
    "run": (PipelineConfig, measure_run),
}
