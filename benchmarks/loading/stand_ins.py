"""Stands in for packages that MosaicML's imports for datasets of text and pictures which nobody uses here.

The torchvision of PyPI does not fit a torch for CPUs, and transformers takes seconds to import. Every name in a
stand-in is an empty class.
"""

import importlib.abc
import importlib.machinery
import sys
from types import ModuleType
from typing import Any

NAMES = ("torchvision", "transformers")


class StandIn(ModuleType):
    """A module in which every name is an empty class."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds a stand-in for each module of the packages."""

    def find_spec(self, fullname: str, _path: Any, _target: Any = None) -> importlib.machinery.ModuleSpec | None:
        is_ours = fullname.split(".")[0] in NAMES
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True) if is_ours else None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return StandIn(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        pass


def import_streaming() -> Any:
    """Import MosaicML's package."""
    sys.meta_path.insert(0, Finder())
    import streaming

    return streaming


if __name__ == "__main__":
    import_streaming()
