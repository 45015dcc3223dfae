"""Other nodes as an indexed job of Kubernetes, batch/v1. A pod that is lost is made again."""

import asyncio
import os
import re
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import yaml

from tasks.errors import LaunchError
from tasks.trainer.run_directory import RunConfig
from tasks.training.process.launchers.hand import node_command

MOST_NAME = 52  # a pod's host name is the job's with an index, in 63 characters
DELETE_SECONDS = 120.0
LABEL = "shardgan-train"  # deploy/kubernetes/several-machines.yaml lets pods with it talk to each other alone
Result = TypeVar("Result")


class Kubernetes:
    """Creates, reads and deletes the job through the cluster's API, with the rights of this process."""

    def __init__(self, path: Path, config: RunConfig) -> None:
        self.path = path
        self.config = config
        self.name = job_name(config.run)
        self.namespace = config.launch.kubernetes.namespace

    def show(self) -> str:
        """Return the manifest as YAML."""
        return yaml.safe_dump(self.manifest(), sort_keys=False)

    def manifest(self) -> dict[str, Any]:
        """Return the job's manifest."""
        others, settings = self.config.train.compute.nodes - 1, self.config.launch.kubernetes
        gpus: dict[str, Any] = {"nvidia.com/gpu": settings.gpus} if settings.gpus else {}
        container = {
            "name": "node",
            "image": settings.image,
            "command": node_command(self.path, "python"),
            "envFrom": [{"secretRef": {"name": settings.secret}}],
            "resources": {
                "requests": {"cpu": settings.cpu, "memory": settings.memory} | gpus,
                "limits": {"memory": settings.memory_limit} | gpus,
            },
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
            "volumeMounts": [{"name": "shm", "mountPath": "/dev/shm"}, {"name": "scratch", "mountPath": "/scratch"}],
        }
        one_per_machine = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": LABEL}}}
        affinity = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [one_per_machine]}}
        pod = {
            "restartPolicy": "OnFailure",
            "serviceAccountName": settings.service_account,
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 60,
            "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 1000,
                "fsGroup": 1000,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "affinity": affinity,
            "containers": [container],
            "volumes": [
                {"name": "shm", "emptyDir": {"medium": "Memory"}},
                {"name": "scratch", "persistentVolumeClaim": {"claimName": settings.scratch_claim}},
            ],
        }
        return {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": self.name, "namespace": self.namespace, "labels": {"app": LABEL}},
            "spec": {
                "completionMode": "Indexed",
                "completions": others,
                "parallelism": others,
                "backoffLimit": max(1, self.config.launch.restarts) * others,
                "ttlSecondsAfterFinished": 86400,
                "template": {"metadata": {"labels": {"app": LABEL}}, "spec": pod},
            },
        }

    def start(self) -> str:
        """Create the job, unless it is at work. A finished one of the same name is deleted first."""
        found = self._read()
        if found is not None and not has_finished(found):
            return f"The other nodes are the Kubernetes job {self.namespace}/{self.name}: {describe(found)}"
        if found is not None:
            self.stop()
            self._wait_until_gone()
        _call(lambda api: api.create_namespaced_job(self.namespace, self.manifest()))
        others = self.config.train.compute.nodes - 1
        return f"Started {others} other node(s) as the Kubernetes job {self.namespace}/{self.name}"

    def state(self) -> str:
        """Return the number of pods in each state."""
        found = self._read()
        return describe(found) if found is not None else "the job is gone"

    def stop(self) -> None:
        """Delete the job and its pods, which get SIGTERM first."""
        try:
            _call(lambda api: api.delete_namespaced_job(self.name, self.namespace, propagation_policy="Background"))
        except NotFound:
            return

    def _read(self) -> Any:
        try:
            return _call(lambda api: api.read_namespaced_job(self.name, self.namespace))
        except NotFound:
            return None

    def _wait_until_gone(self) -> None:
        deadline = time.monotonic() + DELETE_SECONDS
        while self._read() is not None:
            if time.monotonic() > deadline:
                raise LaunchError(f"the finished job {self.namespace}/{self.name} was not deleted: delete it yourself")
            time.sleep(1)


class NotFound(LaunchError):
    """The cluster has no job of this name."""


def job_name(run: str) -> str:
    """Return a name that Kubernetes accepts. It ends in the digest of the run's name, so it is as unique as this."""
    return re.sub(r"[^a-z0-9]+", "-", f"{run}-nodes".lower())[-MOST_NAME:].strip("-")


def has_finished(job: Any) -> bool:
    """Return whether a job has completed or failed."""
    return any(one.type in ("Complete", "Failed") and one.status == "True" for one in job.status.conditions or [])


def describe(job: Any) -> str:
    """Return the number of pods in each state, and why a job failed."""
    status = job.status
    counts = {"running": status.active, "succeeded": status.succeeded, "failed": status.failed}
    words = [f"{count} {name}" for name, count in counts.items() if count]
    words += [f"{one.type}: {one.message}" for one in status.conditions or [] if one.type == "Failed"]
    return ", ".join(words) or "no pod yet"


def _call(request: Callable[[Any], Awaitable[Result]]) -> Result:
    """Make one request to the cluster that this process runs in, else to that of kubectl's configuration."""
    try:
        from kubernetes_asyncio.client.exceptions import ApiException
        from kubernetes_asyncio.config import ConfigException
    except ImportError as error:
        raise LaunchError("launch.launcher=kubernetes needs a package: pip install 'shardgan[kubernetes]'") from error
    try:
        return asyncio.run(_request(request))
    except ConfigException as error:
        raise LaunchError(f"no Kubernetes cluster is configured on this machine (~/.kube/config): {error}") from error
    except ApiException as error:
        kind = NotFound if error.status == 404 else LaunchError
        raise kind(f"the cluster refused: {error.status} {error.reason}: {error.body!r}") from error
    except OSError as error:
        raise LaunchError(f"the cluster does not answer: {error}") from error


async def _request(request: Callable[[Any], Awaitable[Result]]) -> Result:
    from kubernetes_asyncio import client, config

    settings = client.Configuration()
    try:
        config.load_incluster_config(client_configuration=settings)  # type: ignore[no-untyped-call]
    except config.ConfigException:
        file = str(Path(os.environ.get("KUBECONFIG", "~/.kube/config")).expanduser())
        await config.load_kube_config(config_file=file, client_configuration=settings)
    async with client.ApiClient(settings) as api:
        return await request(client.BatchV1Api(api))
