"""What a piece of work took: hours, GPU hours, energy and price; of a run, and of a registered version."""

from collections.abc import Iterator, Sequence

from pydantic import BaseModel, ConfigDict

from tasks.trainer.costs.config import CostConfig
from tasks.trainer.costs.history import Row
from tasks.trainer.costs.words import HOUR, energy_words, gpu_hour_words, in_words, price_words

__all__ = ["Cost", "VersionCost"]

JOULES_PER_KWH = 3.6e6
Fact = tuple[str, str]


class Cost(BaseModel):
    """What some work took.

    `gpu_hours` are hours times GPUs. `kwh` is the measured energy of GPUs and processors, None if nothing measured it.
    `price` is None if no price per hour was set; `unpriced_hours` are the hours without one, or in another currency.
    """

    model_config = ConfigDict(frozen=True)

    hours: float = 0.0
    gpu_hours: float = 0.0
    kwh: float | None = None
    price: float | None = None
    currency: str = ""
    unpriced_hours: float = 0.0
    starts: int = 0

    @classmethod
    def of_work(cls, seconds: float, gpus: int, joules: float | None, config: CostConfig) -> "Cost":
        """Return the cost of `seconds` of work on this machine, on `gpus` GPUs."""
        hours = seconds / HOUR
        price = config.price(hours, gpus)
        return cls(
            hours=hours,
            gpu_hours=hours * gpus,
            kwh=None if joules is None else joules / JOULES_PER_KWH,
            price=price,
            currency=config.currency if price is not None else "",
            unpriced_hours=hours if price is None else 0.0,
            starts=1,
        )

    @classmethod
    def of_run(cls, rows: Sequence[Row]) -> "Cost | None":
        """Return the cost of all trainers of a run together, from its history. None if no trainer has started."""
        costs = [_of_trainer(lines) for lines in _trainers(rows)]
        return sum_costs(costs) if costs else None

    def __add__(self, other: "Cost") -> "Cost":
        known = [one for one in (self, other) if one.price is not None]
        currency = known[0].currency if known else ""
        alike = [one for one in known if one.currency == currency]
        odd = sum(one.hours - one.unpriced_hours for one in known if one.currency != currency)
        measured = [one.kwh for one in (self, other) if one.kwh is not None]
        return Cost(
            hours=self.hours + other.hours,
            gpu_hours=self.gpu_hours + other.gpu_hours,
            kwh=sum(measured) if measured else None,
            price=sum(one.price for one in alike if one.price is not None) if alike else None,
            currency=currency,
            unpriced_hours=self.unpriced_hours + other.unpriced_hours + odd,
            starts=self.starts + other.starts,
        )

    def short(self) -> str:
        """Say the most telling number alone: the price, else the GPU hours, else the time."""
        if self.price is not None:
            return price_words(self.price, self.currency)
        return gpu_hour_words(self.gpu_hours) if self.gpu_hours else in_words(self.hours * HOUR)

    def words(self) -> str:
        """Say it in one line: 3 h 20 min, 6.7 GPU hours, 2.1 kWh, 8.33 EUR. What was not measured is left out."""
        parts = [in_words(self.hours * HOUR)]
        if self.gpu_hours:
            parts.append(gpu_hour_words(self.gpu_hours))
        if self.kwh is not None:
            parts.append(energy_words(self.kwh))
        if self.price is not None:
            parts.append(price_words(self.price, self.currency))
            if self.unpriced_hours:
                parts.append(f"{in_words(self.unpriced_hours * HOUR)} of it without a price")
        return ", ".join(parts)


class VersionCost(BaseModel):
    """What a registered version took: its training with all restarts, and its evaluations.

    `before` is what the version or run took from which the training started, including what that one started from.
    """

    model_config = ConfigDict(frozen=True)

    training: Cost | None = None
    evaluation: Cost | None = None
    started_from: str = ""
    before: Cost | None = None

    @property
    def total(self) -> Cost | None:
        """Training and evaluations together, without what the training started from."""
        known = [one for one in (self.training, self.evaluation) if one is not None]
        return sum_costs(known) if known else None

    @property
    def lineage(self) -> Cost | None:
        """All work that led to this version: `total`, and what the training started from."""
        known = [one for one in (self.total, self.before) if one is not None]
        return sum_costs(known) if known else None

    def with_evaluation(self, cost: Cost) -> "VersionCost":
        """Return this cost with one more evaluation."""
        return self.model_copy(update={"evaluation": self.evaluation + cost if self.evaluation else cost})

    def facts(self) -> list[Fact]:
        """Give it as (name, value) pairs of plain text. Empty if nothing is known."""
        if self.total is None:
            return []
        starts = f" in {self.training.starts} starts" if self.training and self.training.starts > 1 else ""
        has_parts = bool(self.evaluation or starts)
        named = [
            ("cost", self.total if self.training else None, ""),
            ("cost of the training", self.training if has_parts else None, starts),
            ("cost of evaluations", self.evaluation, ""),
            (f"before, in {self.started_from}", self.before, ""),
        ]
        return [(name, one.words() + more) for name, one, more in named if one is not None]


def sum_costs(costs: Sequence[Cost]) -> Cost:
    """Return the cost of all the work together."""
    total = costs[0]
    for one in costs[1:]:
        total += one
    return total


def _trainers(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """The lines of each trainer: from its start to the last line before the next start."""
    lines: list[Row] = []
    for row in rows:
        if row["event"] == "start":
            if lines:
                yield lines
            lines = [row]
        elif lines and row["event"] in ("train", "tick", "end", "exit"):
            lines.append(row)
    if lines:
        yield lines


def _of_trainer(lines: Sequence[Row]) -> Cost:
    start = lines[0]
    config = CostConfig.model_validate({name: start[name] for name in ("price_per_hour", "currency") if name in start})
    measured = [float(row[name]) for row in lines for name in ("gpu_joules", "cpu_joules") if name in row]
    seconds = max(float(lines[-1]["at"]) - float(start["at"]), 0.0)
    return Cost.of_work(seconds, int(start.get("gpus", 0)), sum(measured) if measured else None, config)
