"""Decoder children that die, hang or run out of memory: at most the image that caused it is lost."""

import contextlib
import json
import os
import re
import struct
import threading
import time
from pathlib import Path

import psutil
import pytest
from PIL import Image

from shards.config import ShardConfig
from shards.decoding.sandbox import Decoder, _LostError
from shards.processes.wire import FrameBuffer


def decoder(*, time_limit_seconds: float = 20, memory_mb: int = 512, **changes: object) -> Decoder:
    recipe = ShardConfig(source="x", dataset="x", resolution=8, **changes).recipe()  # type: ignore[arg-type]
    return Decoder(recipe, time_limit_seconds=time_limit_seconds, memory_bytes=memory_mb * 2**20)


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    """A named pipe. Opening it blocks, as decoding of some files does."""
    os.mkfifo(tmp_path / "pipe")
    return tmp_path / "pipe"


def reasons(decoder: Decoder, *paths: Path) -> list[str]:
    with decoder:
        return [head.get("reason", "kept") for head, _ in decoder.answers([("file", str(path)) for path in paths])]


def test_a_hang_loses_one_image(make_image, tmp_path: Path, pipe: Path) -> None:
    good = make_image(tmp_path / "good.png")
    assert reasons(decoder(time_limit_seconds=1), good, pipe, good) == ["kept", "timed_out", "kept"]


def kill_children_later(pipe: Path, times: int) -> threading.Thread:
    """Kill decoder children with SIGKILL, each once it reads the pipe."""

    def kill() -> None:
        killed: set[int] = set()
        while len(killed) < times:
            writer = opened_for_writing(pipe)  # whom it waits for cannot go on before it is closed
            for child in psutil.Process().children():
                with contextlib.suppress(psutil.NoSuchProcess):  # it has ended, or is about to be buried
                    if child.pid not in killed and "shards.decoding.decoder" in child.cmdline():
                        child.kill()
                        killed.add(child.pid)
                        with contextlib.suppress(ChildProcessError):  # its parent has buried it already
                            os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
            os.close(writer)

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    return thread


def opened_for_writing(pipe: Path) -> int:
    """Open a named pipe once somebody has it open for reading."""
    while True:
        try:
            return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            time.sleep(0.02)


def test_a_crash_loses_one_image(make_image, tmp_path: Path, pipe: Path) -> None:
    good = make_image(tmp_path / "good.png")
    killer = kill_children_later(pipe, 2)
    assert reasons(decoder(), good, pipe, good) == ["kept", "decoder_died", "kept"]
    killer.join()


def test_a_child_killed_from_outside_loses_no_image(make_image, tmp_path: Path, pipe: Path) -> None:
    good = make_image(tmp_path / "good.png")
    killer = kill_children_later(pipe, 1)

    def feed_second() -> None:
        killer.join()
        with pipe.open("wb") as file:
            file.write(good.read_bytes())

    feeder = threading.Thread(target=feed_second, daemon=True)
    feeder.start()
    assert reasons(decoder(), good, pipe, good) == ["kept", "kept", "kept"]
    feeder.join()


def test_the_memory_limit_loses_one_image(make_image, tmp_path: Path) -> None:
    good = make_image(tmp_path / "good.png")
    big = tmp_path / "big.png"
    Image.new("RGB", (9000, 9000)).save(big)
    found = reasons(decoder(memory_mb=256, max_pixels=10**9, max_expansion=10**6), good, big, good)
    assert found == ["kept", "out_of_memory", "kept"]


def test_children_end_with_their_parent(make_image, tmp_path: Path) -> None:
    with decoder() as one:
        assert list(one.answers([("file", str(make_image(tmp_path / "good.png")))]))
        (child,) = (c for c in psutil.Process().children() if "shards.decoding.decoder" in c.cmdline())
    assert not child.is_running()


SAYINGS = {
    "more bytes than it may have": ({}, 2**30),
    "a suffix that is none of an image": ({"samples": [{"suffix": "../x.pyd", "bytes": 1}]}, 1),
    "samples that are not their bytes": ({"samples": [{"suffix": "png", "bytes": 5}]}, 1),
    "samples of no kind": ({"samples": 7}, 0),
    "bytes below zero": ({"samples": [{"suffix": "png", "bytes": -1}, {"suffix": "png", "bytes": 2}]}, 1),
}


@pytest.mark.parametrize("case", SAYINGS)
def test_invalid_answers_of_a_child_are_refused(case: str, make_image, tmp_path: Path) -> None:
    head, claimed = SAYINGS[case]
    text = json.dumps(head).encode()
    frames = FrameBuffer(most_bytes=512 * 2**20)
    frames.feed(struct.pack("<II", len(text), claimed) + text + bytes(min(claimed, 1)))
    with decoder() as one:
        one._frames = frames
        with pytest.raises(_LostError, match="invalid answer"):
            one._next_frame()


def test_a_child_does_not_get_our_addresses_and_keys(
    monkeypatch: pytest.MonkeyPatch, make_image, tmp_path: Path
) -> None:
    secrets = {"PREFECT_API_AUTH_STRING": "a", "MLFLOW_TRACKING_PASSWORD": "b", "SHARDGAN_SIGNING_KEY": "c"}
    for name, value in (secrets | {"AWS_SECRET_ACCESS_KEY": "d"}).items():
        monkeypatch.setenv(name, value)
    with decoder() as one:
        assert list(one.answers([("file", str(make_image(tmp_path / "good.png")))]))
        (child,) = (c for c in psutil.Process().children() if "shards.decoding.decoder" in c.cmdline())
        known = child.environ()
        assert not known.keys() & secrets.keys()
        assert known["AWS_SECRET_ACCESS_KEY"] == "d"  # it reads the buckets itself
        limits = Path(f"/proc/{child.pid}/limits").read_text()
    assert re.search(r"Max core file size\s+0\s+0", limits)
    assert re.search(rf"Max address space\s+{512 * 2**20}\s+{512 * 2**20}", limits)
