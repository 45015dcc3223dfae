"""The networks of a run, and its size described in sentences."""

from importlib.util import find_spec

from pydantic import ValidationError

from models.networks.names import DISCRIMINATOR_NETS, NET_PACKAGES
from models.networks.scaling import advise_gamma
from models.networks.spec import NetworkSpec
from models.training.config import TrainConfig
from shards import Manifest, ShardConfig
from tasks.errors import RequestError
from tasks.trainer.run_directory import RunConfig


def network_of(manifest: Manifest, config: TrainConfig) -> NetworkSpec:
    """Return the networks that `config` asks for on a dataset. Raises RequestError if they cannot make its images."""
    if config.family == "auto":
        raise RequestError("train.family is auto: resolve_family decides what it means before networks are made")
    try:
        return NetworkSpec(
            family=config.family,
            resolution=manifest.resolution,
            image_width=manifest.image_width,
            channels=manifest.channels,
            num_classes=len(manifest.labels) if config.conditional else 0,
            latent_dim=config.latent_dim,
            width=config.width,
        )
    except ValidationError as error:
        raise RequestError(f"dataset {manifest.dataset}: {error.errors()[0]['msg']} (shard.resolution)") from error


def check_frozen_net(run: RunConfig) -> None:
    """Check that the packages of the discriminator's frozen net are installed. Nothing is imported.

    Raises RequestError if one is missing.
    """
    packages = NET_PACKAGES.get(DISCRIMINATOR_NETS.get(run.network.family, ""), ())
    if missing := [name for name in packages if find_spec(name.replace("-", "_")) is None]:
        raise RequestError(
            f"family {run.network.family} needs {' and '.join(missing)}: install with `pip install --no-deps "
            f"{' '.join(missing)}`, or choose train.family=dcgan"
        )


def describe_sizes(run: RunConfig) -> list[str]:
    """Describe the parameters, steps, memory, checkpoints and disk space of a run that has not begun."""
    from models.compute.device import world_size  # importing torch takes seconds
    from models.training.estimates import estimate
    from tasks.training.costs.room import describe_room

    sizes = estimate(run.train, run.network, processes := world_size(run.train.compute))
    networks = ", ".join(f"{role} {count:,}" for role, count in sizes.parameters.items())
    keep = min(run.train.keep_checkpoints, sizes.num_checkpoints)
    disk = format_bytes(keep * sizes.checkpoint_bytes)
    nodes = run.train.compute.nodes
    shared = f"{processes} process(es)" + (f" on {nodes} nodes" if nodes > 1 else "")
    return [
        f"parameters: {networks}",
        f"{sizes.num_steps:,} steps of {run.train.batch_size} images in {shared}",
        *describe_room(run.train, sizes.memory, sizes.batch_size),
        *advise_on_gamma(run.train, run.network),
        f"{sizes.num_checkpoints} checkpoints of {format_bytes(sizes.checkpoint_bytes)}, {keep} kept: {disk} of disk",
    ]


def describe_request(shard: ShardConfig, train: TrainConfig) -> list[str]:
    """Describe the memory of a training on a dataset that is not built yet. Its classes are not known, and cost little.

    Raises FeatureNetError if the family needs weights that are not installed.
    """
    from models.compute.device import world_size
    from models.training.estimates import estimate
    from tasks.training.costs.room import describe_room

    if train.family == "auto":
        return []
    network = NetworkSpec(
        family=train.family,
        resolution=shard.resolution,
        image_width=shard.image_width,
        channels=shard.channels,
        num_classes=0,
        latent_dim=train.latent_dim,
        width=train.width,
    )
    sizes = estimate(train, network, world_size(train.compute))
    return [*describe_room(train, sizes.memory, sizes.batch_size), *advise_on_gamma(train, network)]


def advise_on_gamma(train: TrainConfig, network: NetworkSpec) -> list[str]:
    """Return a sentence if the weight of the gradient penalties is far from what published settings give."""
    if network.family != "r3":
        return []
    _, rows, columns = network.shape
    advice = advise_gamma(train.gamma, rows * columns, train.batch_size)
    return [advice] if advice else []


def format_bytes(count: float) -> str:
    """Format a number of bytes for people."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.3g} {unit}"
        count /= 1024
    return f"{count:.3g} TiB"
