"""Does it help a classifier? `python -m benchmarks.classifier_gain --model models:/digits@champion`, or a run's folder.

Trains 15 small classifiers (real, generated, both; all real images and a tenth of them; three seeds), tests them on the
val split, and writes benchmarks/results/classifier-gain.md: 5 to 8 minutes for 5,000 digits of 32x32 on two cores. A
registered version also keeps the table, and its next report shows it.
"""

import argparse
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import pandas as pd

from benchmarks.harness.page import table, write_page
from models.classifier.config import GainConfig
from models.classifier.gain import GainTable
from shards import Dataset, Manifest
from tasks.evaluation.classifier_gain import describe_gain, keep_gain, measure_model_gain
from tasks.home import home
from tasks.registry.loaded_generator import LoadedGenerator
from tasks.registry.packaging.generator_pyfunc import GeneratorModel
from tasks.registry.versions import export_generator, resolve_version
from tasks.tracking.runs import connect
from tasks.tracking.tags import VersionTags
from tasks.trainer.run_directory import RunDirectory


class RunModel:
    """The newest generator of a run directory, behind the interface of a loaded version."""

    def __init__(self, run: RunDirectory) -> None:
        self.model = GeneratorModel()
        with tempfile.TemporaryDirectory() as folder:
            paths, _ = export_generator(run, Path(folder))
            self.model.load_context(SimpleNamespace(artifacts={name: str(path) for name, path in paths.items()}))

    def predict(self, table: pd.DataFrame) -> pd.DataFrame:
        return self.model.predict(None, table)

    def unwrap_python_model(self) -> GeneratorModel:
        return self.model


def main(arguments: list[str] | None = None) -> None:
    """Measure the model that `--model` names and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--model", default="models:/digits@champion", help="models:/name@alias, /version, or a run's path"
    )
    parser.add_argument("--nimg", type=int, default=0, help="images that each classifier sees; 0: the default")
    parser.add_argument("--seeds", type=int, default=0, help="classifiers of each kind; 0: the default")
    parser.add_argument("--result", default="classifier-gain", help="the page under benchmarks/results to write")
    given = parser.parse_args(arguments)
    config = GainConfig()
    if given.nimg:
        classifier = config.classifier.model_copy(update={"nimg": given.nimg})
        config = config.model_copy(update={"classifier": classifier})
    if given.seeds:
        config = config.model_copy(update={"num_seeds": given.seeds})
    start = time.monotonic()
    gains, manifest = measure(given.model, config)
    about = f"{given.model}, {manifest.dataset} {manifest.version}, {manifest.resolution}x{manifest.resolution}"
    command = f"python -m benchmarks.classifier_gain --model {given.model}"
    texts, minutes = describe_gain(gains), (time.monotonic() - start) / 60
    write_page(
        given.result,
        "Does it help a classifier?",
        command,
        f"{about}. {texts.about}",
        table(["real images", "trained on", *texts.tests], texts.accuracies),
        "What generated images add to real ones, in points, paired by image and seed:",
        table(["real images", *texts.tests], texts.gains),
        ran=f"{minutes:.0f} min",
    )


def measure(model: str, config: GainConfig) -> tuple[GainTable, Manifest]:
    """The table, and the manifest it was measured with."""
    if (Path(model) / "config.json").exists():
        run = RunDirectory(Path(model))
        dataset = Dataset.open(run.config().manifest)
        return measure_model_gain(LoadedGenerator(RunModel(run)), dataset, config, progress=show), dataset.manifest
    client = connect(home())
    version = resolve_version(client, model)
    dataset = Dataset.open(VersionTags.of(version, "manifest").manifest)
    table = measure_model_gain(LoadedGenerator.load(version), dataset, config, progress=show)
    keep_gain(client, version, table)
    return table, dataset.manifest


def show(done: int, total: int) -> None:
    """One line a classifier."""
    print(f"classifier {done} of {total}", flush=True)


if __name__ == "__main__":
    main()
