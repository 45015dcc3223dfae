"""Whether the process of a flow run lives, told by a lock."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

from tasks.flow_runs.liveness import FLOW_RUN_ID, forget, is_alive, known_flow_runs
from tasks.home import home

FLOW_PROCESS = "import sys, flows; print('up', flush=True); sys.stdin.read()"


def test_a_flow_process_is_alive_until_it_is_killed(home_dir: Path) -> None:
    name = str(uuid4())
    assert is_alive(home(), name) is None
    environment = os.environ | {"SHARDGAN_HOME": str(home_dir), FLOW_RUN_ID: name}
    command = [sys.executable, "-c", FLOW_PROCESS]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        assert is_alive(home(), name) is True
        assert str(process.pid) in (home_dir / "flow-runs" / f"{name}.lock").read_text()
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert is_alive(home(), name) is False
    assert known_flow_runs(home()) == [name]
    forget(home(), name)
    assert is_alive(home(), name) is None
