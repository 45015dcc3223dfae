"""Other nodes as an array of Slurm jobs, one node each, so that Slurm starts a lost one again without the others."""

import json
import shlex
import subprocess
from collections import Counter
from pathlib import Path

from shards.storage.files import write_atomically
from tasks.errors import LaunchError
from tasks.trainer.run_directory import RunConfig
from tasks.training.process.launchers.hand import node_command

SCRIPT, RECORD = "nodes.sbatch", "nodes.json"
COMMAND_SECONDS = 60.0


class Slurm:
    """Submits with sbatch, looks with squeue and sacct, and ends with scancel. The job's id is in nodes.json."""

    def __init__(self, path: Path, config: RunConfig) -> None:
        self.path = path
        self.config = config
        self.others = config.train.compute.nodes - 1

    def show(self) -> str:
        """Return the script that is submitted."""
        slurm = self.config.launch.slurm
        options = {
            "job-name": f"{self.config.run}-nodes",
            "array": f"1-{self.others}",
            "nodes": "1",
            "ntasks": "1",
            "output": str(self.path / "nodes-%A-%a.log"),
            "partition": slurm.partition,
            "account": slurm.account,
            "gpus-per-node": str(slurm.gpus or ""),
            "cpus-per-task": str(slurm.cpus or ""),
            "mem": slurm.memory,
            "time": slurm.time,
        }
        lines = [f"#SBATCH --{name}={value}" for name, value in options.items() if value]
        # --requeue: a job whose machine is lost returns to the queue. SIGTERM comes a minute before the time limit.
        lines += ["#SBATCH --requeue", "#SBATCH --signal=B:TERM@60", "#SBATCH --open-mode=append"]
        return "\n".join(["#!/bin/sh", *lines, f"exec {shlex.join(node_command(self.path))}", ""])

    def start(self) -> str:
        """Submit the script, unless the job that was submitted before is still there."""
        job = self._job()
        if job and self._queued(job):
            return f"The other nodes are Slurm job {job}: {self.state()}"
        script = self.path / SCRIPT
        write_atomically(script, self.show())
        job = parse_job(run_command("sbatch", "--parsable", str(script)))
        write_atomically(self.path / RECORD, json.dumps({"launcher": "slurm", "job": job}))
        return (
            f"Started {self.others} other node(s) as Slurm job {job}; their output is in {self.path}/nodes-{job}-*.log"
        )

    def state(self) -> str:
        """Return the number of jobs in each state, for waiting ones with Slurm's reason."""
        job = self._job()
        if not job:
            return ""
        return describe(self._queued(job) or self._ended(job))

    def stop(self) -> None:
        """Cancel the job. Slurm sends SIGTERM first."""
        if (job := self._job()) and self._queued(job):
            run_command("scancel", job)

    def _job(self) -> str:
        record = self.path / RECORD
        return str(json.loads(record.read_text())["job"]) if record.exists() else ""

    def _queued(self, job: str) -> list[str]:
        """The states of the jobs that wait or run. Slurm forgets a job some minutes after its end."""
        try:
            found = run_command("squeue", "--noheader", "--array", f"--jobs={job}", "--format=%T|%r")
        except LaunchError as error:
            if "Invalid job id" in str(error):
                return []
            raise
        return parse_states(found)

    def _ended(self, job: str) -> list[str]:
        """The states of jobs that have ended. Empty if the cluster keeps no accounts."""
        try:
            words = ["--noheader", "--parsable2", "--allocations", f"--jobs={job}", "--format=State"]
            return parse_states(run_command("sacct", *words))
        except LaunchError:
            return []


def parse_job(output: str) -> str:
    """Return the job's id from the output of `sbatch --parsable`: `ID` or `ID;CLUSTER`."""
    job = output.strip().partition(";")[0]
    if not job.isdecimal():
        raise LaunchError(f"sbatch answered {output.strip()!r} instead of the number of a job")
    return job


def parse_states(output: str) -> list[str]:
    """Return one state per line of squeue or sacct. A waiting job has its reason: `PENDING (Resources)`."""
    states = []
    for line in filter(None, map(str.strip, output.splitlines())):
        state, _, reason = line.partition("|")
        state = state.split()[0]  # sacct writes `CANCELLED by 1000`
        states.append(f"{state} ({reason})" if state == "PENDING" and reason not in ("", "None") else state)
    return states


def describe(states: list[str]) -> str:
    """Return the number of jobs in each state, in words."""
    return ", ".join(f"{count} {state}" for state, count in sorted(Counter(states).items()))


def run_command(*words: str) -> str:
    """Run a command of Slurm and return its output. Raises LaunchError with its message."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=COMMAND_SECONDS)
    except FileNotFoundError as error:
        raise LaunchError(f"{words[0]} is not on this machine: launch.launcher=slurm needs Slurm's commands") from error
    except subprocess.TimeoutExpired as error:
        raise LaunchError(f"{words[0]} did not answer within {COMMAND_SECONDS:.0f} s") from error
    except subprocess.CalledProcessError as error:
        raise LaunchError(f"{shlex.join(words)} failed: {error.stderr.strip()}") from error
    return done.stdout
