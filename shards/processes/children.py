"""The environment and the resource limits of child programs that read untrusted files."""

import contextlib
import os
from pathlib import Path

# Children read images, some of them from buckets. They do not need the addresses and keys of our servers.
_NOT_FOR_CHILDREN = ("MLFLOW_", "PREFECT_", "SHARDGAN_")


def child_environment() -> dict[str, str]:
    """Return the environment for a child: this package can be imported, and our own settings and keys are left out."""
    root = str(Path(__file__).resolve().parents[2])
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_FOR_CHILDREN)}
    # By default each thread gets an arena of 64 MiB of address space, so the clients of some stores, which start dozens
    # of threads, would reach the memory limit with nothing in it.
    arenas = {"MALLOC_ARENA_MAX": os.environ.get("MALLOC_ARENA_MAX", "2")}
    return kept | arenas | {"PYTHONPATH": os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])}


def limit_resources(memory_bytes: int) -> None:
    """Limit the memory of this process, and write no core file when it crashes."""
    try:
        import resource
    except ImportError:  # not on Windows
        return
    for limit, most in ((resource.RLIMIT_AS, memory_bytes), (resource.RLIMIT_CORE, 0)):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(limit, (most, most))
