"""deploy/ as Prefect reads it: a key that it does not know would be dropped without a word."""

import importlib
import pkgutil
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pytest
import yaml
from prefect import Flow
from prefect.automations import AutomationCore
from prefect.cli.deploy._models import (
    ConcurrencyLimitSpec,
    DeploymentConfig,
    PrefectYamlModel,
    RawScheduleConfig,
    WorkPoolConfig,
)
from pydantic import BaseModel

import flows
from tasks.flow_runs import announcements
from tasks.service.databases import TODAY
from tasks.service.provisioning import CPU, GPU, UPKEEP, read_automations, with_former_names

ROOT = Path(__file__).parent.parent
CONTENT = yaml.safe_load((ROOT / "deploy" / "prefect.yaml").read_text())
DEPLOYMENTS = CONTENT["deployments"]
# Called by other flows alone.
INNER = {"build-partitions"}


def names_of(model: type[BaseModel]) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}


def load_flow(entrypoint: str) -> Flow[..., Any]:
    module, _, name = entrypoint.rpartition(".")
    found = getattr(importlib.import_module(module), name)
    assert isinstance(found, Flow), entrypoint
    return found


def all_flows() -> dict[str, Flow[..., Any]]:
    modules = [importlib.import_module(one.name) for one in pkgutil.walk_packages(flows.__path__, "flows.")]
    return {item.name: item for module in modules for item in vars(module).values() if isinstance(item, Flow)}


def full_name(deployment: dict[str, Any]) -> str:
    return f"{load_flow(deployment['entrypoint']).name}/{deployment['name']}"


def test_prefect_knows_every_key() -> None:
    PrefectYamlModel.model_validate(CONTENT)
    assert set(CONTENT) <= names_of(PrefectYamlModel)
    for deployment in DEPLOYMENTS:
        assert set(deployment) <= names_of(DeploymentConfig), deployment
        assert set(deployment["work_pool"]) <= names_of(WorkPoolConfig), deployment
        limit = deployment.get("concurrency_limit")
        assert not isinstance(limit, dict) or set(limit) <= names_of(ConcurrencyLimitSpec), deployment
        for schedule in deployment.get("schedules", []):
            RawScheduleConfig.model_validate(schedule)


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=full_name)
def test_every_deployment_has_a_flow_a_pool_and_parameters_that_it_takes(deployment: dict[str, Any]) -> None:
    flow = load_flow(deployment["entrypoint"])
    assert deployment["work_pool"]["name"] in (CPU, GPU)
    assert deployment["work_pool"].get("work_queue_name", "default") in ("default", UPKEEP)
    assert deployment["description"]
    assert set(deployment.get("parameters", {})) <= set(flow.parameters.properties)


def test_every_flow_that_users_start_has_a_deployment() -> None:
    deployed = {full_name(deployment).partition("/")[0] for deployment in DEPLOYMENTS}
    assert set(all_flows()) - deployed == INNER


def test_deployments_are_named_once() -> None:
    names = [full_name(deployment) for deployment in DEPLOYMENTS]
    assert len(names) == len(set(names))
    assert {
        "build-dataset/images-to-shards",
        "train-gan/gpu",
        "evaluate-gan/score-and-promote",
        "pipeline/images-to-champion",
    } <= set(names)


def test_no_two_deployments_share_a_name_in_the_list_of_the_ui() -> None:
    names = [deployment["name"] for deployment in DEPLOYMENTS]
    assert len(names) == len(set(names))
    assert {f"{flow}/{name}" for flow, name in TODAY.items()} <= set(map(full_name, DEPLOYMENTS))


def test_a_server_that_is_not_ours_keeps_both_names() -> None:
    both = with_former_names(CONTENT, ["pipeline/on-demand", "pipeline/nightly", "mine/on-demand"])["deployments"]
    (added,) = both[len(DEPLOYMENTS) :]
    (today,) = [one for one in DEPLOYMENTS if full_name(one) == "pipeline/images-to-champion"]
    assert added == today | {"name": "on-demand"}
    assert with_former_names(CONTENT, [])["deployments"] == DEPLOYMENTS


def test_automations_are_named_once_and_wait_long_enough_for_a_heartbeat() -> None:
    automations = read_automations(lambda name: uuid5(NAMESPACE_URL, name))
    names = [automation.name for automation in automations]
    assert len(names) == len(set(names))
    (silent,) = [one for one in automations if one.name == "crash-silent-runs"]
    assert silent.trigger.within.total_seconds() >= 540


def test_no_unknown_key_in_automations() -> None:
    content = yaml.safe_load((ROOT / "deploy" / "automations.yaml").read_text())["automations"]
    for given, parsed in zip(content, read_automations(lambda name: uuid5(NAMESPACE_URL, name)), strict=True):
        assert set(given) <= names_of(type(parsed)), given
        assert set(given["trigger"]) <= names_of(type(parsed.trigger)), given
        for action, parsed_action in zip(given["actions"], parsed.actions, strict=True):
            assert set(action) - {"deployment"} <= names_of(type(parsed_action)), action
            assert action.get("deployment") in {None, *map(full_name, DEPLOYMENTS)}


def test_the_example_automation_waits_for_an_event_that_flows_emit() -> None:
    content = yaml.safe_load((ROOT / "deploy" / "examples" / "champion-webhook.yaml").read_text())["automations"]
    (automation,) = [AutomationCore.model_validate(given) for given in content]
    (event,) = automation.trigger.expect
    assert event in str(announcements.__doc__)
