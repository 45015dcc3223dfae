"""Temporary outages of servers and buckets: which calls are retried, and which are skipped."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import requests
from prefect.client.schemas.objects import State

from shards import BuildError
from tasks.errors import MirrorError

__all__ = ["RETRIES", "RETRY_DELAYS", "has_no_connection", "is_outage", "not_needed", "should_retry"]

logger = logging.getLogger(__name__)
RETRIES = 3
RETRY_DELAYS: list[float] = [5, 20, 60]  # seconds
SERVER_ERROR = 500  # and above


def should_retry(_task: Any, _run: Any, state: State[Any]) -> bool:
    """Return whether a task failed because of an outage. Prefect's `retry_condition_fn`."""
    return is_outage(state.result(raise_on_failure=False))


def is_outage(error: object) -> bool:
    """Return whether storage or an MLflow server that does not answer or is full caused `error`, not a wrong request.

    A build that fails keeps its finished parts, whatever the error was. The next attempt resumes it.
    """
    mlflow = sys.modules.get("mlflow.exceptions")  # its errors exist only where it was imported, which takes a second
    if mlflow and isinstance(error, mlflow.MlflowException):
        return int(error.get_http_status_code()) >= SERVER_ERROR
    return isinstance(error, BuildError | MirrorError | requests.RequestException)


def has_no_connection(error: BaseException) -> bool:
    """Return whether `error` was raised because a server could not be reached at all."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, requests.RequestException | ConnectionError | TimeoutError):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


@contextmanager
def not_needed(what: str) -> Iterator[None]:
    """Log the error and continue if the Prefect server does not accept `what`, which is only shown to people."""
    try:
        yield
    except httpx.HTTPError as error:
        logger.warning("Prefect did not accept %s (%s): continuing without it", what, error or type(error).__name__)
