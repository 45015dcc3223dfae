"""Makes the artefacts in this folder with the code of commit COMMIT; README.md tells more.

    python tests/data/first_wave/make.py

Everything is made under WORK and then copied beside this file. The paths in the artefacts therefore begin with WORK,
and tests/test_compatibility.py replaces them when it lays the home out at another place.
"""

import base64
import importlib
import io
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import typing
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image, ImageDraw

HERE = Path(__file__).parent
COMMIT = "7f6f5f1c24b9ace7c446190fdddf432d42415687"
WORK = Path("/tmp/shardgan-first-wave")
CODE, HOME, SOURCE, SETTINGS = WORK / "code", WORK / "home", WORK / "source", HERE / "settings.yaml"
# Exported graphs name the files of the libraries that made them: by this link, not by where they are on a machine.
PYTHON = str(WORK / "venv" / "bin" / "python")
CLI = [PYTHON, "-c", "from flows.cli import main; main()"]
# The time of every source file: an unchanged file is known by its name, size and time, and Git keeps no times.
MODIFIED_NS = 1_767_225_600 * 10**9
# Builds of the same source that go through other parts of the code; only their hashes are kept.
RECIPES = {
    "original": ["--encoding", "original"],
    "webp": ["--encoding", "webp:80", "--shape", "fit", "--background", "#102030", "--duplicates", "near"],
    "frames": ["--encoding", "png", "--frames", "all", "--shape", "stretch", "--channels", "1", "--labels", "none"],
    "crops": ["--encoding", "jpeg:40:420", "--resolution", "16", "--shape", "random_crop", "--resample", "box"],
    "small": ["--encoding", "gif", "--samples-per-shard", "5", "--duplicates", "pixels", "--alpha", "drop"],
}
# The command that was stopped in the middle; the test gives it again.
STOPPED = ["train", "--config", "SETTINGS", "--seed", "2", "train.nimg=1200", "train.health.score_ticks=0"]
STOPPED_VAEGAN = [*STOPPED, "--family", "vaegan"]
GENERATE = ["generate", "--model", "models:/first/1", "--dataset", "made", "--num-images", "12", "workers=1"]
LOAD = """
import base64, json, mlflow, pandas
table = mlflow.pyfunc.load_model("models:/first@champion").predict(
    pandas.DataFrame({"num_images": [8], "seed": [7], "format": ["png"]}))
print(json.dumps([[base64.b64encode(row.image).decode(), int(row.label)] for row in table.itertuples()]))
"""


def check_out() -> None:
    """The code of that commit in CODE, and a link to this environment."""
    CODE.mkdir(parents=True)
    (WORK / "venv").symlink_to(sys.prefix)
    archive = subprocess.run(["git", "-C", str(HERE.parents[2]), "archive", COMMIT], capture_output=True, check=True)
    subprocess.run(["tar", "-x", "-C", str(CODE)], input=archive.stdout, check=True)
    sys.path.insert(0, str(CODE))


def draw(rng: np.random.Generator, bright: bool, size: tuple[int, int]) -> Image.Image:
    """A few ellipses and lines on a plain ground."""
    low, high = (128, 256) if bright else (0, 128)
    image = Image.new("RGB", size, tuple(map(int, rng.integers(low, high, 3))))
    pen = ImageDraw.Draw(image)
    for _ in range(4):
        (left, right), (top, bottom) = np.sort(rng.integers(0, size, (2, 2)), axis=0).T.tolist()
        pen.ellipse((left, top, right, bottom), fill=tuple(map(int, rng.integers(low, high, 3))))
        pen.line((top, left, right, bottom), fill=tuple(map(int, rng.integers(low, high, 3))), width=2)
    return image


def draw_source() -> None:
    """28 files in two classes: every format, some oddities, a broken file and a duplicate."""
    rng = np.random.default_rng(16)
    formats = [("jpg", {"quality": 90}), ("png", {}), ("gif", {}), ("webp", {"quality": 80})]
    for index in range(18):
        name, (extension, options) = ("bright" if index % 2 else "dark"), formats[index // 2 % 4]
        path = SOURCE / name / f"{index:02d}.{extension}"
        path.parent.mkdir(parents=True, exist_ok=True)
        draw(rng, name == "bright", (32, 32)).save(path, **options)
    bright, dark = SOURCE / "bright", SOURCE / "dark"
    rotated = Image.Exif()
    rotated[0x0112] = 6
    draw(rng, True, (48, 32)).save(bright / "rotated.jpg", quality=85, exif=rotated)
    draw(rng, False, (40, 56)).convert("CMYK").save(dark / "cmyk.jpg", quality=85)
    draw(rng, True, (32, 32)).convert("L").save(bright / "grey.png")
    see_through = draw(rng, False, (36, 36)).convert("RGBA")
    see_through.putalpha(draw(rng, True, (36, 36)).convert("L"))
    see_through.save(dark / "alpha.png")
    draw(rng, True, (64, 40)).quantize(16).save(bright / "palette.png")
    frames = [draw(rng, False, (32, 32)) for _ in range(3)]
    frames[0].save(dark / "animation.gif", save_all=True, append_images=frames[1:], duration=100)
    shutil.copy(bright / "01.jpg", bright / "copy.jpg")
    Image.open(bright / "03.png").save(bright / "same-pixels.webp", lossless=True)
    (dark / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nthis is not a picture")
    whole = (dark / "00.jpg").read_bytes()
    (dark / "cut-off.jpg").write_bytes(whole[: len(whole) // 2])
    for path in SOURCE.rglob("*.*"):
        os.utime(path, ns=(MODIFIED_NS, MODIFIED_NS))


def environment() -> dict[str, str]:
    """The variables of a user who has set SHARDGAN_HOME and nothing else."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "MLFLOW_"))}
    scratch = WORK / "tmp"
    scratch.mkdir(parents=True, exist_ok=True)
    # Without bytecode: Python would write it beside the code in a registered version.
    own = {"PYTHONPATH": str(CODE), "SHARDGAN_COMMIT": COMMIT, "PYTHONDONTWRITEBYTECODE": "1"}
    return kept | own | {"SHARDGAN_HOME": str(HOME), "TMPDIR": str(scratch)}


def command_of(arguments: list[str]) -> list[str]:
    return [*CLI, *(str(SETTINGS) if word == "SETTINGS" else word for word in arguments)]


def output_of(command: list[str]) -> str:
    done = subprocess.run(command, env=environment(), cwd=WORK, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{command} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return done.stdout


def shardgan(*arguments: str) -> dict[str, Any]:
    """Run one command to its end; returns its one JSON object."""
    print("shardgan", *arguments, flush=True)
    return json.loads(output_of(command_of([*arguments, "--json"])))


def stop_in_the_middle(arguments: list[str], known: set[Path]) -> dict[str, Any]:
    """Start a training and tell it to stop after its third tick; returns what the test needs to find it again."""
    print("shardgan", *arguments, "(to be stopped)", flush=True)
    child = subprocess.Popen(command_of(arguments), env=environment(), cwd=WORK, stderr=subprocess.DEVNULL)
    while True:
        (run,) = list(set((HOME / "runs").iterdir()) - known) or [None]
        stats = run / "stats.jsonl" if run else None
        if stats and stats.exists() and stats.read_bytes().count(b"\n") >= 3:
            break
        time.sleep(0.02)
    child.send_signal(signal.SIGTERM)
    child.wait()
    status = json.loads((run / "status.json").read_text())
    if status["state"] != "resumable":
        sys.exit(f"{run} was to be stopped in the middle, but its status is {status}")
    return {"arguments": arguments, "run": run.name, "nimg": status["nimg"]}


def facts_of(manifest: Path) -> dict[str, Any]:
    """What must come out the same."""
    content = json.loads(manifest.read_text())
    names = ("version", "counts", "labels", "num_samples_by_split", "shardlist", "libraries")
    return {name: content[name] for name in names}


def build_recipes() -> dict[str, Any]:
    facts = {}
    for name, arguments in RECIPES.items():
        words = ["--dataset", name, "--resolution", "32", "--workers", "1", "--val-fraction", "0.2", *arguments]
        built = json.loads(output_of([PYTHON, "-m", "shards", str(SOURCE), str(WORK / "recipes"), *words]))
        facts[name] = {"arguments": words, **facts_of(Path(built["manifest"]))}
    return facts


def generate_as_a_consumer() -> None:
    """What the champion makes of one request, as one picture: 8 images side by side."""
    variables = environment() | {"MLFLOW_TRACKING_URI": f"sqlite:///{HOME / 'mlflow.db'}"}
    done = subprocess.run([PYTHON, "-c", LOAD], env=variables, capture_output=True, text=True, check=True)
    rows = json.loads(done.stdout)
    images = [np.asarray(Image.open(io.BytesIO(base64.b64decode(image)))) for image, _ in rows]
    Image.fromarray(np.concatenate(images, axis=1)).save(HERE / "generated.png")


def describe_deployments() -> list[dict[str, Any]]:
    """Every deployment of deploy/prefect.yaml with its flow's name, entrypoint and a full set of parameters."""
    required = {"source": str(SOURCE), "dataset": "first", "model": "first", "why": "sharper"}
    required["shard"] = {"source": str(SOURCE), "dataset": "first"}
    described = []
    for deployment in yaml.safe_load((CODE / "deploy" / "prefect.yaml").read_text())["deployments"]:
        module, _, name = deployment["entrypoint"].rpartition(".")
        flow = getattr(importlib.import_module(module), name)
        config = typing.get_type_hints(flow.fn)["config"]
        given = {key: required[key] for key, field in config.model_fields.items() if field.is_required()}
        described.append(
            {
                "name": f"{flow.name}/{deployment['name']}",
                "entrypoint": deployment["entrypoint"],
                "work_pool": deployment["work_pool"],
                "parameter_names": sorted(flow.parameters.properties),
                "parameters": {"config": config.model_validate(given).model_dump(mode="json")},
            }
        )
    return described


def dump_database(database: Path, target: Path) -> None:
    """An SQLite file as SQL text, which is smaller, and in which paths can be replaced."""
    with closing(sqlite3.connect(database)) as tables:
        target.write_text("".join(f"{line}\n" for line in tables.iterdump()))


def keep_home() -> None:
    """Copy what belongs to the artefacts: not Prefect's own database, caches, nor large pictures."""
    made_anew = ("prefect", "features", "reports", "report", "generated", "locks", "*.lock", "mlflow.db*")
    passing = shutil.ignore_patterns(*made_anew, "contact_sheet.png", "augmented.png")
    for name, source, ignore in (("home", HOME, passing), ("source", SOURCE, None)):
        shutil.rmtree(HERE / name, ignore_errors=True)
        shutil.copytree(source, HERE / name, ignore=ignore)
    shutil.rmtree(HERE / "home" / "datasets" / "made" / ".builds")
    dump_database(HOME / "mlflow.db", HERE / "home" / "mlflow.sql")


def main() -> None:
    shutil.rmtree(WORK, ignore_errors=True)
    check_out()
    draw_source()
    expected: dict[str, Any] = {"source_modified_ns": MODIFIED_NS}
    expected["plan"] = shardgan("run", "--config", "SETTINGS", "--dry-run")
    expected["pipeline"] = shardgan("run", "--config", "SETTINGS")
    expected["second"] = shardgan("train", "--config", "SETTINGS", "--seed", "1")
    expected["promotion"] = shardgan("promote", "--model", "models:/first/2", "--why", "a second champion")
    expected["stopped"] = {}
    for name, arguments in (("dcgan", STOPPED), ("vaegan", STOPPED_VAEGAN)):
        expected["stopped"][name] = stop_in_the_middle(arguments, set((HOME / "runs").iterdir()))
    expected["generated"] = {"arguments": GENERATE, "outcome": shardgan(*GENERATE)}
    expected["lineage"] = shardgan("lineage", "models:/first@champion")
    version = expected["pipeline"]["build"]["version"]
    expected["dataset"] = facts_of(HOME / "datasets" / "first" / version / "manifest.json")
    expected["recipes"] = build_recipes()
    generate_as_a_consumer()
    keep_home()
    shown = output_of([*CLI, "show-config", "--config", str(SETTINGS)])
    (HERE / "show-config.yaml").write_text(shown)
    (HERE / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
    deployments = {"deployments": describe_deployments()}
    (HERE / "deployments.json").write_text(json.dumps(deployments, indent=1) + "\n")


if __name__ == "__main__":
    main()
