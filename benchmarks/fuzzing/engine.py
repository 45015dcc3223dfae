"""One target under a fuzzing engine: `python -m benchmarks.fuzzing.engine TARGET CORPUS SECONDS`.

With atheris (libFuzzer, led by coverage of our own code and of Pillow's Python); without it, hypothesis draws
mutated seeds. The last line of stdout is JSON: engine, executions, and the finding if there is one.
"""

import json
import sys
import tempfile
import time
import traceback
from importlib.util import find_spec
from pathlib import Path

MEMORY_MB, SECONDS_AN_INPUT = 2048, 20


def main(target: str, corpus: Path, seconds: float) -> None:
    """Fuzz one target for so long, or until there is a finding."""
    (run_atheris if find_spec("atheris") else run_hypothesis)(target, corpus, seconds)


def run_atheris(target: str, corpus: Path, seconds: float) -> None:
    """Never returns: libFuzzer ends the process."""
    import atheris

    with atheris.instrument_imports(
        include=["shards", "PIL", "models.training.checkpoints", "tarfile", "zipfile", "csv"]
    ):
        from benchmarks.fuzzing.targets import TARGETS, seeds
    for number, seed in enumerate(seeds(target)):
        (corpus / f"seed-{number}").write_bytes(seed)
    scratch, count, told = Path(tempfile.mkdtemp(prefix="fuzz-")), 0, time.monotonic()

    def once(data: bytes) -> None:
        nonlocal count, told
        count += 1
        try:
            TARGETS[target](data, scratch)
        except BaseException:
            tell("atheris", count, traceback.format_exc(limit=-4))
            raise
        if time.monotonic() > told + 1:
            told = time.monotonic()
            tell("atheris", count, "")

    arguments = [f"-max_total_time={seconds:.0f}", f"-rss_limit_mb={MEMORY_MB}", f"-timeout={SECONDS_AN_INPUT}"]
    atheris.Setup([sys.argv[0], *arguments, "-max_len=65536", f"-artifact_prefix={corpus}/finding-", str(corpus)], once)
    atheris.Fuzz()


def run_hypothesis(target: str, corpus: Path, seconds: float) -> None:
    """Draw inputs for so long; a finding is shrunk."""
    from hypothesis import HealthCheck, given, settings

    from benchmarks.fuzzing.mutations import mutated
    from benchmarks.fuzzing.targets import TARGETS

    end, count = time.monotonic() + seconds, 0
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:

        @settings(max_examples=2000, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(data=mutated(target))
        def try_some(data: bytes) -> None:
            nonlocal count
            count += 1
            if time.monotonic() < end:
                (corpus / "last").write_bytes(data)
                TARGETS[target](data, Path(folder))

        finding = ""
        while time.monotonic() < end and not finding:
            try:
                try_some()
            except Exception:
                finding = traceback.format_exc(limit=-4)
    tell("hypothesis", count, finding)


def tell(engine: str, executions: int, finding: str) -> None:
    """Say how far it is; the last line said counts."""
    print(json.dumps({"engine": engine, "executions": executions, "finding": finding}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]))
