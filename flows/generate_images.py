"""Generate a dataset version with a registered model."""

from typing import Annotated

from prefect import flow

from flows.forms import Form
from tasks.datasets.generation import GenerateConfig, GenerateOutcome, generate
from tasks.flow_runs.run_names import name_run
from tasks.flow_runs.summary import summarise_generation


@flow(name="generate-images", flow_run_name=name_run("{config.dataset}", "generate", "{config.num_images}"))
def generate_images(config: Annotated[GenerateConfig, Form()]) -> GenerateOutcome:
    """Generate images into shards whose manifest names the model. The same request finds the same version again."""
    made = generate(config)
    summarise_generation(made)
    return made
