"""Every reader of bytes from elsewhere, with a few of the inputs that `make fuzz` tries by the million."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzzing.mutations import mutated
from tests.fuzzing.targets import TARGETS, seeds


@pytest.mark.parametrize("target", TARGETS)
@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_odd_bytes_are_refused_by_name(target: str, data: st.DataObject, tmp_path: Path) -> None:
    TARGETS[target](data.draw(mutated(target)), tmp_path)


@pytest.mark.parametrize("target", TARGETS)
def test_the_bytes_that_are_made_worse_are_good(target: str, tmp_path: Path) -> None:
    for seed in seeds(target):
        TARGETS[target](seed, tmp_path)
