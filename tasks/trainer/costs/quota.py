"""What the service may spend on trainings in one day. Plain values: tasks/training/quota.py asks the servers."""

from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict

from tasks.trainer.costs.words import gpu_hour_words, price_words

__all__ = ["VARIABLE", "Quota", "Refusal", "Spent"]

VARIABLE = "shardgan_quota"  # Prefect's variable that holds the quota, as JSON


class Spent(BaseModel):
    """What all trainings have used since the beginning of the day."""

    model_config = ConfigDict(frozen=True)

    gpu_hours: float = 0.0
    price: float = 0.0


class Refusal(NamedTuple):
    """Why a training is not started now, and the time when the quota of the next day begins."""

    why: str
    until: datetime


class Quota(BaseModel):
    """Limits of one day. 0 means no limit. A day begins at midnight in `timezone`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    gpu_hours_per_day: float = 0.0
    price_per_day: float = 0.0
    timezone: str = "UTC"

    @property
    def is_limited(self) -> bool:
        """Whether there is any limit."""
        return self.gpu_hours_per_day > 0 or self.price_per_day > 0

    def begin_of_day(self, now: datetime) -> datetime:
        """Return the beginning of the day in which `now` lies."""
        return now.astimezone(ZoneInfo(self.timezone)).replace(hour=0, minute=0, second=0, microsecond=0)

    def refuse(self, spent: Spent, now: datetime, currency: str) -> Refusal | None:
        """Return why no training may start now, or None if one may.

        A training that starts below the limit may end above it: it is not stopped.
        """
        # Not 24 hours: a day on which clocks are changed is shorter or longer.
        until = self.begin_of_day(self.begin_of_day(now) + timedelta(hours=36))
        reasons = []
        if 0 < self.gpu_hours_per_day <= spent.gpu_hours:
            reasons.append(f"{gpu_hour_words(spent.gpu_hours)} of {self.gpu_hours_per_day:g}")
        if 0 < self.price_per_day <= spent.price:
            reasons.append(f"{price_words(spent.price, currency)} of {self.price_per_day:g}")
        if not reasons:
            return None
        why = f"trainings have used the day's quota of the service: {' and '.join(reasons)}"
        return Refusal(f"{why}. The next day begins on {until:%Y-%m-%d at %H:%M} {self.timezone}", until)
