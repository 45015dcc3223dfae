"""The registered model as its consumers meet it: in a bare environment, over HTTP, and with wrong requests."""

import base64
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tasks.home import home
from tasks.registry.versions import REQUIREMENTS
from tests.environments import link_packages, make_environment


def test_the_same_request_gives_the_same_bytes(model: Any) -> None:
    request = pd.DataFrame({"num_images": [3, 2], "seed": [1, 2], "label": [-1, 0]})
    first, second = model.predict(request), model.predict(request)
    assert list(first["image"]) == list(second["image"])
    assert first["label"].tolist() == [0, 1, 0, 0, 0]
    assert first["seed"].tolist() == [1, 1, 1, 2, 2]
    assert len(set(first["image"])) == 5


def test_the_example_of_the_readme_works(served_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (Path(__file__).parents[4] / "README.md").read_text()
    (block,) = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    code = block.replace("sqlite:////path/to/.shardgan/mlflow.db", home().tracking_uri).replace("digits@", "m@")
    assert "models:/m@champion" in code
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    exec(code, {})
    assert len(list(tmp_path.glob("*.png"))) == 16


def test_an_image_is_the_same_bytes_whatever_else_is_asked_for(model: Any) -> None:
    alone = model.predict(pd.DataFrame({"num_images": [1], "seed": [7]}))
    many = model.predict(pd.DataFrame({"num_images": [5, 40], "seed": [3, 7]}))
    assert many["image"][5] == alone["image"][0]
    assert list(many["image"][5:]) == list(model.predict(pd.DataFrame({"num_images": [40], "seed": [7]}))["image"])


@pytest.mark.parametrize(("name", "kind"), [("png", "PNG"), ("jpeg", "JPEG"), ("webp", "WEBP")])
def test_images_come_in_the_format_asked_for(model: Any, name: str, kind: str) -> None:
    (image,) = model.predict(pd.DataFrame({"num_images": [1], "seed": [0], "format": [name]}))["image"]
    with Image.open(io.BytesIO(image)) as decoded:
        assert (decoded.format, decoded.size) == (kind, (16, 16))


def test_webp_keeps_the_pixels_and_truncation_takes_the_variety(model: Any) -> None:
    def pixels(**columns: object) -> Any:
        table = pd.DataFrame({"num_images": [4], "seed": [0], "label": [0]} | {k: [v] for k, v in columns.items()})
        return np.stack([np.asarray(Image.open(io.BytesIO(image))) for image in model.predict(table)["image"]])

    full = pixels()
    assert np.array_equal(pixels(format="webp"), full)
    assert np.array_equal(pixels(truncation=1.0), full)
    assert 0 == pixels(truncation=0.0).std(axis=0).max() < full.std(axis=0).max()


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"num_images": 0}, "num_images is 0"),
        ({"num_images": 10**6}, "1 to 100000"),
        ({"seed": -1}, "seed is -1; expected 0 to"),
        ({"label": 7}, "label is 7"),
        ({"truncation": 1.5}, "truncation is 1.5; expected 0 to 1"),
        ({"format": "gif"}, "format is 'gif'; expected png, jpeg, webp"),
    ],
)
def test_a_request_out_of_bounds_is_refused(model: Any, columns: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        model.predict(pd.DataFrame([{"num_images": 1, "seed": 0} | columns]))


def test_a_table_asks_for_no_more_than_one_row_may(model: Any) -> None:
    with pytest.raises(ValueError, match="120000 in all rows together"):
        model.predict(pd.DataFrame({"num_images": [60_000, 60_000], "seed": [0, 1]}))


CONSUMER = """
import sys
import mlflow
import pandas as pd
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model("models:/m@champion")
images = model.predict(pd.DataFrame({"num_images": [4], "seed": [7], "truncation": [0.5], "format": ["webp"]}))
assert images["image"][0].startswith(b"RIFF"), images
ours = {"shards", "models", "tasks", "flows", "shardgan", "onnx", "prefect", "webdataset", "kornia"}
assert not ours & {name.partition(".")[0] for name in sys.modules}, "one of our packages was loaded"
for name in ours:
    try:
        __import__(name)
    except ModuleNotFoundError:
        continue
    raise AssertionError(f"{name} is on the path: this test shows nothing")
print(len(images))
"""


def test_the_champion_loads_in_a_bare_environment(served_home: Path, tmp_path: Path) -> None:
    link_packages(make_environment(tmp_path / "bare"), REQUIREMENTS)
    python = tmp_path / "bare" / "bin" / "python"
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "MLFLOW_DISABLE_TELEMETRY": "true"}
    environment |= {"MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"}
    done = subprocess.run(
        [python, "-c", CONSUMER, home().tracking_uri],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "4"
    assert list(served_home.rglob("*.pkl")) == []


SERVER_SECONDS = 120.0


@contextmanager
def serving(uri: str, log: Path) -> Iterator[str]:
    """`mlflow models serve` as a process of its own on a free port of this machine; gives its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", uri, "-p", str(port), "-h", "127.0.0.1"]
    environment = os.environ | {"MLFLOW_TRACKING_URI": home().tracking_uri, "PATH": search_path()}
    with log.open("wb") as output:
        server = subprocess.Popen(
            [*command, "--env-manager", "local"],
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            wait_until_it_answers(f"http://127.0.0.1:{port}/ping", server, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            with suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def search_path() -> str:
    """This interpreter's programs first: MLflow starts uvicorn by name."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])


def wait_until_it_answers(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + SERVER_SECONDS
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)


def test_the_champion_answers_over_http(served_home: Path, model: Any, tmp_path: Path) -> None:
    rows = [
        {"num_images": 2, "seed": 7, "label": 1, "truncation": 0.5, "format": "jpeg"},
        {"num_images": 1, "seed": 8, "label": -1, "truncation": 1.0, "format": "webp"},
    ]
    with serving("models:/m@champion", tmp_path / "server.log") as address:
        asked = urllib.request.Request(
            f"{address}/invocations",
            json.dumps({"dataframe_records": rows}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(asked, timeout=60) as answer:
            given = json.load(answer)["predictions"]
        assert [(row["seed"], row["label"]) for row in given] == [(7, 1), (7, 1), (8, 0)]
        images = [base64.b64decode(row["image"]) for row in given]
        assert images == list(model.predict(pd.DataFrame(rows))["image"])
        assert [Image.open(io.BytesIO(image)).format for image in images] == ["JPEG", "JPEG", "WEBP"]

        asked.data = json.dumps({"dataframe_records": [rows[0] | {"truncation": 2.0}]}).encode()
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(asked, timeout=60)
        with refused.value as answer:
            assert "truncation is 2.0; expected 0 to 1" in answer.read().decode()
