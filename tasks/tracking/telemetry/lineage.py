"""OpenLineage events of the stages: START, then COMPLETE, FAIL or ABORT, with what a stage read and made.

The variables of the OpenLineage client switch them on: OPENLINEAGE_URL, OPENLINEAGE_CONFIG, OPENLINEAGE__TRANSPORT__*.
The run id of an event is the id of the Prefect flow run, and the parent is the flow run that started it.
"""

import logging
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from prefect.context import FlowRunContext

from tasks.tracking.outages import not_needed
from tasks.tracking.telemetry import events, pieces
from tasks.tracking.telemetry.pieces import Described
from tasks.tracking.telemetry.sender import Sender, is_configured, make_sender

__all__ = ["Stage", "StageRun", "pieces", "stage"]

logger = logging.getLogger(__name__)
_active: ContextVar["StageRun | None"] = ContextVar("active_stage", default=None)
_senders: list[Sender | None] = []  # one per process; None: events are asked for, but cannot be sent


@dataclass(frozen=True)
class StageRun:
    """The identity of one run of a stage. `root` is the outermost run that it belongs to."""

    job: str
    run_id: str
    parent: "StageRun | None" = None

    @property
    def root(self) -> "StageRun":
        return self.parent.root if self.parent else self


@dataclass
class Stage:
    """What a running stage notes about itself. Nothing of it is looked at if no events are sent."""

    reads: list[Described] = field(default_factory=list)
    makes: list[Described] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)

    def made(self, *results: Described) -> None:
        """Note what the stage has made. The COMPLETE event has it as outputs."""
        self.makes += results

    def note(self, facts: Mapping[str, object]) -> None:
        """Note facts such as scores. The COMPLETE event has them as tags of the run."""
        self.tags |= {name: str(value) for name, value in facts.items()}


@contextmanager
def stage(job: str, subject: str, reads: Iterable[Described] = (), inner: str = "") -> Iterator[Stage]:
    """Send the events of a stage around the block. `subject` names the dataset or model that it works on.

    `inner` names a stage that is a part of a flow run and has no flow run of its own.
    """
    noted = Stage(list(reads))
    sender = _find_sender()
    if sender is None:
        yield noted
        return
    run = _identify(f"{job}.{name_of(subject)}", inner)
    token = _active.set(run)
    try:
        _emit(sender, "START", run, noted)
        yield noted
        _emit(sender, "COMPLETE", run, noted)
    except Exception as error:
        _emit(sender, "FAIL", run, noted, error)
        raise
    except BaseException as stop:  # Ctrl-C, or a flow run that was cancelled
        _emit(sender, "ABORT", run, noted, stop)
        raise
    finally:
        _active.reset(token)


def _emit(sender: Sender, kind: str, run: StageRun, noted: Stage, error: BaseException | None = None) -> None:
    """Send one event. No mistake in it may disturb the stage."""
    try:
        chain = [(one.run_id, one.job) for one in (run.parent, run.root) if one] if run.parent else []
        sender.send(events.make_event(kind, run.run_id, run.job, chain, noted.reads, noted.makes, noted.tags, error))
    except Exception as mistake:
        sender.warn(f"{type(mistake).__name__}: {mistake}")


def _find_sender() -> Sender | None:
    if not is_configured():
        return None
    if not _senders:
        try:
            _senders.append(make_sender())
        except ImportError:
            _senders.append(None)
            logger.warning("OPENLINEAGE_* is set, which needs `pip install 'shardgan[telemetry]'`: no events are sent")
        except Exception as error:
            _senders.append(None)
            logger.warning("no lineage events are sent, because the settings in OPENLINEAGE_* are wrong: %s", error)
    return _senders[0]


def _identify(job: str, inner: str) -> StageRun:
    active = _active.get()
    flow_run = context.flow_run if (context := FlowRunContext.get()) else None
    run_id = str(flow_run.id) if flow_run else str(uuid.uuid4())
    if inner:
        run_id = str(uuid.uuid5(uuid.UUID(run_id), inner))
    elif active is None and flow_run and flow_run.parent_task_run_id:
        return StageRun(job, run_id, _ask_for_parent(flow_run.parent_task_run_id))
    return StageRun(job, run_id, active)


def _ask_for_parent(task_run_id: uuid.UUID) -> StageRun | None:
    """Return the flow run in another process that started this one, such as a pipeline that trains by a deployment."""
    from prefect.client.orchestration import get_client

    with not_needed("a question for the parent run"), get_client(sync_client=True) as client:
        flow_run_id = client.read_task_run(task_run_id).flow_run_id
        if flow_run_id is not None:
            found = client.read_flow_run(flow_run_id)
            flow = client.read_flow(found.flow_id)
            return StageRun(f"{flow.name}.{subject_of(found.parameters)}", str(found.id))
    return None


def subject_of(parameters: Mapping[str, Any]) -> str:
    """Return the dataset or model of a flow run from its parameters, as the flow itself names it."""
    config = parameters.get("config", {})
    return name_of(str(config.get("shard", {}).get("dataset") or config.get("dataset") or config.get("model") or ""))


def name_of(reference: str) -> str:
    """Return the name in a reference to a dataset or a model: `name@version`, `models:/name/3` or a manifest's path."""
    if reference.endswith("/manifest.json"):
        return reference.split("/")[-3]
    return reference.removeprefix("models:/").partition("@")[0].partition("/")[0]
