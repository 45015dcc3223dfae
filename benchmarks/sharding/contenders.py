"""The commands that are compared, each with the environment it needs, and where its output goes."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.sharding.environments import CannotInstallError, programs

_PORT = 18765
_LITDATA = """
import io, sys
from pathlib import Path
from PIL import Image, ImageOps
from litdata import optimize

def convert(path):
    size = int(sys.argv[3])
    image = ImageOps.fit(Image.open(path).convert("RGB"), (size, size), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=95)
    return {"image": buffer.getvalue()}

if __name__ == "__main__":
    paths = sorted(map(str, Path(sys.argv[1]).absolute().iterdir()))
    optimize(convert, paths, sys.argv[2], num_workers=2, chunk_bytes="64MB")
"""


class Contender(NamedTuple):
    """One program on one collection.

    `needs_server` when it can only read over HTTP; `missing` says why there is no command to run.
    """

    name: str
    command: list[str]
    needs_server: bool = False
    missing: str = ""


def contenders(source: Path, resolution: int | None, target: Path) -> list[Contender]:
    """Return who competes on a collection; `resolution` None passes the files through untouched."""
    ours = [sys.executable, "-m", "shards", str(source), str(target / "ours"), "--dataset", "bench", "--workers", "2"]
    ours += ["--resolution", str(resolution)] if resolution else ["--shape", "as_is", "--encoding", "original"]
    found = [Contender("shards (ours)", ours)]
    if resolution:
        script = [sys.executable, "-m", "benchmarks.sharding.handwritten", str(source), str(target / "hand")]
        found.append(Contender("hand-written webdataset script", [*script, str(resolution)]))
    found.append(_installed(_img2dataset, "img2dataset, loopback server", source, resolution, target))
    if resolution:  # as it is given here, it decodes
        found.append(_installed(_litdata, "litdata optimize", source, resolution, target))
    return found


@contextmanager
def file_server(source: Path) -> Iterator[None]:
    """Serve a folder on loopback, in a process of its own whose time is not counted."""
    command = [sys.executable, "-m", "http.server", str(_PORT), "--bind", "127.0.0.1", "--directory", str(source)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        server.kill()
        server.wait()


def _installed(
    make: Callable[[Path, int | None, Path], list[str]], name: str, source: Path, resolution: int | None, target: Path
) -> Contender:
    try:
        return Contender(name, make(source, resolution, target), needs_server="server" in name)
    except CannotInstallError as error:
        return Contender(name, [], missing=f"cannot be installed here: {error}")


def _img2dataset(source: Path, resolution: int | None, target: Path) -> list[str]:
    program = programs("img2dataset") / "img2dataset"
    urls = target / "urls.txt"
    urls.write_text("".join(f"http://127.0.0.1:{_PORT}/{path.name}\n" for path in sorted(source.iterdir())))
    flags = ["--url_list", str(urls), "--output_folder", str(target / "img2dataset"), "--output_format", "webdataset"]
    flags += ["--processes_count", "2", "--thread_count", "16", "--number_sample_per_shard", "1000"]
    if resolution:
        flags += ["--image_size", str(resolution), "--resize_mode", "center_crop", "--encode_quality", "95"]
    else:
        flags += ["--resize_mode", "no", "--skip_reencode", "True"]
    return [str(program), *flags]


def _litdata(source: Path, resolution: int | None, target: Path) -> list[str]:
    python = programs("litdata") / "python"
    (target / "with_litdata.py").write_text(_LITDATA)
    return [str(python), str(target / "with_litdata.py"), str(source), str(target / "litdata"), str(resolution)]
