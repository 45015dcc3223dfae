"""One active run a dataset; the lock of a killed holder is free at once."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.errors import DatasetBusy
from tasks.flow_runs.exclusion import sole_run

HOLDER = """
import sys
from tasks.flow_runs.exclusion import sole_run
with sole_run("faces", "wait"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_the_second_is_refused_or_waits_until_the_holder_is_killed(home_dir: Path) -> None:
    environment = os.environ | {"SHARDGAN_HOME": str(home_dir)}
    command = [sys.executable, "-c", HOLDER]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(DatasetBusy, match="works on the dataset faces"), sole_run("faces", "cancel"):
            pass
        with sole_run("digits", "cancel"):  # another dataset is another matter
            pass
        with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as waiting:
            assert waiting.stdout is not None
            holder.send_signal(signal.SIGKILL)
            assert waiting.stdout.readline() == b"held\n"
            waiting.communicate(timeout=60)
    with sole_run("faces", "cancel"):
        pass
