"""Settings of a training on several nodes: how the other ones are started, and where all of them meet."""

from typing import Literal

from pydantic import Field

from models import Settings

DNS_NAME = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
SLURM_NAME = r"^[\w.,:/+-]*$"
QUANTITY = r"^[0-9]+(\.[0-9]+)?(m|[kKMGTP]i?)?$"


class KubernetesConfig(Settings):
    """The pods of the other nodes, for the launcher kubernetes."""

    namespace: str = Field(
        "shardgan", max_length=63, pattern=DNS_NAME, title="Namespace", description="where the job is created"
    )
    image: str = Field(
        "shardgan:cuda", min_length=1, max_length=500, title="Image", description="deploy/Dockerfile, target cuda"
    )
    gpus: int = Field(1, ge=0, le=64, title="GPUs", description="GPUs of each pod")
    cpu: str = Field("4", max_length=20, pattern=QUANTITY, title="CPU", description="cores that each pod requests")
    memory: str = Field(
        "16Gi", max_length=20, pattern=QUANTITY, title="Memory", description="memory that each pod requests"
    )
    memory_limit: str = Field(
        "64Gi", max_length=20, pattern=QUANTITY, title="Most memory", description="memory above which a pod is killed"
    )
    secret: str = Field(
        "shardgan",
        max_length=253,
        pattern=DNS_NAME,
        title="Secret",
        description="secret whose entries become variables",
    )
    service_account: str = Field(
        "shardgan-job",
        max_length=253,
        pattern=DNS_NAME,
        title="Service account",
        description="account of the pods; it needs no rights",
    )
    scratch_claim: str = Field(
        "shardgan-scratch",
        max_length=253,
        pattern=DNS_NAME,
        title="Scratch volume",
        description="ReadWriteMany volume claim, mounted as /scratch, that contains the run directory",
    )


class SlurmConfig(Settings):
    """The jobs of the other nodes, for the launcher slurm. Empty values and 0: the cluster's defaults."""

    partition: str = Field("", max_length=200, pattern=SLURM_NAME, title="Partition", description="sbatch --partition")
    account: str = Field("", max_length=200, pattern=SLURM_NAME, title="Account", description="sbatch --account")
    gpus: int = Field(1, ge=0, le=64, title="GPUs", description="GPUs of each node, sbatch --gpus-per-node")
    cpus: int = Field(0, ge=0, le=1024, title="CPUs", description="cores of each node, sbatch --cpus-per-task")
    memory: str = Field("", max_length=20, pattern=SLURM_NAME, title="Memory", description="sbatch --mem, such as 64G")
    time: str = Field(
        "", max_length=20, pattern=SLURM_NAME, title="Time limit", description="sbatch --time, such as 24:00:00"
    )


class LaunchConfig(Settings):
    """How the other nodes of a training are started. Unused if train.compute.nodes is 1."""

    launcher: Literal["hand", "kubernetes", "slurm"] = Field(
        "hand",
        title="Launcher",
        description="hand: you start them, with the command that the log shows; kubernetes: as an indexed job; slurm: "
        "as an array of jobs",
    )
    interface: str = Field(
        "",
        max_length=100,
        pattern=r"^[\w.:@/-]*$",
        title="Interface",
        description="network interface of the nodes, such as eth1, or their private IPv4 network, such as 10.0.0.0/24. "
        "Ports are opened on this address alone. Empty: the interface of the default route",
        examples=["eth1", "10.0.0.0/24"],
    )
    port: int = Field(
        0, ge=0, le=65535, title="Port", description="port of the leader at which the nodes meet; 0: a free one"
    )
    wait_minutes: int = Field(
        60,
        ge=1,
        le=100_000,
        title="Wait",
        description="minutes that nodes wait for each other, at the start and after one is lost",
    )
    restarts: int = Field(
        20,
        ge=0,
        le=1000,
        title="Restarts",
        description="lost nodes after which a training continues without a new start of the training task",
    )
    kubernetes: KubernetesConfig = Field(
        KubernetesConfig(), title="Kubernetes", description="the pods, for the launcher kubernetes"
    )
    slurm: SlurmConfig = Field(SlurmConfig(), title="Slurm", description="the jobs, for the launcher slurm")
