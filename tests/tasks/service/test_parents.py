"""Nothing is left behind: children end with their parent, and what an earlier service left is found."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tasks.errors import RequestError
from tasks.home import home
from tasks.service import processes
from tasks.service.children import parents
from tasks.service.doctor import DoctorConfig, look_at_leftovers
from tasks.service.settings import ServiceConfig
from tests.waiting import wait_until

CHILD = (
    "from tasks.service.children.parents import end_with_parent; end_with_parent(); print('on', flush=True); input()"
)
PARENT = f"""
import os, subprocess, sys
child = subprocess.Popen(
    [sys.executable, "-c", {CHILD!r}], env=os.environ | {{"SHARDGAN_PARENT_PID": str(os.getpid())}},
    stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
child.stdout.readline()
print(child.pid, flush=True)
input()
"""


def test_a_child_ends_with_a_parent_that_is_killed() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    _, left = psutil.wait_procs([child], timeout=60)
    assert not left


def test_a_child_whose_parent_has_ended_before_ends_at_once() -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    environment = os.environ | {parents.PARENT_PID: str(gone.pid)}
    child = subprocess.run([sys.executable, "-c", CHILD], env=environment, stdin=subprocess.PIPE, timeout=60)
    assert child.returncode == -signal.SIGTERM


@pytest.fixture
def leftover(home_dir: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that an earlier service of this home has left."""
    process = subprocess.Popen(["sleep", "1000"], env=os.environ | {parents.SERVICE_HOME: str(home_dir)})
    # It is not a child of whoever looks for it: those are spared.
    yield process
    process.kill()
    process.wait()


# Calls functions of this module beside this process: one expression per line in, its value as one line of JSON out.
LOOKER = """
import json, sys
from tests.tasks.service import test_parents as t
for line in sys.stdin:
    print(json.dumps(eval(line)), flush=True)
"""


@contextmanager
def looking() -> Iterator[Callable[[str], str]]:
    """Calls functions of this module in a process beside this one."""
    with subprocess.Popen([sys.executable, "-c", LOOKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as looker:
        assert looker.stdin
        assert looker.stdout

        def look(expression: str) -> str:
            looker.stdin.write(f"{expression}\n".encode())
            looker.stdin.flush()
            found: str = json.loads(looker.stdout.readline())
            return found

        yield look


def end_leftovers(leftovers: str) -> str:
    processes.PATIENCE_SECONDS = 0.1
    try:
        processes._end_leftovers(ServiceConfig.model_validate({"leftovers": leftovers}))
    except RequestError as error:
        return str(error)
    return "ended"


def doctors_words() -> str:
    return " ".join(finding.found for finding in look_at_leftovers(DoctorConfig()))


def test_what_an_earlier_service_left_is_found_named_and_ended_on_request(
    leftover: "subprocess.Popen[bytes]", tmp_path: Path
) -> None:
    with looking() as look:
        assert str(leftover.pid) in look("t.doctors_words()")
        refused = look("t.end_leftovers('refuse')")
        assert str(leftover.pid) in refused
        assert "--leftovers end" in refused
        assert leftover.poll() is None
        assert look("t.end_leftovers('end')") == "ended"
        wait_until(lambda: leftover.poll() is not None)
        assert look("t.doctors_words()") == ""


def test_another_homes_processes_are_left_alone(leftover: "subprocess.Popen[bytes]", tmp_path: Path) -> None:
    assert parents.find_leftovers(tmp_path / "another") == []
    assert home().root != tmp_path / "another"
