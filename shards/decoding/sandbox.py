"""A decoder child seen from its parent: it may crash or hang, and costs one image when it does."""

import contextlib
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from typing import Any

from shards.errors import BuildError
from shards.images.recipe import SUFFIXES, Recipe
from shards.processes.children import child_environment
from shards.processes.wire import FrameBuffer, pack
from shards.sources.entries import Place

Answer = tuple[dict[str, Any], bytes]
_START_SECONDS = 60.0
_PIPE_BYTES = 2**20


class _LostError(Exception):
    """The child is gone, or must go; `code` is the reason code of the image it was at."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Decoder:
    """Turns files into samples in a child process of its own; close it, or use it in a with statement."""

    def __init__(self, recipe: Recipe, *, time_limit_seconds: float, memory_bytes: int) -> None:
        self._settings = {"recipe": recipe.to_dict(), "memory_bytes": memory_bytes}
        self._memory_bytes = memory_bytes
        self._time_limit_seconds = time_limit_seconds
        self._child: subprocess.Popen[bytes] | None = None
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  lives as long as this object
        self._frames, self._readable = FrameBuffer(memory_bytes), select.poll()

    def __enter__(self) -> "Decoder":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def answers(self, places: Sequence[Place]) -> Iterator[Answer]:
        """Yield one answer a place, in order; raises BuildError when no child can be started at all.

        A file whose decoder dies is tried once more on a fresh one, so that a child killed from outside costs
        nothing; a file that hangs is not.
        """
        done, died_at = 0, -1
        try:
            while done < len(places):
                try:
                    self._send(places[done:])
                    while done < len(places):
                        received = self._receive(self._time_limit_seconds)
                        done += 1
                        yield received
                except _LostError as lost:
                    self._stop()
                    if lost.code == "decoder_died" and died_at != done:
                        died_at = done
                        continue
                    done += 1
                    yield {"reason": lost.code, "message": str(lost)}, b""
        finally:
            if done < len(places):  # left in the middle: what the child still says would answer the wrong question
                self._stop()

    def close(self) -> None:
        """End the child."""
        self._stop()
        self._stderr.close()

    def _send(self, places: Sequence[Place]) -> None:
        child = self._child or self._start()
        assert child.stdin is not None
        try:
            child.stdin.write(pack({"places": list(places)}))
            child.stdin.flush()
        except BrokenPipeError:
            raise _LostError("decoder_died", "the decoder died before it could begin") from None

    def _start(self) -> "subprocess.Popen[bytes]":
        # A plain program and no multiprocessing: that would import the caller's main module again, and may
        # not have children of its own inside a Dask worker.
        command = [sys.executable, "-m", "shards.decoding.decoder"]
        self._child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._stderr, env=child_environment()
        )
        self._frames, self._readable = FrameBuffer(self._memory_bytes), select.poll()
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._readable.register(self._child.stdout, select.POLLIN)
        try:
            self._child.stdin.write(pack(self._settings))
            self._child.stdin.flush()
            self._receive(_START_SECONDS)
        except (_LostError, BrokenPipeError) as error:
            self._stop()
            self._stderr.seek(0)
            tail = self._stderr.read().decode(errors="replace").strip()[-2000:]
            raise BuildError(f"the decoder program does not start ({error}); it said: {tail or 'nothing'}") from error
        return self._child

    def _receive(self, limit_seconds: float) -> Answer:
        child = self._child
        assert child is not None
        assert child.stdout is not None
        deadline = time.monotonic() + limit_seconds
        while (frame := self._next_frame()) is None:
            if not self._readable.poll(max(deadline - time.monotonic(), 0) * 1000):
                raise _LostError("timed_out", f"it took longer than {limit_seconds:g} seconds")
            piece = os.read(child.stdout.fileno(), _PIPE_BYTES)
            if not piece:
                code = child.wait()
                how = f"signal {-code}" if code < 0 else f"exit status {code}"
                raise _LostError("decoder_died", f"the decoder died on it, twice ({how})")
            self._frames.feed(piece)
        if "failed" in frame[0]:
            raise BuildError(f"{frame[0]['failed']}; run the same command again to go on from here")
        return frame

    def _next_frame(self) -> Answer | None:
        """The next whole answer; a child that was taken over by an image may say anything."""
        try:
            frame = self._frames.next()
            if frame is not None:
                _check_samples(*frame)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise _LostError("decoder_died", "the decoder answered what no decoder says, twice") from error
        return frame

    def _stop(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        for pipe in (child.stdin, child.stdout):
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()
        child.wait()


def _check_samples(head: dict[str, Any], payload: bytes) -> None:
    """Raise ValueError, TypeError or KeyError where samples are not what their bytes are, or of no kind we store."""
    samples = head.get("samples", [])
    if any(sample["suffix"] not in SUFFIXES or not 0 <= sample["bytes"] <= len(payload) for sample in samples):
        raise ValueError("a sample of no kind that is stored")
    if sum(sample["bytes"] for sample in samples) != len(payload):
        raise ValueError("samples that are not their bytes")
