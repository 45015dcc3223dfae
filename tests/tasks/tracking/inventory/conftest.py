"""The home of the first wave, which these tests only read."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.home import home
from tasks.tracking.inventory.inventory import Inventory
from tests.first_wave import lay_out_home


@pytest.fixture(scope="module")
def inventory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inventory]:
    root = lay_out_home(tmp_path_factory.mktemp("first-wave"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHARDGAN_HOME", str(root))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield Inventory(home())


@pytest.fixture
def root(inventory: Inventory) -> Path:
    return inventory.home.root
