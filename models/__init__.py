"""Networks, losses, the training loop and metrics, in rooms: tests/test_floors.py lists which room may import which.

May import neither Prefect nor MLflow, nor shards: images come in as arrays. `Settings` is the base of all settings.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Decay", "LearningRate", "NumImages", "NumImagesOrZero", "Settings", "Share"]

Share = Annotated[float, Field(ge=0, le=1)]
Decay = Annotated[float, Field(ge=0, lt=1)]
LearningRate = Annotated[float, Field(gt=0, le=0.1)]
# The upper bound is more than any training needs; forms want a bound.
NumImages = Annotated[int, Field(ge=1, le=10**12)]
NumImagesOrZero = Annotated[int, Field(ge=0, le=10**12)]


class Settings(BaseModel):
    """A pydantic model that is frozen and refuses fields that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")
