"""Decoder children die, hang and run out of memory: it costs one image at most, and none that was not to blame."""

import os
import signal
import threading
import time
from pathlib import Path

import psutil
import pytest
from PIL import Image

from shards.config import ShardConfig
from shards.sandbox import Decoder


def decoder(*, time_limit_seconds: float = 20, memory_mb: int = 512, **changes: object) -> Decoder:
    recipe = ShardConfig(source="x", dataset="x", resolution=8, **changes).recipe()  # type: ignore[arg-type]
    return Decoder(recipe, time_limit_seconds=time_limit_seconds, memory_bytes=memory_mb * 2**20)


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    """A named pipe: whoever opens it waits for ever, as a decoder does on some files."""
    os.mkfifo(tmp_path / "pipe")
    return tmp_path / "pipe"


def reasons(decoder: Decoder, *paths: Path) -> list[str]:
    with decoder:
        return [head.get("reason", "kept") for head, _ in decoder.answers([("file", str(path)) for path in paths])]


def test_hang_costs_one_image(make_image, tmp_path: Path, pipe: Path) -> None:
    good = make_image(tmp_path / "good.png")
    assert reasons(decoder(time_limit_seconds=1), good, pipe, good) == ["kept", "timed_out", "kept"]


def kill_children_later(times: int) -> threading.Thread:
    """Kill decoder children with SIGKILL, each once it waits at the pipe."""

    def kill() -> None:
        killed: set[int] = set()
        while len(killed) < times:
            for child in psutil.Process().children():
                if "shards.decoder" in child.cmdline() and child.pid not in killed and child.cpu_times().user > 0.02:
                    time.sleep(0.5)
                    child.send_signal(signal.SIGKILL)
                    killed.add(child.pid)
            time.sleep(0.05)

    thread = threading.Thread(target=kill)
    thread.start()
    return thread


def test_crash_costs_one_image(make_image, tmp_path: Path, pipe: Path) -> None:
    good = make_image(tmp_path / "good.png")
    killer = kill_children_later(2)
    assert reasons(decoder(), good, pipe, good) == ["kept", "decoder_died", "kept"]
    killer.join()


def test_child_killed_from_outside_costs_nothing(make_image, tmp_path: Path, pipe: Path) -> None:
    good = make_image(tmp_path / "good.png")
    killer = kill_children_later(1)

    def feed_second() -> None:
        killer.join()
        with pipe.open("wb") as file:
            file.write(good.read_bytes())

    feeder = threading.Thread(target=feed_second)
    feeder.start()
    assert reasons(decoder(), good, pipe, good) == ["kept", "kept", "kept"]
    feeder.join()


def test_memory_limit_costs_one_image(make_image, tmp_path: Path) -> None:
    good = make_image(tmp_path / "good.png")
    big = tmp_path / "big.png"
    Image.new("RGB", (9000, 9000)).save(big)
    found = reasons(decoder(memory_mb=256, max_pixels=10**9, max_expansion=10**6), good, big, good)
    assert found == ["kept", "out_of_memory", "kept"]


def test_children_end_with_their_parent(make_image, tmp_path: Path) -> None:
    with decoder() as one:
        assert list(one.answers([("file", str(make_image(tmp_path / "good.png")))]))
        (child,) = (c for c in psutil.Process().children() if "shards.decoder" in c.cmdline())
    assert not child.is_running()
