"""What the verbs share: their flags, and sentences instead of tracebacks."""

import contextlib
import sys
from collections.abc import Callable
from typing import Annotated

from cyclopts import Parameter

from flows.cli.answers import WRONG, fail
from tasks.errors import BAD_REQUESTS

AsJson = Annotated[bool, Parameter(name="--json", negative=(), help="print the answer as one JSON object")]
DRY_RUN = Parameter(negative=(), show=False, help="has no effect: this command never changes anything")


def answer(work: Callable[[], int], as_json: bool) -> int:
    """Do the work and return its exit status. A request that cannot be done gets one sentence."""
    try:
        return work()
    except BAD_REQUESTS as error:
        return fail(error, WRONG, as_json)
    except BrokenPipeError:  # `shardgan list | head`
        with contextlib.suppress(BrokenPipeError):
            sys.stdout.close()
        return 0
