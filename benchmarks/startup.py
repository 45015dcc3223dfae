"""How soon commands answer, and how soon `build`, `run`, `train` and `evaluate` open their first image.

`make bench-startup`. Nothing else should run on the machine. The kernel (inotify) tells when a file of the source, or a
shard, is opened for the first time. The command is then stopped with everything that it has started. Commands read
images while they import libraries, so the page also says when `train` makes its first step.
"""

import ctypes
import os
import select
import shutil
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import psutil

from benchmarks.estimates import SMALL, sources
from benchmarks.harness.cost import measure
from benchmarks.harness.page import table, write_page

SHARDGAN = str(Path(sys.executable).with_name("shardgan"))
TIMES = 5
MOST_SECONDS = 600.0
IN_OPEN, IS_FOLDER = 0x20, 0x40000000
EVENT = struct.Struct("iIII")
PICTURES, SHARDS = {".png", ".jpg"}, {".tar"}
ANSWERS = {
    "--help": "5 s",
    "--version": "",
    "run --help": "",
    "train --help": "",
    "show-config": "",
    "list": "",
    "build --source nowhere --dataset d": "",
    "run --source . --dataset d train.nmig=5": "",
}
SETTINGS = ("--resolution", "32", "shard.channels=1", *SMALL)


def main() -> None:
    """Measure all, and write the page."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("PREFECT_", "MLFLOW_"))}
        environment["SHARDGAN_HOME"] = f"{folder}/home"
        answers = [[f"`shardgan {words}`", before, *answer(words, environment)] for words, before in ANSWERS.items()]
        starts = [[f"`shardgan {name}`", "13 s", *row] for name, row in first_images(environment)]
        steps = [["`shardgan train`", "11 s", *first_step(environment)]]
    write_page(
        "startup",
        "How soon commands answer and begin",
        "make bench-startup",
        table(["command", "before", "seconds", "CPU seconds"], answers),
        f"Each command {TIMES} times with its bytecode cached: the median of the seconds on the clock, and the least "
        "CPU seconds. *Before* is what issue 18 measured on an idle machine. The goal is 0.6 s.",
        table(["command", "before", "seconds to the first image", "CPU seconds until then"], starts),
        "In a home where such a command has run before, without a server set. The seconds until the first image is "
        "opened: a file of the source, or a shard of the dataset. The CPU seconds are those of the command and of all "
        "processes that it has started. The goal is 4 s.",
        table(["command", "before", "seconds to the first training step", "CPU seconds until then"], steps),
        "Until the trainer writes `samples/augmented.png`, just before its first step. *Before* is the mean of two at "
        "commit af43c6f, with a load average of 1.7.",
    )


def answer(words: str, environment: Mapping[str, str]) -> list[str]:
    """Return the seconds and CPU seconds in which a command answers."""
    log = Path(environment["SHARDGAN_HOME"]).with_name("log")
    costs = [measure([SHARDGAN, *words.split()], log, dict(environment)) for _ in range(TIMES + 1)][1:]
    return [
        f"{statistics.median(cost.wall_seconds for cost in costs):.2f}",
        f"{min(cost.cpu_seconds for cost in costs):.2f}",
    ]


def first_images(environment: Mapping[str, str]) -> Iterator[tuple[str, list[str]]]:
    """Yield each command with its seconds and CPU seconds until the first image."""
    source, home = sources("digits"), Path(environment["SHARDGAN_HOME"])
    made = ["run", "--source", str(source), "--dataset", "first", "--nimg", "500", *SETTINGS]
    done = subprocess.run([SHARDGAN, *made], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr[-3000:])
    of_source = ["--source", str(source), *SETTINGS[:3]]
    asked = {  # {} is another number each time, so that nothing of an earlier command is taken up
        "build": (["build", *of_source, "--dataset", "built-{}"], source, PICTURES),
        "run": (["run", *of_source, "--dataset", "ran-{}", "--nimg", "500"], source, PICTURES),
        "train": (["train", "--dataset", "first", "--nimg", "500", "--seed", "1{}"], home / "datasets", SHARDS),
        "evaluate": (["evaluate", "--model", "first", "--num-images", "200"], home / "datasets", SHARDS),
    }
    for name, (words, watched, suffixes) in asked.items():
        found = []
        for number in range(TIMES):
            shutil.rmtree(home / "features", ignore_errors=True)  # an evaluation reads no image that it has judged
            found.append(until_opened([word.format(number) for word in words], watched, suffixes, environment))
        yield name, medians(found)


def first_step(environment: Mapping[str, str]) -> list[str]:
    """Return the seconds and CPU seconds until `train` makes its first step."""
    runs, found = Path(environment["SHARDGAN_HOME"]) / "runs", []
    for number in range(TIMES):
        before = set(runs.iterdir())

        def has_begun(before: set[Path] = before) -> bool:
            time.sleep(0.01)
            return any((run / "samples" / "augmented.png").exists() for run in set(runs.iterdir()) - before)

        words = ["train", "--dataset", "first", "--nimg", "500", "--seed", f"2{number}"]
        found.append(until(words, has_begun, environment))
    return medians(found)


def medians(found: list[tuple[float, float]]) -> list[str]:
    """Return the median seconds and CPU seconds."""
    return [f"{statistics.median(values):.1f}" for values in zip(*found, strict=True)]


def until_opened(
    words: list[str], folder: Path, suffixes: set[str], environment: Mapping[str, str]
) -> tuple[float, float]:
    """Start a command; return the seconds and CPU seconds until a file of these types is opened. Then stop it."""
    watch = Watch(folder)
    try:
        return until(words, lambda: any(Path(name).suffix in suffixes for name in watch.opened()), environment)
    finally:
        watch.close()


def until(words: list[str], has_happened: Callable[[], bool], environment: Mapping[str, str]) -> tuple[float, float]:
    """Start a command; return the seconds and CPU seconds until something has happened. Then stop it."""
    log = Path(environment["SHARDGAN_HOME"]).with_name("log")
    began = time.monotonic()
    with log.open("wb") as output:
        command = subprocess.Popen([SHARDGAN, *words], env=environment, stdout=output, stderr=output)
    try:
        while not has_happened():
            if command.poll() is not None or time.monotonic() - began > MOST_SECONDS:
                raise SystemExit(f"shardgan {' '.join(words)} did not get there:\n{log.read_text()[-3000:]}")
        return time.monotonic() - began, cpu_seconds(command.pid)
    finally:
        stop(command)


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of a process and of all that it has started, also of those that have ended."""
    total = 0.0
    for process in [root := psutil.Process(pid), *root.children(recursive=True)]:
        with suppress(psutil.Error):
            total += sum(process.cpu_times()[:4])
    return total


def stop(command: "subprocess.Popen[bytes]") -> None:
    """Kill a command with all processes that it has started, and wait for them."""
    with suppress(psutil.Error):
        children = psutil.Process(command.pid).children(recursive=True)
        for process in children:
            with suppress(psutil.Error):
                process.send_signal(signal.SIGKILL)
        command.kill()
        command.wait()
        for process in children:
            wait_for_end(process)


def wait_for_end(process: psutil.Process) -> None:
    """Wait until a killed process does nothing any more. In a container, nobody may collect it: then it is a zombie."""
    with suppress(psutil.Error):
        while process.status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.05)


class Watch:
    """Tells which files below a folder are opened."""

    def __init__(self, folder: Path) -> None:
        library = ctypes.CDLL(None, use_errno=True)
        self.file = library.inotify_init1(os.O_CLOEXEC)
        for path in [folder, *(one for one in folder.rglob("*") if one.is_dir())]:
            if library.inotify_add_watch(self.file, os.fsencode(path), IN_OPEN) < 0:
                raise OSError(ctypes.get_errno(), f"{path} cannot be watched")

    def opened(self) -> list[str]:
        """Return the names of files that were opened since the last call; waits a moment for the first one."""
        names = []
        if select.select([self.file], [], [], 0.5)[0]:
            content, place = os.read(self.file, 2**16), 0
            while place < len(content):
                _, mask, _, length = EVENT.unpack_from(content, place)
                place += EVENT.size + length
                if not mask & IS_FOLDER:
                    names.append(os.fsdecode(content[place - length : place].rstrip(b"\0")))
        return names

    def close(self) -> None:
        """Watch no longer."""
        os.close(self.file)


if __name__ == "__main__":
    main()
