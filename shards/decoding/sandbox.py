"""Runs a decoder child. When it crashes or hangs, only one image is lost."""

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
    """The child ended, or must be ended. `code` is the reason code for the image that it was decoding."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Decoder:
    """Converts files into samples in a child process. Close it, or use it in a with statement."""

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
        """Yield one answer per place, in order. Raises BuildError when the decoder program does not start.

        A file whose decoder dies is tried once more with a new decoder, so that no image is lost when a child is killed
        from outside. A file that exceeds the time limit is not tried again.
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
            if done < len(places):  # stopped early: the remaining answers of the child would be taken for later ones
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
            raise _LostError("decoder_died", "The decoder died before it could begin.") from None

    def _start(self) -> "subprocess.Popen[bytes]":
        # A separate program instead of multiprocessing, which would import the main module of the caller again, and
        # which cannot have children inside a Dask worker.
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
            raise BuildError(f"The decoder program does not start ({error}). Its output: {tail or 'none'}") from error
        return self._child

    def _receive(self, limit_seconds: float) -> Answer:
        child = self._child
        assert child is not None
        assert child.stdout is not None
        deadline = time.monotonic() + limit_seconds
        while (frame := self._next_frame()) is None:
            if not self._readable.poll(max(deadline - time.monotonic(), 0) * 1000):
                raise _LostError("timed_out", f"Decoding took longer than {limit_seconds:g} seconds.")
            piece = os.read(child.stdout.fileno(), _PIPE_BYTES)
            if not piece:
                code = child.wait()
                how = f"signal {-code}" if code < 0 else f"exit status {code}"
                raise _LostError("decoder_died", f"The decoder died while it decoded this file, twice ({how}).")
            self._frames.feed(piece)
        if "failed" in frame[0]:
            raise BuildError(f"{frame[0]['failed'].rstrip('.')}. Run the same command again to continue from here.")
        return frame

    def _next_frame(self) -> Answer | None:
        """Return the next whole answer. A child that a malicious image has taken over may send anything."""
        try:
            frame = self._frames.next()
            if frame is not None:
                _check_samples(*frame)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise _LostError("decoder_died", "The decoder gave an invalid answer, twice.") from error
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
    """Raise ValueError, TypeError or KeyError when the samples do not match their bytes or have an unknown suffix."""
    samples = head.get("samples", [])
    if any(sample["suffix"] not in SUFFIXES or not 0 <= sample["bytes"] <= len(payload) for sample in samples):
        raise ValueError("a sample has an unknown suffix or too many bytes")
    if sum(sample["bytes"] for sample in samples) != len(payload):
        raise ValueError("the samples do not have as many bytes as the payload")
