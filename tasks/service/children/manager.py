"""Starts the programs of the service, shows their output, restarts dead workers, and ends all programs in order."""

import contextlib
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FrameType

import psutil

from tasks.service.children import parents
from tasks.tracking.telemetry.log_format import is_json, with_program

RESTART_SECONDS = 5.0
POLL_SECONDS = 0.2
SERVER_SECONDS = 20.0  # a server that is told to stop first answers its open requests
TRAINER_SECONDS = 40.0  # a trainer that is told to stop writes its checkpoint within 25 s
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Program:
    """One program of the service.

    `kind` says what happens when it ends: the end of a server ends the service, a worker is started again, and a `step`
    must end with exit code 0.
    """

    name: str
    command: list[str]
    environment: dict[str, str]
    kind: str = "worker"  # or server, step


class Manager:
    """Runs programs until a signal comes or one of them fails."""

    def __init__(self, programs: list[Program], on_step: Callable[[], None] = lambda: None) -> None:
        self.programs = programs
        self.on_step = on_step
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.due: dict[str, float] = {}  # dead workers, and the time when each is started again
        self.stopped_by = 0
        self.as_json = is_json()
        self.width = max(len(program.name) for program in programs)

    def run(self) -> str:
        """Run all programs. Return the reason if the service ended by itself, or an empty text if a signal ended it."""
        with self._catch_signals():
            try:
                for program in self.programs:
                    self._start(program)
                failure = ""
                while not failure and not self.stopped_by:
                    failure = self._look()
                    time.sleep(POLL_SECONDS)
            finally:
                self._end_all()
        return failure

    def _look(self) -> str:
        """Handle programs that have ended. Return the reason if the service must end."""
        for program in self.programs:
            if program.name in self.due and time.monotonic() >= self.due[program.name]:
                del self.due[program.name]
                self._start(program)
            child = self.running.get(program.name)
            if child is None or (code := child.poll()) is None:
                continue
            del self.running[program.name]
            if program.kind == "server":
                return f"the server {program.name} ended by itself ({code})"
            if program.kind == "step" and code:
                return f"the {program.name} failed ({code})"
            if program.kind == "step":
                self.on_step()
            else:
                self._say("service", f"{program.name} ended ({code}): it is started again in {RESTART_SECONDS:.0f} s")
                self.due[program.name] = time.monotonic() + RESTART_SECONDS
        return ""

    def _start(self, program: Program) -> None:
        # Each program has its own session: Ctrl-C in the terminal reaches only this process, which ends them in order.
        child = subprocess.Popen(
            program.command,
            env=program.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.running[program.name] = child
        threading.Thread(target=self._show, args=(program.name, child), daemon=True).start()

    def _show(self, name: str, child: "subprocess.Popen[bytes]") -> None:
        assert child.stdout is not None
        for line in child.stdout:
            self._say(name, line.decode(errors="replace").rstrip("\n"))

    def _say(self, name: str, text: str) -> None:
        # The terminal may be closed. The output of the programs must still be read.
        with contextlib.suppress(OSError, ValueError):
            line = (
                with_program(text, name)
                if self.as_json
                else f"{time.strftime('%H:%M:%S')} {name:<{self.width}} | {text}"
            )
            print(line, flush=True)

    def _end_all(self) -> None:
        """End the workers and all their children while the servers still accept reports. Then end the servers."""
        servers = {program.name for program in self.programs if program.kind == "server"} & set(self.running)
        if any("tasks.trainer.worker" in _words(one) for one in psutil.Process().children(recursive=True)):
            self._say("service", "waiting for the trainers to write their checkpoints")
        self._end(set(self.running) - servers, TRAINER_SECONDS)
        spared = {self.running[name].pid for name in servers}
        for pid in list(spared):
            with contextlib.suppress(psutil.NoSuchProcess):
                spared |= {one.pid for one in psutil.Process(pid).children(recursive=True)}
        everything = psutil.Process().children(recursive=True)
        left = [one for one in everything if one.pid not in spared and parents.is_alive(one)]
        for one in parents.end(left, TRAINER_SECONDS):
            self._say("service", f"process {one.pid} did not end in time and was killed")
        self._end(servers, SERVER_SECONDS)

    def _end(self, names: set[str], seconds: float) -> None:
        """Tell programs to stop, only once. A Prefect worker that is told twice stops without ending its runs."""
        for name in names:
            _terminate(self.running[name])
        deadline = time.monotonic() + seconds
        for name in names:
            try:
                self.running[name].wait(max(deadline - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                self._say("service", f"{name} did not end within {seconds:.0f} s and is killed")
                self.running[name].kill()
                self.running[name].wait()

    @contextlib.contextmanager
    def _catch_signals(self) -> Iterator[None]:
        before = {number: signal.getsignal(number) for number in SIGNALS}
        for number in SIGNALS:
            if before[number] is not signal.SIG_IGN or number != signal.SIGHUP:  # keep the effect of nohup
                signal.signal(number, self._stop)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        self.stopped_by = number


def _terminate(child: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(ProcessLookupError):
        child.terminate()


def _words(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []
