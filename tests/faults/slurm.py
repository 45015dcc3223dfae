"""A Slurm cluster of one machine, from Debian's packages slurmctld, slurmd and munge.

If they are not installed, $SHARDGAN_TEST_SLURM may name a folder into which `dpkg --extract` has put them, with
slurm-client, slurm-wlm-basic-plugins, libmunge2, libhwloc15 and liblua5.1-0.
"""

import contextlib
import os
import shutil
import socket
import subprocess
from pathlib import Path

import psutil

from tests.conftest import free_ports
from tests.waiting import wait_until

ROOT = Path(os.environ.get("SHARDGAN_TEST_SLURM", "/"))
LIBRARIES = ROOT / "usr/lib/x86_64-linux-gnu"
SBIN = ROOT / "usr/sbin"
PROGRAMS = {name: SBIN / name for name in ("slurmctld-wlm", "slurmd-wlm", "munged")}
CONFIG = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=15
CredType=cred/munge
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
PluginDir={plugins}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
ReturnToService=2
KillWait=5
SchedulerParameters=batch_sched_delay=1,sched_interval=2
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def is_installed() -> bool:
    """Whether the programs are there, and may be started: slurmd must be root."""
    return os.geteuid() == 0 and all(path.exists() for path in PROGRAMS.values())


class Cluster:
    """The daemons, and the variables with which Slurm's commands find them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.host = socket.gethostname().partition(".")[0]
        self.environment = {
            "SLURM_CONF": str(folder / "slurm.conf"),
            "PATH": f"{ROOT / 'usr/bin'}{os.pathsep}{os.environ['PATH']}",
            "LD_LIBRARY_PATH": f"{LIBRARIES}{os.pathsep}{LIBRARIES / 'slurm-wlm'}",
        }
        self.daemons: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Start the daemons, and wait until the machine takes jobs."""
        for name in ("state", "spool"):
            (self.folder / name).mkdir()
        values = {"host": self.host, "user": "root", "folder": self.folder, "plugins": LIBRARIES / "slurm-wlm"}
        (self.folder / "slurm.conf").write_text(CONFIG.format(ports=free_ports(2), **values))
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o600)
        files = {"socket": "munge.socket", "pid-file": "munged.pid", "seed-file": "munge.seed", "key-file": "munge.key"}
        words = [f"--{option}={self.folder / name}" for option, name in files.items()]
        self._spawn("munged", "--foreground", "--force", *words)
        wait_until((self.folder / "munge.socket").exists, what="munge's socket")
        self._spawn("slurmctld-wlm", "-D")
        self._spawn("slurmd-wlm", "-D", "-N", self.host)
        wait_until(lambda: "idle" in self.ask("sinfo", "--noheader", "--format=%T"), what="an idle machine")

    def ask(self, *words: str) -> str:
        """The output of a command of Slurm."""
        done = subprocess.run(words, env=os.environ | self.environment, capture_output=True, text=True, check=False)
        return done.stdout

    def set_machine(self, state: str) -> None:
        """Let Slurm believe that the machine is lost (DOWN), or back (RESUME)."""
        self.ask("scontrol", "update", f"NodeName={self.host}", f"State={state}", "Reason=test")

    def stop(self) -> None:
        """End all jobs and daemons."""
        with contextlib.suppress(FileNotFoundError):
            self.ask("scancel", "--user=root")
        for daemon in reversed(self.daemons):
            children = psutil.Process(daemon.pid).children(recursive=True)
            daemon.terminate()
            daemon.wait()
            for child in children:
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()

    def _spawn(self, name: str, *words: str) -> None:
        program = [str(PROGRAMS[name]), *words]
        if Path("/") != ROOT and name == "slurmd-wlm":
            # slurmd looks for its helper under /usr/sbin. This mount is seen by it and its jobs alone.
            helper = SBIN / "slurmstepd"
            if not helper.exists():
                shutil.copy(SBIN / "slurmstepd-wlm", helper)
            mount = f'mount -t overlay overlay -o lowerdir={SBIN}:/usr/sbin /usr/sbin && exec "$@"'
            program = ["unshare", "--mount", "sh", "-c", mount, "sh", *program]
        with (self.folder / f"{name}.log").open("wb") as log:
            daemon = subprocess.Popen(program, env=os.environ | self.environment, stdout=log, stderr=log)
        self.daemons.append(daemon)
