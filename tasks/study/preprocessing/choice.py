"""One choice of preprocessing and what was measured of it."""

from collections.abc import Callable

from pydantic import BaseModel, ConfigDict

from models.features.feature_net import Array
from models.metrics.evaluation import Scores

Make = Callable[[], Array]
NO_SETTING = "no setting"


class Choice(BaseModel):
    """One choice and its effect. `scores` is None if it has no effect here; `note` says why."""

    model_config = ConfigDict(frozen=True)

    group: str
    name: str
    setting: str
    scores: Scores | None = None
    changed: float = 0.0  # mean absolute difference to the clean images, in levels of 0 to 255
    bytes_per_image: float | None = None
    note: str = ""


Plan = tuple[Choice, Make | None]  # None where the choice does nothing here
