"""Generate a dataset version with a registered model."""

from prefect import flow

from tasks.generation import GenerateConfig, GenerateOutcome, generate


@flow(name="generate-images", flow_run_name="{config.dataset}-generate")
def generate_images(config: GenerateConfig) -> GenerateOutcome:
    """Sample the model into shards whose manifest names it; the same request finds the same version again."""
    return generate(config)
