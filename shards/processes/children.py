"""Child programs that read what may be hostile: what they get to know, and how much they may take."""

import contextlib
import os
from pathlib import Path

# A decoder reads images, and buckets at most: what opens the servers and signs models is none of its business.
_NOT_FOR_CHILDREN = ("MLFLOW_", "PREFECT_", "SHARDGAN_")


def child_environment() -> dict[str, str]:
    """Return this process's environment for a child that finds this package, without what opens other doors."""
    root = str(Path(__file__).resolve().parents[2])
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_FOR_CHILDREN)}
    return kept | {"PYTHONPATH": os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])}


def limit_resources(memory_bytes: int) -> None:
    """Let this process take no more memory than that, and leave no core behind when it crashes."""
    try:
        import resource
    except ImportError:  # not on Windows
        return
    for limit, most in ((resource.RLIMIT_AS, memory_bytes), (resource.RLIMIT_CORE, 0)):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(limit, (most, most))
