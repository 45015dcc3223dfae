"""`python -m tests.wrong_requests`: each wrong request as a command of its own, and how long its refusal takes.

Writes benchmarks/results/wrong-requests.md. Returns 1 if a request was not refused in one sentence, or left a file.
"""

import os
import platform
import subprocess
import sys
import tempfile
import time
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from PIL import Image

SHARDGAN = Path(sys.executable).with_name("shardgan")
RESULTS = Path("benchmarks/results/wrong-requests.md")
LEFT_OUT = ("PREFECT_API_URL", "PREFECT_HOME", "SHARDGAN_AUTH", "MLFLOW_TRACKING_URI")
BUILD = ["build", "--dataset", "d", "--source"]
RUN = ["run", "--dataset", "d", "--source", "pictures"]


def make_sources(folder: Path) -> None:
    """One good source and many bad ones."""
    for name in ("pictures", "empty", "hollow/inner"):
        (folder / name).mkdir(parents=True)
    Image.new("RGB", (16, 16), "red").save(folder / "pictures" / "a.png")
    (folder / "notes.txt").write_text("no images here")
    with zipfile.ZipFile(folder / "whole.zip", "w") as archive:
        archive.write(folder / "pictures" / "a.png", "a.png")
    (folder / "cut.zip").write_bytes((folder / "whole.zip").read_bytes()[:60])
    zipfile.ZipFile(folder / "nothing.zip", "w").close()
    (folder / "cut.tar.gz").write_bytes(b"\x1f\x8b\x08\x00")
    (folder / "rows.csv").write_text("name,colour\na.png,red\n")
    (folder / "list.yaml").write_text("- a\n- b\n")
    (folder / "broken.yaml").write_text("a: [1\n")
    (folder / "typo.yaml").write_text("shard: {source: pictures, dataset: d}\ntrain: {nmig: 5}\n")


WRONG = [
    # sources
    ([*BUILD, "nowhere"], "'nowhere', which does not exist"),
    ([*BUILD, "empty"], "'empty', which is empty"),
    ([*BUILD, "hollow"], "'hollow', which is empty"),
    ([*BUILD, "notes.txt"], "'notes.txt' is of an unknown kind"),
    ([*BUILD, "cut.zip"], "cut.zip"),
    ([*BUILD, "nothing.zip"], "'nothing.zip', which is empty"),
    ([*BUILD, "cut.tar.gz"], "cut.tar.gz"),
    ([*BUILD, "rows.csv"], "rows.csv"),
    ([*BUILD, "*.heic"], "'*.heic'"),
    ([*BUILD, "pictures", "shard.screen=verdicts.parquet"], "shard.screen is 'verdicts.parquet'"),
    ([*BUILD, "pictures", "shard.screen=models:/nosuch@champion"], "there is no model 'models:/nosuch@champion'"),
    # settings
    (["build", "--source", "pictures"], "shard.dataset is missing: give --shard.dataset"),
    (["build", "--dataset", "d"], "shard.source is missing"),
    (["build", "--source", "pictures", "--dataset", "Odd Name"], "lower-case letters"),
    ([*BUILD, "pictures", "--resolution", "many"], "shard.resolution is 'many': input should be a valid integer"),
    ([*BUILD, "pictures", "--resolution", "0"], "shard.resolution is 0"),
    ([*BUILD, "pictures", "--encoding", "jpg"], "encoding 'jpg' is unknown"),
    ([*BUILD, "pictures", "--encoding", "jpeg:101"], "jpeg:101"),
    ([*BUILD, "pictures", "--workers", "-1"], "shard.workers is -1"),
    ([*BUILD, "pictures", "shard.val_fraction=2"], "shard.val_fraction is 2"),
    ([*BUILD, "pictures", "shard.frames=every"], "shard.frames is 'every'"),
    ([*BUILD, "pictures", "shard.shape=round"], "shard.shape is 'round': input should be"),
    ([*BUILD, "pictures", "shard.colour=1"], "shard.colour is not a setting"),
    ([*BUILD, "pictures", "shard.source.name=1"], "shard.source.name: source is a value and has no settings in it"),
    ([*BUILD, "pictures", "resolution"], "'resolution' is not an override; expected NAME=VALUE"),
    ([*BUILD, "pictures", "--config", "missing.yaml"], "--config missing.yaml: No such file"),
    ([*BUILD, "pictures", "--config", "broken.yaml"], "--config broken.yaml is not valid YAML"),
    ([*BUILD, "pictures", "--config", "list.yaml"], "--config list.yaml does not contain a mapping"),
    ([*RUN, "--config", "typo.yaml"], "did you mean train.nimg?"),
    ([*RUN, "train.nmig=5"], "train.nmig is not a setting; did you mean train.nimg?"),
    ([*RUN, "--resolution", "40"], "resolution 40"),
    ([*RUN, "--family", "stylegan"], "train.family is 'stylegan': input should be 'auto', 'dcgan'"),
    ([*RUN, "--nimg", "0"], "train.nimg is 0: input should be greater than or equal to 1"),
    ([*RUN, "--model", "a/b"], "model is 'a/b'"),
    ([*RUN, "overlap=maybe"], "overlap is 'maybe'"),
    ([*RUN, "data.mode=fast"], "data.mode is 'fast'"),
    ([*RUN, "train.preset=r9"], "train.preset is 'r9'"),
    ([*RUN, "evaluate.feature_net=inception"], "feature_net inception needs a weights file"),
    ([*RUN, "evaluate.input_size=10"], "input_size 10 is too small for a feature net"),
    ([*RUN, "promote.min_classifier_gain=0"], "evaluate.classifier_nimg is 0"),
    ([*RUN, "promote.max_memorised=0.1", "evaluate.num_train=0"], "evaluate.num_train is 0"),
    (["study", "--source", "pictures", "--dataset", "d", "--codecs", "[png, jpg]"], "encoding 'jpg' is unknown"),
    (["study", "--source", "empty", "--dataset", "d"], "'empty', which is empty"),
    # datasets and models
    (["train", "--dataset", "unknown"], "There is no dataset 'unknown'"),
    (["train", "--dataset", "nowhere/manifest.json"], "nowhere/manifest.json"),
    (["train", "--dataset", "d", "--seed", "-1"], "train.seed is -1"),
    (["evaluate", "--model", "nosuch"], "there is no model 'nosuch'"),
    (["evaluate", "--model", "models:/a/b/c"], "model is 'models:/a/b/c': expected models:/name/3"),
    (["evaluate", "--model", "nosuch", "--num-images", "2"], "evaluate.num_images is 2"),
    (["promote", "--model", "nosuch", "--why", "sharper"], "there is no model 'nosuch'"),
    (["promote", "--model", "nosuch"], "why is missing"),
    (["rollback", "--model", "nosuch"], "there is no model 'models:/nosuch@champion'"),
    (["generate", "--model", "nosuch", "--dataset", "d"], "there is no model 'nosuch'"),
    (["generate", "--model", "nosuch", "--dataset", "d", "truncation=2"], "truncation is 2"),
    (["screen", "--source", "nowhere", "--model", "nosuch"], "'nowhere', which does not exist"),
    (["screen", "--source", "pictures", "--model", "nosuch"], "there is no model 'nosuch'"),
    (["screen", "--source", "pictures", "--model", "nosuch", "--allow", "friends.txt"], "allow is 'friends.txt'"),
    (["sign", "nosuch"], "there is no model 'nosuch'"),
    (["lineage", "nosuch"], "there is no model 'nosuch'"),
    # verbs
    (["show", "nosuch"], "there is no 'nosuch'"),
    (["show", "models:/nosuch/1"], "there is no 'models:/nosuch/1'"),
    (["compare"], "nothing is named: give at least two models"),
    (["compare", "nosuch", "other"], "there is no 'nosuch'"),
    (["export", "nosuch"], "there is no 'models:/nosuch@challenger'"),
    (["export", "nosuch", "--truncation", "2"], "truncation is 2"),
    (["export"], "model is missing"),
    (["delete"], "nothing is named"),
    (["delete", "nosuch", "--yes"], "there is no 'nosuch'"),
    (["undo"], "the trash is empty"),
    (["undo", "nosuch"], "there is no 'nosuch' in the trash"),
    # the service
    (["up", "--host", "0.0.0.0"], "SHARDGAN_AUTH=name:password"),
    (["up", "nightly_cron=sometimes"], "nightly_cron is 'sometimes': 1 field(s) given; expected minute, hour"),
    (["up", "timezone=Mars/Olympus"], "timezone is 'Mars/Olympus'"),
    (["up", "nightly=missing.yaml"], "missing.yaml: No such file"),
    (["up", "nightly=typo.yaml"], "did you mean train.nimg?"),
    (["setup", "prefect_port=0"], "prefect_port is 0"),
    (["doctor", "timeout_seconds=0"], "timeout_seconds is 0"),
    (["worker"], "pool is missing"),
]


class Answer(NamedTuple):
    """How a command ended."""

    status: int
    said: str
    seconds: float
    cpu_seconds: float


def ask(arguments: list[str], folder: Path) -> Answer:
    """Run `shardgan` in `folder`, with a home there that does not exist yet."""
    environment = {name: value for name, value in os.environ.items() if name not in LEFT_OUT}
    environment |= {"SHARDGAN_HOME": str(folder / "home")}
    began, before = time.monotonic(), os.times()
    done = subprocess.run(
        [SHARDGAN, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    seconds, after = time.monotonic() - began, os.times()
    cpu_seconds = after.children_user + after.children_system - before.children_user - before.children_system
    return Answer(done.returncode, done.stderr + done.stdout, seconds, cpu_seconds)


def main() -> int:
    """Ask every wrong request once, print a line each, and write the table."""
    load, rows, bad = os.getloadavg()[0], [], 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_sources(folder)
        before = sorted(folder.rglob("*"))
        ask(["--version"], folder)  # so that compiled files are there
        for arguments, message in WRONG:
            answer = ask(arguments, folder)
            refused = answer.status == 2 and message in answer.said and "Traceback" not in answer.said
            clean = sorted(folder.rglob("*")) == before
            bad += not (refused and clean)
            sentence = answer.said.strip().splitlines()[-1].replace(name, ".").replace("|", "\\|")
            verdict = "yes" if refused and clean else "**no**"
            command = " ".join(arguments).replace("|", "\\|")
            rows.append(f"| `{command}` | {answer.seconds:.2f} | {answer.cpu_seconds:.2f} | {verdict} | {sentence} |")
            print(rows[-1], flush=True)
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    lines = [
        "# Wrong requests: how long a refusal takes",
        "",
        "`python -m tests.wrong_requests`",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, commit {commit.stdout.strip()}, {os.cpu_count()} cores, "
        f"load average {load:.1f} before and {os.getloadavg()[0]:.1f} after, Python {platform.python_version()}.",
        "",
        f"{len(rows)} requests: {len(rows) - bad} refused with one sentence and status 2, with nothing left behind.",
        "",
        "| shardgan … | seconds | of them CPU | refused | the last line that it said |",
        "|---|---:|---:|---|---|",
        *rows,
    ]
    RESULTS.write_text("\n".join(lines) + "\n")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
