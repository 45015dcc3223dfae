"""Where the nodes of a training meet. tests/faults/test_nodes.py trains on two of them."""

import json
import os
from pathlib import Path

import psutil
import pytest

from models.compute.config import ComputeConfig
from models.training.config import TrainConfig
from tasks.errors import RequestError
from tasks.trainer.nodes.config import LaunchConfig
from tasks.trainer.nodes.node import Node
from tasks.trainer.nodes.rendezvous import MEETING, Address, Meeting, announced, find_address, is_over, socket_variables
from tasks.trainer.nodes.torchrun import listen, serve
from tasks.trainer.run_directory import RunConfig, RunDirectory
from tasks.training.stage import plan_run

LOOPBACK = Address("lo", "127.0.0.1")


@pytest.mark.parametrize(("interface", "peer"), [("lo", ""), ("127.0.0.0/8", ""), ("", "127.0.0.9")])
def test_an_interface_is_found_by_name_by_network_and_by_the_way_to_the_leader(interface: str, peer: str) -> None:
    assert find_address(interface, peer) == LOOPBACK


@pytest.mark.parametrize("interface", ["none0", "203.0.113.0/24"])
def test_an_interface_that_is_missing_is_named_with_those_that_exist(interface: str) -> None:
    with pytest.raises(RequestError, match=rf"launch.interface is '{interface}'.*lo \(127.0.0.1\)"):
        find_address(interface)


def test_a_network_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(RequestError, match="but expected a network such as"):
        find_address("eth0/24")


def test_gloo_and_nccl_use_the_interface_unless_they_were_told_otherwise() -> None:
    assert socket_variables(LOOPBACK, {}) == {"GLOO_SOCKET_IFNAME": "lo", "NCCL_SOCKET_IFNAME": "=lo"}
    assert set(socket_variables(LOOPBACK, {"NCCL_SOCKET_IFNAME": "ib0"})) == {"GLOO_SOCKET_IFNAME"}


def test_the_meeting_lasts_as_long_as_the_leader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with announced(tmp_path, "127.0.0.1", 1234) as meeting:
        assert Meeting.read(tmp_path) == meeting
        monkeypatch.setenv(MEETING, meeting.id)
        assert not is_over(tmp_path)
    assert Meeting.read(tmp_path) is None
    assert is_over(tmp_path)
    with announced(tmp_path, "127.0.0.1", 1234) as other:
        assert other.id != meeting.id
        assert is_over(tmp_path)
        monkeypatch.delenv(MEETING)
        assert not is_over(tmp_path), "torchrun that somebody else started has no meeting"


def test_the_store_listens_on_the_named_address_alone() -> None:
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    meeting = Meeting(id="a", host="127.0.0.1", port=port)
    store = serve(listener)
    found = {one.laddr.ip for one in psutil.Process().net_connections() if one.laddr.port == port}
    assert found == {"127.0.0.1"}
    assert meeting.answers()
    del store
    assert not meeting.answers()


def test_runs_on_one_node_keep_their_names() -> None:
    usual = TrainConfig(family="dcgan")
    assert "nodes" not in usual.identity()
    assert '"nodes":2' in usual.model_copy(update={"compute": ComputeConfig(nodes=2)}).identity()
    assert usual.model_copy(update={"compute": ComputeConfig(graph="off")}).identity() == usual.identity()


@pytest.mark.parametrize(("batch_size", "nodes"), [(32, 3), (4, 4)])
def test_a_batch_that_nodes_cannot_share_is_refused_before_they_are_started(batch_size: int, nodes: int) -> None:
    with pytest.raises(ValueError, match=f"cannot be shared by {nodes} nodes"):
        TrainConfig(batch_size=batch_size, compute=ComputeConfig(nodes=nodes))


def test_how_nodes_are_started_may_change_and_older_runs_load(dataset: str, tmp_path: Path) -> None:
    config = TrainConfig(family="dcgan", compute=ComputeConfig(nodes=2))
    first, second = (plan_run(dataset, config, launch=LaunchConfig(port=port)) for port in (1, 2))
    assert first.run == second.run
    run = RunDirectory(tmp_path / first.run)
    run.create(first)
    run.create(second)
    assert run.config().launch.port == 2
    older = json.loads(first.model_dump_json())
    del older["launch"], older["train"]["compute"]["nodes"]
    assert RunConfig.model_validate_json(json.dumps(older)).launch == LaunchConfig()


def test_a_node_ends_when_the_leader_has_ended_the_training(dataset: str, tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "run")
    run.create(plan_run(dataset, TrainConfig(family="dcgan", compute=ComputeConfig(nodes=2))))
    node = Node(run.path)
    assert not node.has_ended()
    run.set_status("running", 8)
    assert not node.has_ended(), "the leader may have died, and is started again"
    run.set_status("resumable", 8)
    assert node.has_ended()
    with announced(run.path, "127.0.0.1", 1234):
        assert not node.has_ended()
    node.stop(15, None)
    assert node.work() == 1
    assert MEETING not in os.environ
