"""Virtual environments with some of the packages of this one, to see what works without the others."""

import venv
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def make_environment(folder: Path) -> Path:
    """An empty virtual environment; returns its site-packages."""
    venv.create(folder, with_pip=False, symlinks=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    return packages


def link_packages(packages: Path, requirements: Iterable[str]) -> None:
    """Put the packages that are asked for, and what these need, into the folder `packages`.

    They are linked to, not installed: that takes a second, not a minute, and the files are the same.
    """
    for name in closure(requirements):
        distribution = metadata.distribution(name)
        tops = {Path(str(file)).parts[0] for file in distribution.files or []} - {"..", "__pycache__"}
        for top in tops:
            target = Path(str(distribution.locate_file(top)))
            if not (packages / top).exists() and target.exists():
                (packages / top).symlink_to(target)


def closure(requirements: Iterable[str]) -> set[str]:
    """The distributions that are asked for and all that they require here, with the extras that are named only."""
    done: set[tuple[str, str]] = set()
    waiting = [(canonicalize_name(one.name), extra) for one in map(Requirement, requirements) for extra in extras(one)]
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in done:
            continue
        try:
            lines = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue  # for another platform or Python
        done.add((name, extra))
        for one in map(Requirement, lines):
            if one.marker is None or one.marker.evaluate({"extra": extra}):
                waiting += [(canonicalize_name(one.name), wanted) for wanted in extras(one)]
    return {str(name) for name, _ in done}


def extras(requirement: Requirement) -> set[str]:
    return {"", *requirement.extras}
