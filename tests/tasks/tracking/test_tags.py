"""Tags of runs and versions: typed when they are read, unchanged in MLflow, and named in one file."""

import ast
from pathlib import Path

import pytest

from tasks.errors import RegistryError
from tasks.home import home
from tasks.tracking.runs import connect
from tasks.tracking.tags import RunTags, VersionTags, short_tags

ROOT = Path(__file__).parents[3]
# Events for automations have names of their own that begin alike.
NAMES_OF_EVENTS = {"tasks/flow_runs/announcements.py"}


def test_version_comes_back_as_it_was_written(home_dir: Path) -> None:
    client = connect(home())
    client.create_registered_model("m")
    version = client.create_model_version("m", f"file://{home_dir}/a", tags={"other": "kept", "run": "not ours"})
    written = VersionTags(
        run="r",
        nimg=8,
        nimg_seen=0,
        promoted=False,
        scores={"0a": "{}"},
        shown_scores={"FD-X": "1.5"},
        graph_sha256={"onnx": "b"},
        graph_difference={"onnx": "1e-07"},
    )
    written.write(client, version)
    version = client.get_model_version("m", version.version)
    assert version.tags == {
        "other": "kept",
        "run": "not ours",
        "shardgan.run": "r",
        "shardgan.nimg": "8",
        "shardgan.nimg_seen": "0",
        "gate.promoted": "false",
        "shardgan.scores.0a": "{}",
        "score.FD-X": "1.5",
        "shardgan.onnx.sha256": "b",
        "shardgan.onnx.max_abs_difference": "1e-07",
    }
    assert VersionTags.of(version) == written
    assert short_tags(version)["run"] == "r"


def test_only_given_fields_are_written() -> None:
    assert VersionTags(why="w").as_tags() == {"gate.why": "w"}
    assert RunTags(events={"diverged": "d"}).as_tags() == {"shardgan.event.diverged": "d"}


def test_missing_and_wrong_tags_are_told(home_dir: Path) -> None:
    client = connect(home())
    client.create_registered_model("m")
    version = client.create_model_version("m", f"file://{home_dir}/a", tags={"shardgan.nimg": "many"})
    with pytest.raises(RegistryError, match=r"models:/m/1: the tag shardgan\.nimg is 'many': .*integer"):
        VersionTags.of(version)
    client.delete_model_version_tag("m", version.version, "shardgan.nimg")
    with pytest.raises(RegistryError, match=r"models:/m/1 was not registered by shardgan: .* tag shardgan\.manifest"):
        VersionTags.of(client.get_model_version("m", version.version), "manifest")


def test_names_of_tags_stand_in_one_file() -> None:
    found = {}
    for folder in ("flows", "tasks", "models", "shards", "benchmarks"):
        for path in (ROOT / folder).rglob("*.py"):
            texts = [node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)]
            names = [text for text in texts if isinstance(text, str) and text.startswith(("shardgan.", "gate."))]
            if names and str(path.relative_to(ROOT)) not in NAMES_OF_EVENTS:
                found[str(path.relative_to(ROOT))] = names
    assert set(found) == {"tasks/tracking/tags.py"}, f"use a field of RunTags or VersionTags instead: {found}"
