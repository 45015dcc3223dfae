"""The flows that a person schedules or starts: one flow per file. The body of a flow lists its steps.

May import tasks. A Prefect worker imports only `flows.<room>.<name>`, in a process that Prefect has started. This file
is therefore the only place for settings that such a process needs before it uses Prefect.
"""

import sys
from pathlib import Path

from flows.former_names import find_former_names
from tasks.home import apply_defaults, make_prefect_home

find_former_names()
# For every way to start a flow (command line, worker, import): telemetry is off and all state is under one root.
apply_defaults()


def prepare_process() -> None:
    """Prepare this process for flows: create Prefect's folder, hold the flow run's lock, send our logs to Prefect."""
    make_prefect_home()
    # Import these after `apply_defaults`: they import Prefect, which reads its settings only once.
    from tasks.flow_runs.liveness import hold_flow_run
    from tasks.flow_runs.logs import send_logs_to_prefect
    from tasks.tracking.telemetry.log_format import format_stderr
    from tasks.tracking.telemetry.traces import start_tracing

    # If a worker started this process for a flow run, the lock shows other processes that it is alive.
    hold_flow_run()
    send_logs_to_prefect()
    format_stderr()
    start_tracing()


# The command line does this only before it runs a flow. Help is therefore fast, and a refused request changes nothing.
if Path(sys.argv[0]).name != "shardgan":
    prepare_process()
