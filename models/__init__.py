"""Networks, losses, the training loop and metrics, in rooms: tests/test_floors.py lists which room may import which.

May import neither Prefect nor MLflow, nor shards: images come in as arrays. `Settings` is the base of all settings.
"""

from pydantic import BaseModel, ConfigDict

__all__ = ["Settings"]


class Settings(BaseModel):
    """A pydantic model that is frozen and refuses fields that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")
