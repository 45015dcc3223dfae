"""Settings of the arithmetic: device, precision, memory layout and threads. Imports no torch."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from models import Settings

DeviceName = Literal["auto", "cpu", "cuda"]


def _from_flag(value: Any) -> Any:
    """Settings files that were written when this was true or false still load, and a command line may say so too."""
    flags = {"true": "on", "false": "off"}
    return flags.get(str(value).lower(), value) if isinstance(value, (bool, str)) else value


Choice = Annotated[Literal["auto", "on", "off"], BeforeValidator(_from_flag)]


class ComputeConfig(Settings):
    """Where and how networks are computed. Settings that only help a GPU are ignored on a CPU."""

    device: DeviceName = Field("auto", title="Device", description="auto: the GPU if there is one")
    processes: int = Field(
        0,
        ge=0,
        le=1024,
        title="Processes",
        description="trainers on this machine that share each batch; 0: one per GPU, or one on the CPU",
    )
    nodes: int = Field(
        1,
        ge=1,
        le=1024,
        title="Nodes",
        description="machines that share each batch. The section launch says how the other ones are started",
    )
    threads: int = Field(
        0,
        ge=0,
        le=256,
        title="Threads",
        description="CPU threads per process; 0: all cores, divided among the processes. Bit-exact resume needs the "
        "same number",
    )
    micro_batch_size: int = Field(
        0,
        ge=0,
        le=4096,
        title="Micro-batch",
        description="images that one process computes at once; gradients are summed over the batch. 0: the whole "
        "batch. A smaller number needs less memory and more time",
    )
    precision: Literal["auto", "fp32", "bf16"] = Field(
        "auto", title="Precision", description="bf16: autocast to bfloat16; auto: bf16 on a GPU that has it, else fp32"
    )
    tf32: bool = Field(True, title="TF32", description="multiply float32 in TensorFloat-32 on a GPU")
    channels_last: bool = Field(
        True, title="Channels last", description="store feature maps as NHWC on a GPU; its tensor cores prefer this"
    )
    compile: bool = Field(
        False,
        title="Compile",
        description="torch.compile on a GPU; not for networks under an exact gradient penalty, which needs a second "
        "backward pass that compiled code does not support",
    )
    graph: Choice = Field(
        "auto",
        title="CUDA graph",
        description="record a training step once and replay it, so that small networks do not wait for the host; one "
        "GPU, constant beta2, penalties in every step, no shield and no learned compression. auto: where that is so",
    )
