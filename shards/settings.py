"""The base of settings, manifests and outcomes."""

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """A pydantic model that cannot be changed, and that refuses fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")
