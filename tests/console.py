"""`shardgan` in a process that runs one command after the other, because importing everything takes seconds."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# One JSON list of arguments per line in, one line [exit status, what was printed] out.
PROGRAM = """
import io, json, sys
from flows.cli import main
answers = sys.stdout
for line in sys.stdin:
    sys.argv = ["-c", *json.loads(line)]
    sys.stdout = sys.__stdout__ = printed = io.StringIO()
    try:
        main()
    except SystemExit as end:
        print(json.dumps([end.code, printed.getvalue()]), file=answers, flush=True)
"""
OURS = ("PREFECT_", "MLFLOW_", "_MLFLOW_", "SHARDGAN_")


class Console:
    """The running process; `words` are placeholders in commands, and what they stand for."""

    def __init__(self, process: "subprocess.Popen[str]", words: Mapping[str, str]) -> None:
        self.process = process
        self.words = words

    def ask(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        """Run one command; returns its exit status and its one JSON object."""
        assert self.process.stdin
        assert self.process.stdout
        words = [self.words.get(word, word) for word in arguments]
        print(json.dumps([*words, "--json"]), file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        assert answer, f"the process ended at {words}"
        status, printed = json.loads(answer)
        assert printed, f"{words} ended with {status} and printed nothing: see the file `stderr`"
        return status, json.loads(printed)

    def run(self, *arguments: str) -> dict[str, Any]:
        """Run one command, which must succeed; returns its one JSON object."""
        status, outcome = self.ask(*arguments)
        assert status == 0, (arguments, outcome)
        return outcome


def user_environment(home: Path) -> dict[str, str]:
    """The variables of a user with this home, who has set nothing else."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return kept | {"SHARDGAN_HOME": str(home)}


@contextmanager
def open_console(
    folder: Path, environment: Mapping[str, str], python: Path = Path(sys.executable), words: Mapping[str, str] = {}
) -> Iterator[Console]:
    """Run commands in `folder` with the interpreter `python`; errors are printed into the file `stderr` there."""
    with (
        (folder / "stderr").open("w") as errors,
        subprocess.Popen(
            [str(python), "-c", PROGRAM],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        yield Console(process, words)
