"""What the verbs share: their flags, and sentences instead of tracebacks."""

import contextlib
import sys
from collections.abc import Callable
from typing import Annotated

from cyclopts import Parameter

from flows.cli.answers import FAILED, WRONG, fail
from tasks.errors import BAD_REQUESTS, RequestError

AsJson = Annotated[bool, Parameter(name="--json", negative=(), help="print the answer as one JSON object")]
Yes = Annotated[bool, Parameter(name=["--yes", "-y"], negative=(), help="do not ask")]
OnlyShow = Annotated[bool, Parameter(name="--dry-run", negative=(), help="say what would happen; change nothing")]
DRY_RUN = Parameter(negative=(), show=False, help="accepted without effect, because this command changes nothing")


def answer(work: Callable[[], int], as_json: bool) -> int:
    """Do the work and return its exit status. A request that cannot be done gets one sentence."""
    try:
        return work()
    except BrokenPipeError:  # `shardgan list | head`
        with contextlib.suppress(BrokenPipeError):
            sys.stdout.close()
        return 0
    except BAD_REQUESTS as error:
        return fail(error, WRONG, as_json)
    except KeyboardInterrupt:
        return fail(KeyboardInterrupt("stopped"), 130, as_json)
    except Exception as error:
        return fail(error, FAILED, as_json)


def confirm(question: str, yes: bool) -> bool:
    """Ask at the terminal. Raises RequestError if there is nobody to ask and `yes` was not given."""
    if yes:
        return True
    if not sys.stdin.isatty():
        raise RequestError(f"{question} Nobody can answer here: give --yes to agree, or --dry-run to look")
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
