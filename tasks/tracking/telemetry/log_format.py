"""Log lines as JSON: one object on each line, with the ids of the flow run and of the task run.

`SHARDGAN_LOG_FORMAT=json`, which `--log-format json` sets, applies to a command and to the processes that it starts.
"""

import json
import logging
import os
import sys
from datetime import UTC, datetime
from typing import Any, Literal

LOG_FORMAT = "SHARDGAN_LOG_FORMAT"
LogFormat = Literal["text", "json"]
TEXT = "%(asctime)s %(levelname)-7s %(name)s  %(message)s"
RUN_FIELDS = ("flow_run_id", "flow_run_name", "task_run_id", "task_run_name")  # of Prefect's own loggers


def is_json() -> bool:
    """Return whether log lines are JSON objects."""
    return os.environ.get(LOG_FORMAT, "").lower() == "json"


def make_formatter() -> logging.Formatter:
    """Return the formatter for lines of a log file or of stderr."""
    return JsonFormatter() if is_json() else logging.Formatter(TEXT)


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object: time, level, logger, message, run ids, and the traceback as `exception`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the object as one line."""
        fields: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **run_ids(record),
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=False, default=str)


def run_ids(record: logging.LogRecord) -> dict[str, str]:
    """Return the ids of the runs that a record belongs to: from Prefect's loggers, else from the run that is active."""
    told = {name: str(getattr(record, name)) for name in RUN_FIELDS if getattr(record, name, None)}
    return told or _active_run()


def _active_run() -> dict[str, str]:
    context = sys.modules.get("prefect.context")  # a process that has not imported it has no run
    if context is None:
        return {}
    found: dict[str, str] = {}
    if (task := context.TaskRunContext.get()) and task.task_run:
        found |= {"task_run_id": str(task.task_run.id), "task_run_name": task.task_run.name}
        if task.task_run.flow_run_id:
            found["flow_run_id"] = str(task.task_run.flow_run_id)
    if (flow := context.FlowRunContext.get()) and flow.flow_run:
        found |= {"flow_run_id": str(flow.flow_run.id), "flow_run_name": flow.flow_run.name}
    return found


def format_line(**fields: str) -> str:
    """Return a line that is no log record, such as an error message, as a JSON object with the present time."""
    return json.dumps({"time": datetime.now(UTC).isoformat(timespec="milliseconds"), **fields}, ensure_ascii=False)


def with_program(line: str, program: str) -> str:
    """Return the line of a program of the service as a JSON object that names the program."""
    try:
        fields = json.loads(line)
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        return format_line(program=program, message=line)
    return json.dumps({"program": program, **fields}, ensure_ascii=False)


def format_stderr() -> None:
    """Give the handlers that write to stderr the JSON format, if it is chosen. Call it after the import of Prefect."""
    if not is_json():
        return
    found = [one for one in logging.root.manager.loggerDict.values() if isinstance(one, logging.Logger)]
    for handler in {handler for logger in (logging.getLogger(), *found) for handler in logger.handlers}:
        if isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler):
            handler.setFormatter(JsonFormatter())
