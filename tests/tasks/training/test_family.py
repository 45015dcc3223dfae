"""train.family=auto in a plan: the family, its defaults, and the family that a run keeps."""

import pytest

from models.compute.config import ComputeConfig
from models.networks.names import NET_PACKAGES
from models.training.config import TrainConfig
from tasks.errors import RequestError
from tasks.home import home
from tasks.trainer.run_directory import AutoFamily, RunDirectory
from tasks.training.family import chosen_settings
from tasks.training.sizes import check_frozen_net
from tasks.training.stage import plan_run

# Plans for a machine with a GPU need none here. There, the rule has a preset for the few colour images of the dataset.
COMPUTE = ComputeConfig(threads=1, device="cuda")
AUTO = TrainConfig(family="auto", nimg=64, compute=COMPUTE)


def test_the_run_is_that_of_the_family_with_its_defaults(dataset: str) -> None:
    plan = plan_run(dataset, AUTO)
    named = plan_run(dataset, TrainConfig(preset="projected-gpu", nimg=64, compute=COMPUTE))
    assert (plan.run, plan.train, plan.network) == (named.run, named.train, named.network)
    assert plan.train.latent_dim == 256
    assert named.auto is None
    assert plan.auto is not None
    assert plan.auto.family == "projected"
    RunDirectory(home().runs / plan.run).create(plan)
    RunDirectory(home().runs / plan.run).create(named)  # the same training, asked for in the other way


def test_what_was_chosen_is_kept_even_where_it_is_the_default_of_another_family(dataset: str) -> None:
    asked = TrainConfig.model_validate(AUTO.model_dump(exclude_unset=True) | {"batch_size": 32})
    assert plan_run(dataset, asked).train.batch_size == 32
    assert plan_run(dataset, AUTO).train.batch_size == 64


def test_a_complete_record_of_the_settings_means_the_same(dataset: str) -> None:
    """A dry run, and a worker of a service, get every setting as JSON."""
    complete = TrainConfig.model_validate_json(AUTO.model_dump_json())
    assert {"family": "auto", **chosen_settings(complete)} == chosen_settings(AUTO)
    assert plan_run(dataset, complete) == plan_run(dataset, AUTO)


def test_a_run_keeps_the_family_that_it_began_with(dataset: str) -> None:
    first = plan_run(dataset, AUTO)
    assert first.auto is not None
    former = AutoFamily(request=first.auto.request, family="dcgan", why="a rule of an earlier release")
    begun = plan_run(dataset, TrainConfig(family="dcgan", nimg=64, compute=COMPUTE)).model_copy(update={"auto": former})
    RunDirectory(home().runs / begun.run).create(begun)
    assert plan_run(dataset, AUTO) == begun
    other = plan_run(dataset, AUTO.model_copy(update={"seed": 1}))
    assert other.train.family == "projected"


def test_settings_that_the_family_cannot_have_are_refused_with_the_reason(dataset: str) -> None:
    asked = TrainConfig.model_validate(AUTO.model_dump(exclude_unset=True) | {"freeze_layers": 2})
    with pytest.raises(RequestError, match=r"which means projected with .* But freeze_layers 2: .* name a fam"):
        plan_run(dataset, asked)


def test_who_names_no_family_gets_the_one_of_the_rule(dataset: str) -> None:
    assert plan_run(dataset, TrainConfig(nimg=64, compute=COMPUTE)) == plan_run(dataset, AUTO)
    named = TrainConfig(family="dcgan", nimg=64, compute=COMPUTE)
    complete = TrainConfig.model_validate_json(named.model_dump_json())  # a schedule stores every setting
    assert plan_run(dataset, named).network.family == plan_run(dataset, complete).network.family == "dcgan"


def test_a_missing_frozen_net_is_named_before_work_starts(dataset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_run(dataset, AUTO)
    check_frozen_net(plan)
    monkeypatch.setitem(NET_PACKAGES, "efficientnet-lite0", ("efficientnet-lite-pytorch", "no-such-package"))
    with pytest.raises(RequestError, match="family projected needs no-such-package: install with"):
        check_frozen_net(plan)
    check_frozen_net(plan_run(dataset, TrainConfig(family="dcgan", nimg=64, compute=COMPUTE)))
