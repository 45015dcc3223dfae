"""Generate a dataset version with a registered model."""

from typing import Annotated

from prefect import flow

from flows.forms import Form
from tasks.generation import GenerateConfig, GenerateOutcome, generate


@flow(name="generate-images", flow_run_name="{config.dataset}-generate")
def generate_images(config: Annotated[GenerateConfig, Form()]) -> GenerateOutcome:
    """Sample the model into shards whose manifest names it; the same request finds the same version again."""
    return generate(config)
