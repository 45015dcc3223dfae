"""Where the nodes of a training meet: `rendezvous.json` in the run directory. Does not import torch.

The leader opens its port, then writes the file. It removes the file when the training has ended, however it ended. So
a node that finds no file has nothing to do yet, or nothing any more.
"""

import ipaddress
import os
import secrets
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil

from models import Settings
from shards.storage.files import write_atomically
from tasks.errors import RequestError

FILE = "rendezvous.json"
MEETING = "SHARDGAN_MEETING"  # tells a trainer to which meeting it belongs
CONNECT_SECONDS = 5.0
SOMEWHERE = "192.0.2.1"  # RFC 5737: an address of no machine. It only selects the default route; nothing is sent.


class Meeting(Settings):
    """The content of the file. Each start of the leader has a new `id`."""

    id: str
    host: str
    port: int

    @classmethod
    def read(cls, run_dir: Path) -> "Meeting | None":
        """Read the file of a run directory. Return None if there is none."""
        try:
            return cls.model_validate_json((run_dir / FILE).read_text())
        except FileNotFoundError:
            return None

    def answers(self) -> bool:
        """Whether the leader's port is open. A leader that was killed leaves its file behind."""
        try:
            with socket.create_connection((self.host, self.port), timeout=CONNECT_SECONDS):
                return True
        except OSError:
            return False

    @staticmethod
    def remove(run_dir: Path) -> None:
        """Remove the file: nodes that start from now on do not join."""
        (run_dir / FILE).unlink(missing_ok=True)


def is_over(run_dir: Path) -> bool:
    """Whether this process was started for a meeting that its leader has ended. False for other processes."""
    mine, found = os.environ.get(MEETING), Meeting.read(run_dir)
    return bool(mine) and (found is None or found.id != mine)


@contextmanager
def announced(run_dir: Path, host: str, port: int) -> Iterator[Meeting]:
    """Write the file of the leader that listens on `host` and `port`, and remove it at the end."""
    meeting = Meeting(id=f"{run_dir.name}-{secrets.token_hex(4)}", host=host, port=port)
    write_atomically(run_dir / FILE, meeting.model_dump_json())
    try:
        yield meeting
    finally:
        Meeting.remove(run_dir)


class Address(NamedTuple):
    """An interface of this machine and its IPv4 address."""

    interface: str
    host: str


def find_address(interface: str, peer: str = SOMEWHERE) -> Address:
    """Return the interface with the name, or in the network, `interface`. If empty: the one that leads to `peer`.

    Raises RequestError if this machine has none.
    """
    found = [
        Address(name, one.address)
        for name, addresses in psutil.net_if_addrs().items()
        for one in addresses
        if one.family == socket.AF_INET
    ]
    own = "" if interface else _address_towards(peer)
    for address in found:
        if address.host == own if own else _is_meant(interface, address):
            return address
    known = ", ".join(f"{name} ({host})" for name, host in found)
    wanted = f"launch.interface is {interface!r}" if interface else f"no interface leads to {peer}"
    raise RequestError(
        f"{wanted}, but {socket.gethostname()} has {known or 'no interface with an IPv4 address'}: set "
        "launch.interface to one of these names, or to the network of the nodes, such as 10.0.0.0/24"
    )


def _is_meant(interface: str, address: Address) -> bool:
    if "/" not in interface:
        return address.interface == interface
    try:
        return ipaddress.ip_address(address.host) in ipaddress.ip_network(interface, strict=False)
    except ValueError as error:
        raise RequestError(
            f"launch.interface is {interface!r}, but expected a network such as 10.0.0.0/24: {error}"
        ) from error


def _address_towards(peer: str) -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((peer, 9))  # of a datagram socket: chooses the route, sends nothing
        except OSError:
            return "none"
        return str(probe.getsockname()[0])


def socket_variables(address: Address, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that let gloo and NCCL use the interface alone, unless the environment has them already."""
    wanted = {"GLOO_SOCKET_IFNAME": address.interface, "NCCL_SOCKET_IFNAME": f"={address.interface}"}
    return {name: value for name, value in wanted.items() if name not in environment}
