"""What a person schedules or clicks: one flow a file, its body reads as sentences."""

import sys
from pathlib import Path

from tasks.home import apply_defaults, make_prefect_home

# Whichever way a flow is reached (command line, worker, import), telemetry is off and state lies under one root.
apply_defaults()
# The command line makes the folder only when a flow is about to run: a refused request leaves nothing behind.
if Path(sys.argv[0]).name != "shardgan":
    make_prefect_home()

# Not before: Prefect, which it imports, reads its settings once.
from tasks.flow_runs.liveness import hold_flow_run  # noqa: E402

# In a process that a worker started for a flow run: as long as it lives, others can tell.
hold_flow_run()

from tasks.flow_runs.logs import send_logs_to_prefect  # noqa: E402

send_logs_to_prefect()
