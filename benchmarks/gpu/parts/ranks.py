"""Two processes that share each batch end in equal weights: on one GPU through gloo, on two GPUs through NCCL."""

import hashlib
import queue
import tempfile
from typing import Any

import torch
import torch.distributed as dist

from benchmarks.gpu.runner import FORK, Keep, in_child
from benchmarks.gpu.sizes import Case, Sizes
from benchmarks.gpu.trainings import noise, settings, spec_of
from models.compute.device import prepare
from models.compute.parallel import World
from models.training.loop import make_state
from models.training.steps import take_step

BATCH, NUM_STEPS = 8, 3
SECONDS = 25.0


def measure(sizes: Sizes, keep: Keep) -> None:
    """Keep, for each backend, whether both processes hold the same bits at the end."""
    keep("gloo", pair("gloo", sizes, one_device=True))
    if sizes.device == "cuda":
        num_cards = in_child(torch.cuda.device_count)
        keep("nccl", pair("nccl", sizes, one_device=False) if num_cards > 1 else {"skipped": "there is one GPU"})


def pair(backend: str, sizes: Sizes, one_device: bool) -> dict[str, Any]:
    case = Case("pair", "dcgan", sizes.exact_resolution, sizes.exact_width, BATCH, 0, True)
    with tempfile.NamedTemporaryFile() as file:
        ends: Any = FORK.Queue()
        processes = []
        for rank in (0, 1):
            device = sizes.device if sizes.device == "cpu" else f"cuda:{0 if one_device else rank}"
            arguments = (case, backend, f"file://{file.name}.store", rank, device, ends)
            processes.append(FORK.Process(target=train_share, args=arguments))
        for process in processes:
            process.start()
        try:
            digests = {ends.get(timeout=SECONDS * sizes.patience) for _ in processes}
        except queue.Empty as error:
            raise RuntimeError(f"two processes with {backend} did not end in {SECONDS:.0f} s") from error
        finally:
            for process in processes:
                process.join(2)
                process.kill()
    return {"same_bits": len(digests) == 1}


def train_share(case: Case, backend: str, store: str, rank: int, name: str, ends: Any) -> None:
    """Take some steps on half of each batch, then send the sha256 of all weights."""
    device = torch.device(name)
    dist.init_process_group(backend, init_method=store, rank=rank, world_size=2)
    world = World(rank, 2, dist.new_group(backend="gloo"))
    config = settings(case, device.type)
    prepare(config.compute, device)
    state = make_state(config, spec_of(case), device, world)
    rows = slice(rank * BATCH // 2, (rank + 1) * BATCH // 2)
    for step in range(NUM_STEPS):
        images, labels = (torch.from_numpy(array[rows].copy()).to(device) for array in noise(case, step))
        take_step(state, config, images, labels, world)
        state.nimg += BATCH
    digest = hashlib.sha256()
    for name, tensor in sorted(state.tensors().items()):
        digest.update(name.encode() + tensor.detach().cpu().contiguous().numpy().tobytes())
    ends.put(digest.hexdigest())
    world.close()
