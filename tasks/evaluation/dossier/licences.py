"""The packages that a version needs, what these need in turn, and the licence that each states.

Everything comes from the metadata of the packages that are installed here (importlib.metadata).
"""

from collections.abc import Iterable, Sequence
from importlib import metadata
from typing import NamedTuple

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from tasks.errors import RequestError

LONGEST = 100  # characters; some packages state their whole licence text instead of its name
NOT_STATED = "not stated"
CLASSIFIER = "License :: "
OWN_LICENCE = "LicenseRef-"  # how SPDX names licences that are not in its list


class Package(NamedTuple):
    """A package. `version` is the installed one; where it is not installed, the one that is asked for, or empty."""

    name: str
    version: str
    licence: str
    needs: Sequence[str] = ()
    is_direct: bool = False
    note: str = ""


def find_packages(requirements: Iterable[str]) -> list[Package]:
    """Return the packages of a version's requirements.txt and all that they need here, sorted by name."""
    asked = [one for line in requirements if (one := _parse(line))]
    direct = {canonicalize_name(one.name): one for one in asked}
    found: dict[str, Package] = {}
    waiting = [(name, frozenset(one.extras)) for name, one in direct.items()]
    while waiting:
        name, extras = waiting.pop()
        if name in found:
            continue
        found[name] = _read(str(name), extras, direct.get(canonicalize_name(name)))
        waiting += [(canonicalize_name(needed), frozenset()) for needed in found[name].needs]
    return sorted((one for one in found.values() if one.version or one.is_direct), key=lambda one: one.name)


def spdx_identifier(text: str) -> str:
    """Return the identifier as SPDX spells it. Raises RequestError for one that SPDX does not list."""
    from cyclonedx.spdx import fixup_id

    if not text or text.startswith(OWN_LICENCE):
        return text
    if found := fixup_id(text):
        return found
    raise RequestError(
        f"license is {text!r}, which is not an SPDX identifier: choose one of https://spdx.org/licenses, such as "
        f"Apache-2.0 or CC-BY-NC-4.0, or name your own licence {OWN_LICENCE}NAME"
    )


def _parse(line: str) -> Requirement | None:
    text = line.partition(" #")[0].strip()
    try:
        return Requirement(text) if text and not text.startswith(("#", "-")) else None
    except InvalidRequirement:
        return None


def _read(name: str, extras: frozenset[str], asked: Requirement | None) -> Package:
    pinned = next((one.version for one in asked.specifier if one.operator == "=="), "") if asked else ""
    try:
        distribution = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return Package(name, pinned, "not known", is_direct=bool(asked), note="not installed where this was written")
    version = distribution.version.partition("+")[0]
    note = f"the version asks for {pinned}" if pinned and pinned != version else ""
    needs = _needs(distribution.requires or [], extras)
    return Package(name, version, read_licence(distribution), needs, bool(asked), note)


def _needs(lines: Iterable[str], extras: frozenset[str]) -> list[str]:
    """Return the names of what is needed on this machine and Python, with the extras that were asked for."""
    needed = set()
    for one in map(Requirement, lines):
        if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            needed.add(str(canonicalize_name(one.name)))
    return sorted(name for name in needed if _is_installed(name))


def _is_installed(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def read_licence(distribution: metadata.Distribution) -> str:
    """Return the licence as the package states it: License-Expression, then License, then its classifiers."""
    facts = distribution.metadata
    for field in ("License-Expression", "License"):
        text = str((facts.get_all(field) or [""])[0]).strip()
        if text and "\n" not in text and len(text) <= LONGEST and text.upper() != "UNKNOWN":
            return text
    named = [one.rpartition(" :: ")[2] for one in facts.get_all("Classifier") or [] if one.startswith(CLASSIFIER)]
    return ", ".join(sorted(set(named) - {"OSI Approved"})) or NOT_STATED
