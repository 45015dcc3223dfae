"""The origin of a result: the commit of the code, and the Prefect run that made it."""

import os
import subprocess
from pathlib import Path

from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID
from prefect.context import get_run_context
from prefect.exceptions import MissingContextError

FLOW_RUN_TAG = "prefect.flow_run_id"


def code_commit() -> str:
    """The commit of the checkout, with `-dirty` where files differ from it; else `SHARDGAN_COMMIT`, or `unknown`."""
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
    """The tag by which MLflow nests a run under another; none where there is no parent."""
    return {MLFLOW_PARENT_RUN_ID: parent_run} if parent_run else {}


def prefect_tags() -> dict[str, str]:
    """Tags that lead from an MLflow run to the Prefect run; empty outside of one."""
    try:
        context = get_run_context()
    except MissingContextError:
        return {}
    run = getattr(context, "flow_run", None)
    task_run = getattr(context, "task_run", None)
    flow_run_id = run.id if run else task_run.flow_run_id if task_run else None
    return {FLOW_RUN_TAG: str(flow_run_id)} if flow_run_id else {}
