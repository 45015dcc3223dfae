"""Which device a word stands for."""

import pytest
import torch

from models.compute.device import select_device
from models.errors import ConfigError


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there_is_refused() -> None:
    assert select_device("auto") == select_device("cpu") == torch.device("cpu")
    with pytest.raises(ConfigError, match="device is cuda, but process 0 has no GPU of its own"):
        select_device("cuda")


@pytest.mark.gpu
def test_each_process_takes_a_gpu_of_its_own() -> None:
    assert select_device("cpu") == torch.device("cpu")
    assert select_device("auto") == select_device("cuda") == torch.device("cuda", 0)
    with pytest.raises(ConfigError, match="use fewer processes"):
        select_device("auto", local_rank=torch.cuda.device_count())
