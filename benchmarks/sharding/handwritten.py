"""The script that everybody writes: webdataset's writer, a process pool, full decode, ImageOps.fit.

`python -m benchmarks.sharding.handwritten SOURCE TARGET RESOLUTION`. It checks nothing and records nothing.
"""

import io
import sys
from multiprocessing import Pool
from pathlib import Path

import webdataset
from PIL import Image, ImageOps


def convert(job: tuple[Path, int]) -> bytes:
    path, resolution = job
    image = ImageOps.fit(Image.open(path).convert("RGB"), (resolution, resolution), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def main(source: str, target: str, resolution: str) -> None:
    Path(target).mkdir(parents=True)
    jobs = [(path, int(resolution)) for path in sorted(Path(source).rglob("*.*"))]
    with Pool(2) as pool, webdataset.ShardWriter(f"{target}/train-%06d.tar", maxcount=1000, verbose=0) as writer:
        for number, data in enumerate(pool.imap(convert, jobs, chunksize=16)):
            writer.write({"__key__": f"{number:08d}", "jpg": data})


if __name__ == "__main__":
    main(*sys.argv[1:])
