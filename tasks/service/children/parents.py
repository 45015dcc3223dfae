"""Leaves no process behind: children end with their parent, and leftovers of an earlier service are found.

A killed process cannot end its children. Each child therefore watches the process that PARENT_PID in its environment
names, and ends itself when that process has ended.
"""

import os
import select
import signal
import threading
import time
from pathlib import Path

import psutil

PARENT_PID = "SHARDGAN_PARENT_PID"
SERVICE_HOME = "SHARDGAN_SERVICE_HOME"  # marks every process of a service, and its children, with the home's root
END_SECONDS = 20.0
KILL_SECONDS = 10.0
# Commands of a service whose version did not mark its processes.
PROGRAMS = ("prefect server start", "mlflow server", "tasks.service.pool_worker", "mlflow.server")


def end_with_parent() -> None:
    """End this process with SIGTERM when the process that PARENT_PID names ends, or now if it has already ended."""
    if pid := os.environ.pop(PARENT_PID, ""):
        watch(int(pid))


def watch(pid: int) -> None:
    """Wait in a thread until the process `pid` ends. Then end this one: with SIGTERM, after END_SECONDS by force."""
    try:
        descriptor = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else -1
    except ProcessLookupError:
        _end()
        return
    threading.Thread(target=_wait, args=(pid, descriptor), name="parent-watch", daemon=True).start()


def _wait(pid: int, descriptor: int) -> None:
    if descriptor >= 0:
        select.select([descriptor], [], [])
    else:
        while psutil.pid_exists(pid):
            time.sleep(1)
    _end()
    time.sleep(END_SECONDS)
    os._exit(1)


def _end() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def find_leftovers(root: Path) -> list[psutil.Process]:
    """Return processes of an earlier service on the home `root`. Call this only while no service runs there."""
    mine = {os.getpid(), *(one.pid for one in psutil.Process().children(recursive=True))}
    mine |= {one.pid for one in psutil.Process().parents()}
    return [one for one in psutil.process_iter() if one.pid not in mine and _belongs_to(one, root)]


def _belongs_to(process: psutil.Process, root: Path) -> bool:
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        environment = process.environ()
        if SERVICE_HOME in environment:
            return environment[SERVICE_HOME] == str(root)
        ours = environment.get("PREFECT_HOME") == str(root / "prefect")
        return ours and any(program in " ".join(process.cmdline()) for program in PROGRAMS)
    except psutil.Error:
        return False  # it belongs to another user, or it has just ended


def describe(processes: list[psutil.Process]) -> str:
    """Return process ids with shortened commands, for a message."""
    shown = []
    for process in processes[:6]:
        try:
            words = process.cmdline()
        except psutil.Error:
            continue
        shown.append(f"{process.pid} ({' '.join(words[1:4]) or process.pid})")
    rest = f" and {len(processes) - 6} more" if len(processes) > 6 else ""
    return ", ".join(shown) + rest


def end(processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Tell processes to stop, and kill those that still run after `seconds`. Return the killed ones."""
    for process in processes:
        try:
            process.terminate()
        except psutil.NoSuchProcess:
            continue
    stubborn = wait(processes, seconds)
    for process in stubborn:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    wait(stubborn, KILL_SECONDS)
    return stubborn


def wait(processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Wait until processes have ended. Return those that still run after `seconds`.

    A zombie counts as ended: it has ended, but its parent has not read its exit status.
    """
    deadline = time.monotonic() + seconds
    while (left := [process for process in processes if is_alive(process)]) and time.monotonic() < deadline:
        time.sleep(0.1)
    return left


def is_alive(process: psutil.Process) -> bool:
    """Return whether the process runs and is not a zombie."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
