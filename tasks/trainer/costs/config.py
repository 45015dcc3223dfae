"""The price of a machine. Each machine has its own, so it comes from the machine's environment and not from a request.

SHARDGAN_PRICE_PER_HOUR   price of one GPU with its share of the machine for one hour; without a GPU: of the machine
SHARDGAN_CURRENCY         EUR if it is not set
SHARDGAN_PEAK_TFLOPS      for MFU: what the processor can do; known for many GPUs, see docs/cost.md
"""

import os

from pydantic import Field, ValidationError

from models import Settings
from tasks.errors import RequestError

__all__ = ["CostConfig"]

PREFIX = "SHARDGAN_"


class CostConfig(Settings):
    """What one hour costs on this machine, and the processor's peak. 0 means unknown: then no price or MFU is shown."""

    price_per_hour: float = Field(
        0,
        ge=0,
        le=1_000_000,
        title="Price per hour",
        description="price of one GPU with its share of the machine for one hour; without a GPU: price of the machine "
        "for one hour. 0: unknown, no price is shown",
    )
    currency: str = Field(
        "EUR", pattern=r"[A-Za-z€$£¥]{1,10}", title="Currency", description="currency of the price, such as EUR or USD"
    )
    peak_tflops: float = Field(
        0,
        ge=0,
        le=1_000_000,
        title="Peak TFLOP/s",
        description="most TFLOP/s of one processor at the training's precision, for MFU; 0: known from the name of the "
        "GPU, else no MFU is shown",
    )

    @classmethod
    def read(cls) -> "CostConfig":
        """Read the environment of this machine. Raises RequestError if a variable has an invalid value."""
        names = {field: f"{PREFIX}{field.upper()}" for field in cls.model_fields}
        given = {field: os.environ[name] for field, name in names.items() if os.environ.get(name)}
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            first = error.errors()[0]
            name = names[str(first["loc"][0])]
            raise RequestError(f"{name} is {first['input']!r}: {first['msg']}; correct or unset it") from error

    def environment(self) -> dict[str, str]:
        """Return the variables that give another process on this machine the same settings."""
        chosen = self.model_dump(exclude_defaults=True)
        return {f"{PREFIX}{field.upper()}": str(value) for field, value in chosen.items()}

    def price(self, hours: float, gpus: int) -> float | None:
        """Return the price of `hours` on `gpus` GPUs, or on the machine if `gpus` is 0. None: unknown."""
        return hours * max(gpus, 1) * self.price_per_hour if self.price_per_hour else None
