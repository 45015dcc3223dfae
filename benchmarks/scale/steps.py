"""Runs a stage for which `shardgan` has no command: `python -m benchmarks.scale.steps STEP MANIFEST`.

Each is what the product does at that point, in a process of its own.
"""

import sys

from shards import Dataset


def verify(dataset: Dataset) -> str:
    """Read all shards as `shardgan lineage` does."""
    damage = list(dataset.find_damage())
    return damage[0] if damage else f"{len(dataset.manifest.shardlist):,} shards are intact"


def start(dataset: Dataset, mode: str) -> str:
    """Open the data of a training as its trainer does, until the first batch."""
    from tasks.trainer.batches import open_data
    from tasks.trainer.config import DataConfig

    data = open_data(DataConfig(mode=mode, workers=-1), dataset, batch_size=64, seed=0)
    data.preview()
    images, _ = next(data.batches(0))
    return f"{len(images)} of {data.describe()}"


def features(dataset: Dataset) -> str:
    """Compute the features of the real images as an evaluation does; the net sees 32 pixels, which suffices here."""
    from models.features.cache import reference_features
    from models.features.nets import load_feature_net
    from models.metrics.config import EvalConfig
    from tasks.home import home
    from tasks.trainer.pictures import count_reference, real_images, reference_key

    config = EvalConfig(input_size=32, device="cpu", batch_size=64)
    net = load_feature_net(config.feature_net, config.input_size)
    images = real_images(dataset, count_reference(dataset, config))
    found = reference_features(images, net, home().features, reference_key(dataset, config), config.batch_size)
    return f"{len(found):,} of {dataset.num_samples('val'):,} images of the split val"


STEPS = {
    "verify": verify,
    "stream": lambda dataset: start(dataset, "streaming"),
    "auto": lambda dataset: start(dataset, "auto"),
    "features": features,
}

if __name__ == "__main__":
    print(STEPS[sys.argv[1]](Dataset.open(sys.argv[2])))
