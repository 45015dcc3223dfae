"""One target under atheris: `python -m tests.fuzzing.engine TARGET CORPUS SECONDS`.

atheris (libFuzzer) is led by coverage of our own code and of Pillow's Python. The last line of stdout is JSON: the
number of executions, and the finding if there is one.
"""

import json
import sys
import tempfile
import time
import traceback
from pathlib import Path

import atheris

MEMORY_MB, SECONDS_AN_INPUT = 2048, 20


def main(target: str, corpus: Path, seconds: float) -> None:
    """Fuzz one target for so long, or until there is a finding. Never returns: libFuzzer ends the process."""
    with atheris.instrument_imports(
        include=["shards", "PIL", "models.training.checkpoints", "tarfile", "zipfile", "csv"]
    ):
        from tests.fuzzing.targets import TARGETS, seeds
    for number, seed in enumerate(seeds(target)):
        (corpus / f"seed-{number}").write_bytes(seed)
    scratch, count, told = Path(tempfile.mkdtemp(prefix="fuzz-")), 0, time.monotonic()

    def once(data: bytes) -> None:
        nonlocal count, told
        count += 1
        try:
            TARGETS[target](data, scratch)
        except BaseException:
            tell(count, traceback.format_exc(limit=-4))
            raise
        if time.monotonic() > told + 1:
            told = time.monotonic()
            tell(count, "")

    arguments = [f"-max_total_time={seconds:.0f}", f"-rss_limit_mb={MEMORY_MB}", f"-timeout={SECONDS_AN_INPUT}"]
    atheris.Setup([sys.argv[0], *arguments, "-max_len=65536", f"-artifact_prefix={corpus}/finding-", str(corpus)], once)
    atheris.Fuzz()


def tell(executions: int, finding: str) -> None:
    """Print how far it came; the last printed line counts."""
    print(json.dumps({"executions": executions, "finding": finding}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]))
