"""Sets up a Prefect server for our flows: work pools with limits, deployments, automations.

Every step updates what already exists. Running it again changes nothing.
"""

import asyncio
import copy
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection
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
from prefect.variables import Variable
from prefect.workers.process import ProcessWorker

from tasks.errors import ServiceError
from tasks.home import home
from tasks.service.databases import FORMER_NAME, TODAY
from tasks.service.settings import DEPLOY, ServiceConfig
from tasks.trainer.costs.quota import VARIABLE, Quota

Tree = dict[str, Any]
logger = logging.getLogger(__name__)
CPU, GPU, UPKEEP = "cpu", "gpu", "upkeep"
START_SECONDS = 300.0


def set_up(config: ServiceConfig, nightly: Tree | None = None, drift: Tree | None = None) -> None:
    """Create or update pools, deployments and automations.

    `nightly` and `drift` are the configs of the deployments pipeline/nightly and drift/watch-source.

    Raises ServiceError if a server does not answer.
    """
    wait_for_servers()
    asyncio.run(provision(config))
    content = with_former_names(with_schedules(read_deployments(), config, nightly, drift), asyncio.run(read_names()))
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump(content, file)
        file.flush()
        deploy(Path(file.name))
    asyncio.run(upsert_automations())
    set_quota(config)


def set_quota(config: ServiceConfig) -> None:
    """Store the quota in a variable of the Prefect server, where every worker finds it and a person can change it."""
    quota = Quota.model_validate(config.model_dump(include=set(Quota.model_fields)))
    Variable.set(VARIABLE, quota.model_dump(mode="json"), overwrite=True)


def read_deployments() -> Tree:
    """Read deploy/prefect.yaml."""
    content: Tree = yaml.safe_load((DEPLOY / "prefect.yaml").read_text())
    return content


def with_schedules(content: Tree, config: ServiceConfig, nightly: Tree | None, drift: Tree | None) -> Tree:
    """Return `content` with the schedules of pipeline/nightly and drift/watch-source; one with a config is active."""
    scheduled = {"nightly": (config.nightly_cron, nightly), "watch-source": (config.drift_cron, drift)}
    for deployment in content["deployments"]:
        if deployment["name"] in scheduled:
            cron, parameters = scheduled[deployment["name"]]
            schedule = {"cron": cron, "timezone": config.timezone, "slug": deployment["name"]}
            deployment["schedules"] = [schedule | {"active": parameters is not None}]
            deployment["parameters"] = {"config": parameters} if parameters else {}
    return content


def with_former_names(content: Tree, deployed: Collection[str]) -> Tree:
    """Return `content` with a copy of each deployment that the server has in `deployed` under its former name.

    Our server renames such deployments when it starts (tasks/service/databases.py). Another server keeps both, and
    whoever uses the former name gets the same settings.
    """
    former = {f"{flow}/{FORMER_NAME}": f"{flow}/{name}" for flow, name in TODAY.items()}
    kept = {today for name, today in former.items() if name in deployed}
    copies = [one | {"name": FORMER_NAME} for one in content["deployments"] if _defined_name(one) in kept]
    return content | {"deployments": content["deployments"] + copies}


def _defined_name(definition: Tree) -> str:
    """Return flow/name of a deployment in deploy/prefect.yaml: each flow has its function's name."""
    flow = definition["entrypoint"].rpartition(".")[2].replace("_", "-")
    return f"{flow}/{definition['name']}"


async def provision(config: ServiceConfig) -> None:
    """Create or update the work pools and queues."""
    async with get_client() as client:
        await ensure_pool(client, CPU, "sharding, evaluation, the pipeline", None)
        await ensure_pool(client, GPU, "training: one run per worker", max(config.gpu_workers, 1))
        await ensure_queue(client, CPU, "default", config.cpu_runs)
        # Its own queue: the flow that frees slots must not wait for a slot.
        await ensure_queue(client, CPU, UPKEEP, None)


def wait_for_servers(seconds: float = START_SECONDS) -> None:
    """Wait until Prefect and MLflow answer. Raises ServiceError if they do not answer within `seconds`."""
    wait_for("Prefect", f"{os.environ.get('PREFECT_API_URL', '')}/health", seconds)
    if home().tracking_uri.startswith("http"):
        wait_for("MLflow", f"{home().tracking_uri}/health", seconds)


def wait_for(name: str, url: str, seconds: float) -> None:
    """Wait until a GET request to `url` succeeds."""
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
    """Create a pool for processes unless the pool exists, with any type. Raise its limit if it is lower."""
    try:
        found = await client.read_work_pool(name)
    except ObjectNotFound:
        pool = WorkPoolCreate(name=name, type="process", description=description, base_job_template=job_template())
        await client.create_work_pool(pool.model_copy(update={"concurrency_limit": limit}))
        return
    if limit is not None and (found.concurrency_limit or 0) < limit:
        await client.update_work_pool(name, WorkPoolUpdate(concurrency_limit=limit))
    if found.base_job_template == ProcessWorker.get_default_base_job_template():  # created by an earlier version
        await client.update_work_pool(name, WorkPoolUpdate(base_job_template=job_template()))


def job_template() -> Tree:
    """Return Prefect's template for processes without the command: only the operator's programs may be executed."""
    template: Tree = copy.deepcopy(ProcessWorker.get_default_base_job_template())
    del template["variables"]["properties"]["command"]
    del template["job_configuration"]["command"]
    return template


async def ensure_queue(client: PrefectClient, pool: str, name: str, limit: int | None) -> None:
    """Create the pool's queue with this limit, or set its limit."""
    try:
        found = await client.read_work_queue_by_name(name, work_pool_name=pool)
    except ObjectNotFound:
        await client.create_work_queue(name, work_pool_name=pool, concurrency_limit=limit)
        return
    if found.concurrency_limit != limit:
        await client.update_work_queue(found.id, concurrency_limit=limit)


def join_pool(pool: str, worker: str) -> None:
    """Wait until the pool exists. The limit of the GPU pool is then the number of its workers, including `worker`."""
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
    """Register every deployment of the file. Raises ServiceError if Prefect refuses."""
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(file)]
    done = subprocess.run(command, cwd=DEPLOY.parent, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ServiceError(f"deploying {file} failed:\n{done.stdout}{done.stderr}")


def read_automations(find_deployment: Callable[[str], UUID]) -> list[AutomationCore]:
    """Read deploy/automations.yaml. `find_deployment` gives the id for an action's `deployment: flow/name`."""
    definitions = yaml.safe_load((DEPLOY / "automations.yaml").read_text())["automations"]
    for action in (action for definition in definitions for action in definition["actions"]):
        if name := action.pop("deployment", None):
            action["deployment_id"] = find_deployment(name)
    return [AutomationCore.model_validate(definition) for definition in definitions]


async def upsert_automations() -> None:
    """Create each automation, or update the one with its name. Whether it is on stays as the operator set it."""
    async with get_client() as client:
        deployments = {_full_name(flow, one): one.id for flow, one in await read_deployed(client)}
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
    """Return every deployment of the server with its flow."""
    flows = {flow.id: flow for flow in await client.read_flows()}
    return [(flows[one.flow_id], one) for one in await client.read_deployments()]


async def read_names() -> list[str]:
    """Return the full name, flow/name, of every deployment of the server."""
    async with get_client() as client:
        return [_full_name(*pair) for pair in await read_deployed(client)]


def _full_name(flow: Flow, deployment: DeploymentResponse) -> str:
    return f"{flow.name}/{deployment.name}"
