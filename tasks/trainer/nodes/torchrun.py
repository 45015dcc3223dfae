"""torchrun on one node: `python -m tasks.trainer.nodes.torchrun RUN_DIR leader`, or `other` in place of leader.

torchrun has a rendezvous of its own, c10d. This one is the same with two differences. Its ports are open on the named
interface only; c10d listens on all of them. And the leader is rank 0 in every round; c10d sorts nodes by their names.
"""

import os
import socket
import sys
from datetime import timedelta
from pathlib import Path

from torch.distributed import TCPStore  # type: ignore[attr-defined]  # public, but its stubs do not export it
from torch.distributed.elastic.rendezvous import (
    RendezvousHandler,
    RendezvousInfo,
    RendezvousParameters,
    RendezvousStateError,
    RendezvousStoreInfo,
    rendezvous_handler_registry,
)
from torch.distributed.elastic.rendezvous.c10d_rendezvous_backend import C10dRendezvousBackend
from torch.distributed.elastic.rendezvous.dynamic_rendezvous import create_handler
from torch.distributed.run import main as torchrun

from models.compute.device import num_processes
from shards.processes.lifetime import die_with_parent
from tasks.trainer.config import SUPERVISOR_PID
from tasks.trainer.nodes.rendezvous import FILE, MEETING, Address, Meeting, announced, find_address, socket_variables
from tasks.trainer.run_directory import RunDirectory

BACKEND = "shardgan"
STORE_SECONDS = 30
# Names of nodes in the rendezvous. They are sorted as text, and the first one gets rank 0.
LEADER, OTHER = "0-leader", "1-"


class LeaderFirst(RendezvousHandler):
    """torch's rendezvous on a store of ours, with a new store for the processes of each round."""

    def __init__(self, inner: RendezvousHandler, host: str, is_leader: bool) -> None:
        self._inner = inner
        self._host = host
        self._is_leader = is_leader
        self._server: TCPStore | None = None

    @property
    def use_agent_store(self) -> bool:
        """The processes use the store that this handler has opened for them."""
        return True

    def next_rendezvous(self) -> RendezvousInfo:
        """Wait for all nodes. Raises RendezvousStateError if torch has made another node than the leader rank 0."""
        info = self._inner.next_rendezvous()
        if (info.rank == 0) != self._is_leader:
            raise RendezvousStateError(f"the leader must be rank 0, but this node has rank {info.rank}")
        if self._is_leader:
            # A new one for each round, so that no process reads what an earlier round has left.
            self._server = serve(listen(self._host, 0))
            info.store.set("address", f"{self._host}:{self._server.port}")
        host, _, port = info.store.get("address").decode().rpartition(":")
        return RendezvousInfo(info.store, info.rank, info.world_size, RendezvousStoreInfo(host, int(port)))

    def get_backend(self) -> str:
        """The name under which torchrun knows this handler."""
        return BACKEND

    def is_closed(self) -> bool:
        """Whether nobody can join any more."""
        return self._inner.is_closed()

    def set_closed(self) -> None:
        """Let nobody join any more."""
        self._inner.set_closed()  # type: ignore[no-untyped-call]

    def num_nodes_waiting(self) -> int:
        """The number of nodes that wait for the next round."""
        return self._inner.num_nodes_waiting()

    def get_run_id(self) -> str:
        """The id of the meeting."""
        return self._inner.get_run_id()

    def shutdown(self) -> bool:
        """Close the rendezvous. Return whether the other nodes could be told."""
        return self._inner.shutdown()


def listen(host: str, port: int) -> socket.socket:
    """Open a port on one address of this machine. 0: a free port."""
    return socket.create_server((host, port), family=socket.AF_INET)


def serve(listener: socket.socket) -> TCPStore:
    """Start a store that listens on this socket alone."""
    host, port = listener.getsockname()
    return TCPStore(
        host,
        port,
        is_master=True,
        wait_for_workers=False,
        timeout=timedelta(seconds=STORE_SECONDS),
        master_listen_fd=listener.detach(),
    )


def connect(meeting: Meeting) -> TCPStore:
    """Connect to the leader's store. Raises RuntimeError if it does not answer for STORE_SECONDS."""
    patience = timedelta(seconds=STORE_SECONDS)
    return TCPStore(meeting.host, meeting.port, is_master=False, wait_for_workers=False, timeout=patience)


def main(path: Path, is_leader: bool) -> None:
    """Be torchrun on this node until the training ends. Exits with torchrun's status."""
    launch = RunDirectory(path).config().launch
    if is_leader:
        address = find_address(launch.interface)
        listener = listen(address.host, launch.port)
        port = listener.getsockname()[1]
        store = serve(listener)
        with announced(path, address.host, port) as announcement:
            run(path, announcement, store, address, LEADER)
    elif meeting := Meeting.read(path):
        address = find_address(launch.interface, meeting.host)
        run(path, meeting, connect(meeting), address, f"{OTHER}{socket.gethostname()}")
    else:
        sys.exit(f"{path} has no {FILE}: no training waits for this node")


def run(path: Path, meeting: Meeting, store: TCPStore, address: Address, name: str) -> None:
    """Start torchrun's program in this process, with the rendezvous of this file."""
    config = RunDirectory(path).config()
    compute = config.train.compute

    def open_handler(parameters: RendezvousParameters) -> RendezvousHandler:
        inner = create_handler(store, C10dRendezvousBackend(store, parameters.run_id), parameters)
        return LeaderFirst(inner, address.host, is_leader=name == LEADER)

    rendezvous_handler_registry.register(BACKEND, open_handler)
    os.environ.update(socket_variables(address, os.environ) | {MEETING: meeting.id})
    os.environ["TORCH_DISABLE_SHARE_RDZV_TCP_STORE"] = "1"  # torch's own store for processes listens everywhere
    torchrun(
        [
            f"--rdzv-backend={BACKEND}",
            f"--rdzv-endpoint={meeting.host}:{meeting.port}",
            f"--rdzv-id={meeting.id}",
            f"--rdzv-conf=join_timeout={config.launch.wait_minutes * 60}",
            f"--local-addr={name}",
            f"--nnodes={compute.nodes}:{compute.nodes}",
            f"--nproc-per-node={num_processes(compute)}",
            f"--max-restarts={config.launch.restarts}",
            "-m",
            "tasks.trainer.worker",
            str(path),
        ]
    )


if __name__ == "__main__":
    die_with_parent(parent=int(os.environ.pop(SUPERVISOR_PID, os.getppid())))
    main(Path(sys.argv[1]), is_leader=sys.argv[2:] == ["leader"])
