"""Wrong requests over all commands: refused with one sentence and exit status 2 before anything starts."""

import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from PIL import Image

SHARDGAN = Path(sys.executable).with_name("shardgan")
BUILD = ["build", "--dataset", "d", "--source"]
RUN = ["run", "--dataset", "d", "--source", "pictures"]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with one good source and many bad ones, which no refused request may change."""
    for name in ("pictures", "empty", "hollow/inner"):
        (tmp_path / name).mkdir(parents=True)
    Image.new("RGB", (16, 16), "red").save(tmp_path / "pictures" / "a.png")
    (tmp_path / "notes.txt").write_text("no images here")
    with zipfile.ZipFile(tmp_path / "whole.zip", "w") as archive:
        archive.write(tmp_path / "pictures" / "a.png", "a.png")
    (tmp_path / "cut.zip").write_bytes((tmp_path / "whole.zip").read_bytes()[:60])
    zipfile.ZipFile(tmp_path / "nothing.zip", "w").close()
    (tmp_path / "cut.tar.gz").write_bytes(b"\x1f\x8b\x08\x00")
    (tmp_path / "rows.csv").write_text("name,colour\na.png,red\n")
    (tmp_path / "list.yaml").write_text("- a\n- b\n")
    (tmp_path / "broken.yaml").write_text("a: [1\n")
    (tmp_path / "typo.yaml").write_text("shard: {source: pictures, dataset: d}\ntrain: {nmig: 5}\n")
    return tmp_path


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
    ([*RUN, "--family", "stylegan"], "train.family is 'stylegan': input should be 'dcgan'"),
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


@pytest.mark.parametrize(("arguments", "message"), WRONG, ids=lambda value: " ".join(value) if value else "")
def test_a_wrong_request_is_refused_in_one_sentence(
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    from flows.cli.app import main

    before = sorted(place.rglob("*"))
    monkeypatch.chdir(place)
    monkeypatch.setenv("SHARDGAN_HOME", str(place / "home"))
    monkeypatch.setattr(sys, "argv", ["shardgan", *arguments])
    for name in ("SHARDGAN_AUTH", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr().err
    assert ended.value.code == 2, said
    assert message in said
    assert "Traceback" not in said
    assert said.count("shardgan: ") == 1
    assert sorted(place.rglob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([*BUILD, "empty"], "'empty', which is empty"),
        ([*RUN, "train.nmig=5"], "did you mean train.nimg?"),
        (["evaluate", "--model", "nosuch"], "there is no model 'nosuch'"),
        (["up", "--host", "0.0.0.0"], "SHARDGAN_AUTH=name:password"),
        (["bild"], 'Did you mean "build"?'),
        (["list", "modles"], '"modles"'),
        ([*BUILD, "pictures", "--sauce", "x"], "--sauce"),
    ],
)
def test_a_wrong_request_starts_no_server(place: Path, arguments: list[str], message: str) -> None:
    before = sorted(place.rglob("*"))
    left_out = ("PREFECT_API_URL", "PREFECT_HOME", "SHARDGAN_AUTH", "MLFLOW_TRACKING_URI")
    environment = {name: value for name, value in os.environ.items() if name not in left_out}
    environment |= {"SHARDGAN_HOME": str(place / "home")}
    began = time.monotonic()
    done = subprocess.run(
        [SHARDGAN, *arguments], cwd=place, env=environment, capture_output=True, text=True, check=False
    )
    print(f"shardgan {' '.join(arguments)}: {time.monotonic() - began:.1f} s")
    assert done.returncode == 2
    assert message in done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    assert "server" not in done.stderr.lower() or message in done.stderr.splitlines()[-1]
    assert sorted(place.rglob("*")) == before
