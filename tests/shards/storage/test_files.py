"""Atomic writes, and the lock that allows one builder at a time."""

import subprocess
import sys
import threading
from pathlib import Path

from shards.storage.files import locked, write_atomically

COUNTER = """
import sys
from pathlib import Path
from shards.storage.files import locked

lock, counter = Path(sys.argv[1]), Path(sys.argv[2])
for _ in range(25):
    with locked(lock):
        counter.write_text(str(int(counter.read_text()) + 1))
        lock.unlink()
"""
HOLDER = """
import sys
from pathlib import Path
from shards.storage.files import locked

with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_an_atomic_write_leaves_no_other_file(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a", "one")
    write_atomically(tmp_path / "a", b"two")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_text() == "two"


def test_holders_that_remove_the_lock_file_still_exclude_each_other(tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    counter.write_text("0")
    command = [sys.executable, "-c", COUNTER, str(tmp_path / "lock"), str(counter)]
    for process in [subprocess.Popen(command) for _ in range(3)]:
        assert process.wait(timeout=120) == 0
    assert counter.read_text() == "75"


def test_a_waiting_process_gets_the_lock_when_the_holder_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        holder.kill()
    with locked(path):
        pass


def test_a_waiting_thread_gets_the_lock_when_the_holder_removed_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "lock"
    got = threading.Event()

    def wait() -> None:
        with locked(path):
            got.set()

    waiting = threading.Thread(target=wait)
    with locked(path):
        waiting.start()
        path.unlink()
        path.parent.rmdir()
    waiting.join(timeout=60)
    assert got.is_set()
