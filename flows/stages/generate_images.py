"""Generate a dataset version with a registered model."""

from typing import Annotated

from prefect import flow

from flows.forms import Form
from tasks.datasets.config import GenerateConfig
from tasks.datasets.generation import GenerateOutcome, generate
from tasks.flow_runs.run_names import name_run
from tasks.flow_runs.summary import show_outcome


@flow(name="generate-images", flow_run_name=name_run("{config.dataset}", "generate", "{config.num_images}"))
def generate_images(config: Annotated[GenerateConfig, Form()]) -> GenerateOutcome:
    """Generate images into shards. The manifest names the model. The same request returns the same version."""
    made = generate(config)
    show_outcome(f"{made.dataset}@{made.version}: {made.kept:,} generated images", made)
    return made
