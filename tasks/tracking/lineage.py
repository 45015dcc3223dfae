"""The origin of a result: the commit of the code, and the Prefect run that made it.

Imports MLflow and Prefect only where it needs them: processes without a run ask for the commit too.
"""

import os
import subprocess
from pathlib import Path

FLOW_RUN_TAG = "prefect.flow_run_id"


def code_commit() -> str:
    """Return the commit of the checkout, with `-dirty` if files differ from it. Else `SHARDGAN_COMMIT` or `unknown`."""
    if commit := os.environ.get("SHARDGAN_COMMIT"):
        return commit
    command = [
        "git",
        "-C",
        str(Path(__file__).parent),
        "describe",
        "--always",
        "--dirty",
        "--abbrev=40",
        "--exclude=*",
    ]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def parent_tags(parent_run: str) -> dict[str, str]:
    """Return the tag with which MLflow nests a run under another run. No tag if there is no parent."""
    if not parent_run:
        return {}
    from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

    return {MLFLOW_PARENT_RUN_ID: parent_run}


def prefect_tags() -> dict[str, str]:
    """Return the tags that lead from an MLflow run to the Prefect flow run. Empty outside a flow run."""
    from prefect.context import get_run_context
    from prefect.exceptions import MissingContextError

    try:
        context = get_run_context()
    except MissingContextError:
        return {}
    run = getattr(context, "flow_run", None)
    task_run = getattr(context, "task_run", None)
    flow_run_id = run.id if run else task_run.flow_run_id if task_run else None
    return {FLOW_RUN_TAG: str(flow_run_id)} if flow_run_id else {}


def requested_at() -> float | None:
    """Return when this flow run was created, or its scheduled time, in seconds since 1970. None outside of one."""
    from prefect.context import FlowRunContext

    context = FlowRunContext.get()
    run = context.flow_run if context else None
    if run is None:
        return None
    when = run.expected_start_time if run.auto_scheduled else run.created
    return when.timestamp() if when else None
