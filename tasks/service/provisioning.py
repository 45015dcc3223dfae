"""What a Prefect server needs before flows can run on it: work pools with limits, deployments, automations.

Every step finds what is there and brings it up to date: running it again changes nothing.
"""

import asyncio
import copy
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import yaml
from prefect.automations import AutomationCore
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.client.schemas.objects import Flow
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import ObjectNotFound
from prefect.workers.process import ProcessWorker

from tasks.errors import ServiceError
from tasks.home import home
from tasks.service.settings import DEPLOY, ServiceConfig

Tree = dict[str, Any]
logger = logging.getLogger(__name__)
CPU, GPU, UPKEEP = "cpu", "gpu", "upkeep"
START_SECONDS = 300.0


def set_up(config: ServiceConfig, nightly: Tree | None = None) -> None:
    """Make pools, deployments and automations, or bring them up to date; `nightly` is that deployment's config.

    Raises ServiceError where a server is away.
    """
    wait_for_servers()
    asyncio.run(provision(config))
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump(with_nightly(read_deployments(), config, nightly), file)
        file.flush()
        deploy(Path(file.name))
    asyncio.run(upsert_automations())


def read_deployments() -> Tree:
    """What deploy/prefect.yaml says."""
    content: Tree = yaml.safe_load((DEPLOY / "prefect.yaml").read_text())
    return content


def with_nightly(content: Tree, config: ServiceConfig, nightly: Tree | None) -> Tree:
    """`content` with the schedule of pipeline/nightly as `config` has it, on where there is something to run."""
    for deployment in content["deployments"]:
        if deployment["name"] == "nightly":
            schedule = {"cron": config.nightly_cron, "timezone": config.timezone, "slug": "nightly"}
            deployment["schedules"] = [schedule | {"active": nightly is not None}]
            deployment["parameters"] = {"config": nightly} if nightly else {}
    return content


async def provision(config: ServiceConfig) -> None:
    """The work pools and queues."""
    async with get_client() as client:
        await ensure_pool(client, CPU, "sharding, evaluation, the pipeline", None)
        await ensure_pool(client, GPU, "training: one run a worker", max(config.gpu_workers, 1))
        await ensure_queue(client, CPU, "default", config.cpu_runs)
        # A queue of its own: what frees slots must not wait for one.
        await ensure_queue(client, CPU, UPKEEP, None)


def wait_for_servers(seconds: float = START_SECONDS) -> None:
    """Wait until Prefect and MLflow answer. Raises ServiceError where they do not within `seconds`."""
    wait_for("Prefect", f"{os.environ.get('PREFECT_API_URL', '')}/health", seconds)
    if home().tracking_uri.startswith("http"):
        wait_for("MLflow", f"{home().tracking_uri}/health", seconds)


def wait_for(name: str, url: str, seconds: float) -> None:
    """Wait until a GET of `url` succeeds."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            httpx.get(url, timeout=10, trust_env=False).raise_for_status()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            if time.monotonic() > deadline:
                raise ServiceError(f"{name} does not answer at {url} after {seconds:.0f} s ({error})") from error
            time.sleep(0.5)
        else:
            return


async def ensure_pool(client: PrefectClient, name: str, description: str, limit: int | None) -> None:
    """Make the pool for processes, or find it made, of whatever type; its limit is raised where it is lower."""
    try:
        found = await client.read_work_pool(name)
    except ObjectNotFound:
        pool = WorkPoolCreate(name=name, type="process", description=description, base_job_template=job_template())
        await client.create_work_pool(pool.model_copy(update={"concurrency_limit": limit}))
        return
    if limit is not None and (found.concurrency_limit or 0) < limit:
        await client.update_work_pool(name, WorkPoolUpdate(concurrency_limit=limit))
    if found.base_job_template == ProcessWorker.get_default_base_job_template():  # as earlier versions made it
        await client.update_work_pool(name, WorkPoolUpdate(base_job_template=job_template()))


def job_template() -> Tree:
    """Prefect's template for processes without the command: only the operator's programs are executed."""
    template: Tree = copy.deepcopy(ProcessWorker.get_default_base_job_template())
    del template["variables"]["properties"]["command"]
    del template["job_configuration"]["command"]
    return template


async def ensure_queue(client: PrefectClient, pool: str, name: str, limit: int | None) -> None:
    """Make the pool's queue with this limit, or give it the limit."""
    try:
        found = await client.read_work_queue_by_name(name, work_pool_name=pool)
    except ObjectNotFound:
        await client.create_work_queue(name, work_pool_name=pool, concurrency_limit=limit)
        return
    if found.concurrency_limit != limit:
        await client.update_work_queue(found.id, concurrency_limit=limit)


def join_pool(pool: str, worker: str) -> None:
    """Wait for the pool to be made; a GPU pool then lets as many runs start as it has workers, with `worker`."""
    deadline = time.monotonic() + START_SECONDS
    while not asyncio.run(_join(pool, worker)):
        if time.monotonic() > deadline:
            raise ServiceError(f"there is no work pool {pool!r}: run `shardgan setup` against this server")
        time.sleep(1)


async def _join(pool: str, worker: str) -> bool:
    async with get_client() as client:
        try:
            await client.read_work_pool(pool)
        except ObjectNotFound:
            return False
        if pool == GPU:
            online = {one.name for one in await client.read_workers_for_work_pool(pool) if one.status == "ONLINE"}
            await ensure_pool(client, pool, "", len(online | {worker}))
    return True


def deploy(file: Path) -> None:
    """Register every deployment of the file. Raises ServiceError where Prefect refuses."""
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(file)]
    done = subprocess.run(command, cwd=DEPLOY.parent, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ServiceError(f"deploying {file} failed:\n{done.stdout}{done.stderr}")


def read_automations(find_deployment: Callable[[str], UUID]) -> list[AutomationCore]:
    """What deploy/automations.yaml says; an action's `deployment: flow/name` is looked up with `find_deployment`."""
    definitions = yaml.safe_load((DEPLOY / "automations.yaml").read_text())["automations"]
    for action in (action for definition in definitions for action in definition["actions"]):
        if name := action.pop("deployment", None):
            action["deployment_id"] = find_deployment(name)
    return [AutomationCore.model_validate(definition) for definition in definitions]


async def upsert_automations() -> None:
    """Make each automation, or bring the one of its name up to date; on or off stays as the operator set it."""
    async with get_client() as client:
        deployments = {f"{flow.name}/{one.name}": one.id for flow, one in await read_deployed(client)}
        for definition in read_automations(deployments.__getitem__):
            found = await client.read_automations_by_name(definition.name)
            if not found:
                await client.create_automation(definition)
                continue
            wanted = definition.model_copy(update={"enabled": found[0].enabled})
            await client.update_automation(found[0].id, wanted)
            for double in found[1:]:
                await client.delete_automation(double.id)


async def read_deployed(client: PrefectClient) -> list[tuple[Flow, DeploymentResponse]]:
    """Every deployment of the server with its flow."""
    flows = {flow.id: flow for flow in await client.read_flows()}
    return [(flows[one.flow_id], one) for one in await client.read_deployments()]
