"""Finds a flow by the name that its module had before it moved into a room: `flows.train_gan` is in flows/stages.

A deployment keeps the dotted name of its flow in Prefect's database. A worker must also find the flow if the deployment
was registered by an earlier release. New code uses the new names.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from pathlib import Path
from types import ModuleType

ROOMS = ("stages", "decisions", "pipelines")


class FormerNames(MetaPathFinder, Loader):
    """Imports `flows.<room>.<name>` when `flows.<name>` is asked for, so that there is one module with two names."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return a spec with this loader for a former name. None for any other name."""
        return spec_from_loader(fullname, self) if new_name(fullname) else None

    def exec_module(self, module: ModuleType) -> None:
        """Put the module of the new name in place of `module`, which is empty. The import statement returns that."""
        name = new_name(module.__name__)
        assert name is not None  # `find_spec` gave this loader to no other module
        sys.modules[module.__name__] = import_module(name)


def new_name(name: str) -> str | None:
    """Return the name of today for `flows.<name>`, None if no room has such a file."""
    package, _, module = name.rpartition(".")
    if package != "flows":
        return None
    found = [room for room in ROOMS if (Path(__file__).parent / room / f"{module}.py").is_file()]
    return f"flows.{found[0]}.{module}" if found else None


def find_former_names() -> None:
    """Let every import in this process find the former names.

    This finder is asked first: an editable installation may point to a checkout that has the files at their old place.
    """
    sys.meta_path.insert(0, FormerNames())
