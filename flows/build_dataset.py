"""Turn a collection of compressed images into a dataset version."""

from prefect import flow
from pydantic import BaseModel, ConfigDict, Field

from tasks.sharding import BuildOutcome, ShardConfig, build_shards


class BuildDatasetConfig(BaseModel):
    """What to shard."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    shard: ShardConfig = Field(title="Sharding", description="which images, and how they are stored")


@flow(name="build-dataset", flow_run_name="{config.shard.dataset}-build")
def build_dataset(config: BuildDatasetConfig) -> BuildOutcome:
    """Shard a collection of images; a second run over unchanged input does nothing but say so."""
    return build_shards(config.shard)
