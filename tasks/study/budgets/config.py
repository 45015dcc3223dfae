"""Budgets of bytes, as people write them. Imports no torch."""

import re

_UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
_BUDGET = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]+)")


def parse_budget(text: str) -> int:
    """Return the bytes of a budget such as `50MB` or `1.5 GiB`. Raises ValueError for anything else."""
    match = _BUDGET.fullmatch(text.strip())
    if not match or match[2].upper() not in _UNITS or not float(match[1]):
        raise ValueError(f"{text!r} is not a number of bytes: write it like 500KB, 50MB or 1.5GiB")
    return round(float(match[1]) * _UNITS[match[2].upper()])


def name_budget(num_bytes: int) -> str:
    """Write a budget in the largest decimal unit that keeps it at 1 or more: `50 MB`."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("KB", 10**3)):
        if num_bytes >= size:
            return f"{num_bytes / size:.4g} {unit}"
    return f"{num_bytes} bytes"
