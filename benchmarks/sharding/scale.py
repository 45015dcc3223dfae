"""`python -m benchmarks.sharding.scale NUMBER`: does memory grow with the collection?

A listing of NUMBER files goes through everything but the decoding: each file gets a tiny sample with bytes of its own.
Prints the peak memory of the process, which holds the listing, the ledger, the partitions, the shards and the tables.
"""

import io
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path

from PIL import Image

from shards import BuildProgress, ShardConfig, build
from shards.decoding.partition import PartitionSpec, process_partition
from shards.decoding.sandbox import Answer, Decoder
from shards.sources.entries import Place


def _picture() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "JPEG")
    return buffer.getvalue()


_PICTURE = _picture()


class Pretender(Decoder):
    """Answers like a decoder child, without looking at a file."""

    def answers(self, places: Sequence[Place]) -> Iterator[Answer]:
        for _, uri, *_ in places:
            data = _PICTURE + str(uri).encode()
            digest = sha256(data).hexdigest()
            sample = {"frame": 0, "bytes": len(data), "sha256": digest, "suffix": "jpg"}
            sample |= {"stored_width": 8, "stored_height": 8}
            facts = {"format": "JPEG", "width": 64, "height": 64, "mode": "RGB", "frames": 1, "damage": ""}
            yield {"source_sha256": digest, "source_bytes": len(data), "facts": facts, "samples": [sample]}, data


def pretend(specs: Iterator[PartitionSpec]) -> Iterator[str]:
    for spec in specs:
        with Pretender(spec.recipe, time_limit_seconds=1, memory_bytes=2**30) as decoder:
            yield process_partition(spec, decoder)


def main(number: int) -> None:
    """Write the listing, build, and tell."""
    folder = Path(tempfile.mkdtemp(prefix="bench-scale-"))
    try:
        with (folder / "listing.csv").open("w") as file:
            file.write("path,label\n")
            file.writelines(f"memory://bucket/{index:08d}.jpg,{index % 10}\n" for index in range(number))
        config = ShardConfig(source=str(folder / "listing.csv"), dataset="scale", samples_per_shard=10_000)
        for run in ("first", "second"):
            began = time.monotonic()
            outcome = build(config, folder / "root", report=_show, run_partitions=pretend)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            seconds = time.monotonic() - began
            what = f"kept {outcome.kept}, reused {outcome.reused}"
            print(f"{run} build of {number}: {what}, {seconds:.0f} s, peak {peak:.0f} MB", flush=True)
    finally:
        shutil.rmtree(folder)


def _show(progress: BuildProgress) -> None:
    print(
        f"{progress.seconds:.0f} s {progress.stage} {progress.done}/{progress.total}", end="\x1b[K\r", file=sys.stderr
    )


if __name__ == "__main__":
    main(int(sys.argv[1]))
