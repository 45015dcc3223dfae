"""An environment with the other libraries, outside the repository. It sees the packages of this one, such as torch."""

import os
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

# What the libraries import. Their own requirements would bring an older numpy and the libraries of all clouds.
PACKAGES = {
    "litdata": ("litdata==0.2.76", "lightning-utilities", "tifffile", "obstore"),
    "streaming": (
        "mosaicml-streaming==0.13.0",
        "xxhash<4",
        "zstd<2",
        "python-snappy<1",
        "cramjam",
        "catalogue<3",
        "Brotli",
        "paramiko<4",
        "tqdm",
    ),
}
FOLDER = "SHARDGAN_BENCH_ENVIRONMENT"


def python() -> Path:
    """Return the environment's Python. It is made at the first call, in a folder for temporary files or FOLDER."""
    folder = Path(os.environ.get(FOLDER, Path(tempfile.gettempdir()) / "shardgan-bench-loading"))
    program = folder / "bin" / "python"
    if not program.exists():
        print(f"making {folder}", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        paths = [path for path in sys.path if path.endswith("site-packages")]
        own = sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)})
        (Path(own) / "present.pth").write_text("\n".join(paths))
    return program


def problem(library: str) -> str:
    """Install a library if it is not there. Return why it cannot be imported; empty if it can."""
    if _imports(library):
        command = [str(python()), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        print(f"installing {library}", file=sys.stderr, flush=True)
        done = subprocess.run([*command, *PACKAGES[library]], capture_output=True, text=True, check=False)
        if done.returncode:
            return f"pip could not install it: {_last_line(done.stderr)}"
    return _imports(library)


def _imports(library: str) -> str:
    code = ["-m", "benchmarks.loading.stand_ins"] if library == "streaming" else ["-c", f"import {library}"]
    done = subprocess.run([str(python()), *code], capture_output=True, text=True, check=False)
    return _last_line(done.stderr) if done.returncode else ""


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no message"])[-1]
