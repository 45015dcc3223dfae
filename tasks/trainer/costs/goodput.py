"""Goodput: the share of the time since a run was first asked for that went into steps that count.

The rest has names, so that all parts add up to the whole time: see PARTS. Computed from the history alone, so restarts
and kills are in it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tasks.trainer.costs.history import Row
from tasks.trainer.costs.words import in_words

__all__ = ["PARTS", "Account", "Goodput"]

PARTS = {
    "useful": "training steps whose images count",
    "queue": "waiting for a worker, or for the quota of the next day",
    "start": "preparing the run, starting programs, opening the data",
    "compile": "the first step of each trainer with train.compute.compile",
    "data": "waiting for data",
    "checkpoint": "copying and writing checkpoints",
    "evaluation": "sample grids, and waiting for quick scores",
    "restart": "from the end of a trainer to the start of the next one",
    "repeated": "steps that were lost with a killed trainer",
    "other": "everything else, such as reports",
}
STATES = {"start": "started", "train": "training", "end": "ended", "exit": "gone", "held": "held"}
LEAST_SHOWN = 0.005  # of the whole time


@dataclass(frozen=True)
class Goodput:
    """Seconds by part since the run was first asked for. The names of the parts are those of PARTS."""

    seconds: Mapping[str, float]

    @property
    def total(self) -> float:
        """All time since the run was first asked for, up to the newest line of the history, in seconds."""
        return sum(self.seconds.values())

    @property
    def share(self) -> float:
        """The share of the time that went into useful steps."""
        return self.seconds.get("useful", 0.0) / self.total if self.total > 0 else 0.0

    @classmethod
    def of(cls, rows: Iterable[Row]) -> "Goodput | None":
        """Return the goodput of a run from its history. None if there is no history."""
        account = Account(rows)
        return account.goodput() if account.last is not None else None

    def words(self) -> str:
        """Say the goodput and the largest other parts: 83% of 12 min; start 9%, evaluation 5%."""
        lost = {name: self.seconds.get(name, 0.0) / self.total for name in PARTS if name != "useful" and self.total}
        shown = [f"{name} {share:.0%}" for name, share in lost.items() if share >= LEAST_SHOWN]
        return f"{self.share:.0%} of {in_words(self.total)}" + (f"; {', '.join(shown)}" if shown else "")


@dataclass
class _Stretch:
    """Useful seconds in the steps of the images from `first` to `last`."""

    first: int
    last: int
    useful: float


class Account:
    """Charges the time between two lines of a history to one part, or to those that the later line names."""

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self.last: float | None = None
        self.state = "new"  # new, held, started, training, ended, gone
        self.nimg = 0
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.stretches: list[_Stretch] = []
        for row in rows:
            self.add(row)

    def add(self, row: Row) -> None:
        """Add the next line."""
        at, event = float(row["at"]), row["event"]
        if self.last is None:
            self.last = min(float(row.get("since", at)), at)
            self.seconds["queue"] += at - self.last
        else:
            self._charge(row, max(at - self.last, 0.0))
        self.last = max(at, self.last)
        self.state = STATES.get(event, "new" if self.state == "held" else self.state)

    def goodput(self) -> Goodput:
        """Return the goodput up to the newest line."""
        useful = sum(one.useful for one in self.stretches)
        return Goodput({name: useful if name == "useful" else self.seconds[name] for name in PARTS})

    def _charge(self, row: Row, gap: float) -> None:
        event = row["event"]
        if self.state == "training" and event in ("tick", "end"):
            self._work(row, gap)
        elif self.state == "training" and event == "exit":
            self.seconds["repeated"] += gap  # killed: nothing after its last tick was kept
        elif self.state == "held":
            self.seconds["queue"] += gap
        elif self.state in ("new", "started") and event != "exit":
            self.seconds["start"] += gap
        elif self.state == "ended" and event == "exit":
            self.seconds["other"] += gap
        else:
            self.seconds["restart"] += gap
        if event == "train":
            self._repeat_from(int(row["nimg"]))

    def _work(self, row: Row, gap: float) -> None:
        told = {str(name): float(value) for name, value in row.get("seconds", {}).items()}
        excess = sum(told.values()) / gap if gap > 0 else 0.0
        scale = 1 / excess if excess > 1 else 1.0  # two clocks measure it
        for name, value in told.items():
            if name != "step":
                self.seconds[name if name in PARTS else "other"] += value * scale
        self.seconds["other"] += max(gap - sum(told.values()), 0.0)
        nimg = int(row["nimg"])
        self.stretches.append(_Stretch(self.nimg, nimg, told.get("step", 0.0) * scale))
        self.nimg = nimg

    def _repeat_from(self, nimg: int) -> None:
        """A trainer resumes at `nimg`: earlier steps of later images do not count."""
        for one in self.stretches:
            length = one.last - one.first
            lost = min(max(one.last - max(nimg, one.first), 0) / length, 1.0) if length > 0 else 0.0
            self.seconds["repeated"] += one.useful * lost
            one.useful *= 1 - lost
            one.last = min(one.last, max(nimg, one.first))
        self.nimg = nimg
