"""Screen incoming images before they become part of a dataset."""

from typing import Annotated

from prefect import flow

from flows.forms import Form
from tasks.datasets.config import ScreenConfig
from tasks.datasets.screening import ScreenOutcome, screen
from tasks.flow_runs.run_names import name_run


@flow(name="screen-images", flow_run_name=name_run("{config.model}", "screen"))
def screen_images(config: Annotated[ScreenConfig, Form()]) -> ScreenOutcome:
    """Judge a source with a version's shield. Write a table of verdicts for `shard.screen` and a sheet of suspects."""
    return screen(config)
