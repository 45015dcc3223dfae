"""What a person schedules or clicks: one flow per file. The body of a flow is a list of its steps.

A Prefect worker imports nothing but `flows.<name>`, in a process that Prefect has started. What such a process needs
before Prefect is imported for the first time can therefore stand only here.
"""

import sys
from pathlib import Path

from tasks.home import apply_defaults, make_prefect_home

# However a flow is reached (command line, worker, import), telemetry is off and state lies under one root.
apply_defaults()


def prepare_process() -> None:
    """Make this process ready to run flows: Prefect's folder, a sign of life for others, and our logs in Prefect."""
    make_prefect_home()
    # Not before `apply_defaults`: they import Prefect, which reads its settings once.
    from tasks.flow_runs.liveness import hold_flow_run
    from tasks.flow_runs.logs import send_logs_to_prefect

    # In a process that a worker started for a flow run: others can tell for how long it lives.
    hold_flow_run()
    send_logs_to_prefect()


# The command line prepares only when a flow is about to run: help is instant, a refused request leaves nothing behind.
if Path(sys.argv[0]).name != "shardgan":
    prepare_process()
