"""Says whether a training fits the memory of the GPU or of this machine, and how to make it fit."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from models.compute.device import arithmetic, select_device, whole_memory
from models.errors import ConfigError
from models.training.config import TrainConfig
from models.training.estimates import Memory

GIB = 2**30
# What a process needs on a GPU beside the tensors that are counted: CUDA itself, and memory that no tensor uses.
CUDA_BYTES, GAPS = GIB, 1.1
CARDS, USUAL = (8, 12, 16, 24, 40, 48, 80, 140), (24, 80)  # GiB of common GPUs
Arithmetic = Literal["bf16", "tf32", "fp32"]


class Room(NamedTuple):
    """The memory for one training process. `beside` is what it needs for other things, `gaps` the factor for waste."""

    total: int
    arithmetic: Arithmetic
    beside: int = 0
    gaps: float = 1.0

    @classmethod
    def of_gpu(cls, total: int, arithmetic: Arithmetic = "bf16") -> "Room":
        """The room on a GPU with `total` bytes of memory."""
        return cls(total, arithmetic, CUDA_BYTES, GAPS)

    def needed(self, memory: Memory, batch: int) -> int:
        """The bytes that a process needs which computes `batch` images at once."""
        return int(memory.at(batch, self.arithmetic) * self.gaps) + self.beside

    def most_images(self, memory: Memory) -> int:
        """The number of images that can be computed at once."""
        return memory.largest_batch(int((self.total - self.beside) / self.gaps), self.arithmetic)


def describe_room(config: TrainConfig, memory: Memory, share: int) -> Iterator[str]:
    """Yield a sentence for the device of the training and, if a GPU is wanted but not here, one for common GPUs.

    `share` is the number of images of one process in a step.
    """
    batch = min(config.compute.micro_batch_size or share, share)
    try:
        device = select_device(config.compute.device)
    except ConfigError:  # a worker that has a GPU may do the training
        yield describe_cards(config, memory, share, batch)
        return
    total, on_gpu = whole_memory(device), device.type == "cuda"
    room = Room.of_gpu(total, arithmetic(config.compute, device)) if on_gpu else Room(total, "fp32")
    where = f"this GPU has {words(total)}" if on_gpu else f"this machine has {words(total)} free"
    yield f"{_need(room, memory, batch)}; {where}: {_verdict(room, config, memory, share, batch)}"
    if not on_gpu and config.compute.device == "auto":
        yield describe_cards(config, memory, share, batch)


def _need(room: Room, memory: Memory, batch: int) -> str:
    return f"about {words(room.needed(memory, batch))} for networks and feature maps of {batch} images at once"


def _verdict(room: Room, config: TrainConfig, memory: Memory, share: int, batch: int) -> str:
    if room.needed(memory, batch) <= room.total:
        return "it fits"
    return f"it does not fit, {how_it_fits(config, memory, share, room)}"


def describe_cards(config: TrainConfig, memory: Memory, share: int, batch: int) -> str:
    """Say which of the common GPUs would do."""
    rooms = [Room.of_gpu(size * GIB) for size in CARDS]
    need = rooms[0].needed(memory, batch)
    said = f"on a GPU with bf16 about {words(need)}"
    smallest = next((room for room in rooms if need <= room.total), None)
    if smallest:
        return f"{said}: it fits a card of {words(smallest.total)}"
    usual = "; ".join(
        f"{how_it_fits(config, memory, share, room)} for a card of {words(room.total)}"
        for room in (Room.of_gpu(size * GIB) for size in USUAL)
    )
    return f"{said}, more than one card has: {usual}"


def how_it_fits(config: TrainConfig, memory: Memory, share: int, room: Room) -> str:
    """Say which setting makes a training fit."""
    least = 2 if config.family == "projected" else 1  # it normalises over the images of each part
    most = room.most_images(memory)
    parts = [size for size in range(least, min(most, share) + 1) if share % size == 0]
    if parts:
        return f"set train.compute.micro_batch_size={parts[-1]}"
    return "set a smaller train.width or shard.resolution"


def words(count: int) -> str:
    """Return a size in GiB, with two digits where it is small."""
    return f"{count / GIB:.0f} GiB" if count >= 100 * GIB or count % GIB == 0 else f"{count / GIB:.1f} GiB"
