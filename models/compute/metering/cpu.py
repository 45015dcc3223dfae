"""Energy of the processors through Intel RAPL, as Linux shows it under /sys/class/powercap. AMD's is there too.

The counters belong to the whole machine: what other programs use counts as well. Most machines let only root read
them, and most virtual machines have none. Then there is no reading: energy is never estimated.
"""

from pathlib import Path

POWERCAP = Path("/sys/class/powercap")
MICRO = 1e-6  # RAPL counts microjoules


class CpuEnergy:
    """The energy that all processor packages have used since this object was made."""

    def __init__(self, root: Path = POWERCAP) -> None:
        self._packages = {path: first for path in _packages(root) if (first := _number(path / "energy_uj")) is not None}
        self._joules = 0.0

    @property
    def is_readable(self) -> bool:
        """Whether this machine shows the energy of its processors to this user."""
        return bool(self._packages)

    def joules(self) -> float | None:
        """Return the energy so far, None without counters. A counter starts again from zero within about an hour."""
        for path, before in self._packages.items():
            now = _number(path / "energy_uj")
            if now is None:
                continue
            wrap = _number(path / "max_energy_range_uj") or 0.0
            self._joules += (now - before if now >= before else now + wrap - before) * MICRO
            self._packages[path] = now
        return self._joules if self._packages else None


def _packages(root: Path) -> list[Path]:
    """The folders of whole processors. Their cores and graphics have folders inside, and are part of the sum."""
    return sorted(path for path in root.glob("*-rapl:*") if _text(path / "name").startswith("package"))


def _number(path: Path) -> float | None:
    text = _text(path)
    return float(text) if text.isdigit() else None


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
