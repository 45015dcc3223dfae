"""The command line: progress on stderr, one JSON object on stdout, three exit statuses."""

import json
from pathlib import Path

import pytest

from shards.__main__ import main


def test_outcome_is_the_only_thing_on_stdout(
    collection: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [str(collection), str(tmp_path / "root"), "--dataset", "pets", "--resolution", "16", "--workers", "1"]
    assert main(command) == 0
    printed = capsys.readouterr()
    outcome = json.loads(printed.out)
    assert (outcome["seen"], outcome["kept"], outcome["reused"]) == (44, 40, False)
    assert "decoding 44/44" in printed.err
    assert main(command) == 0
    assert json.loads(capsys.readouterr().out)["reused"]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--dataset", "No!"], "--dataset 'No!'"),
        (["--dataset", "x", "--resolution", "5"], "--resolution 5"),
        (["--dataset", "x", "--resolution", "32by16"], "--resolution '32by16'"),
        (["--dataset", "x", "--resolution", "32x16", "--shape", "keep_aspect"], "shards: shape keep_aspect keeps"),
        (["--dataset", "x", "--encoding", "bmp"], "Use original, jpeg:Q"),
    ],
)
def test_wrong_request_is_status_2(
    flags: list[str], message: str, collection: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(collection), str(tmp_path / "root"), *flags]) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert not printed.out
    assert not (tmp_path / "root").exists()


def test_missing_source_is_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "none"), str(tmp_path / "root"), "--dataset", "x"]) == 2
    assert "does not exist" in capsys.readouterr().err


def test_storage_that_fails_is_status_1(collection: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "root").write_text("a file where a folder is needed")
    assert main([str(collection), str(tmp_path / "root"), "--dataset", "x"]) == 1
    assert "Could not write under" in capsys.readouterr().err
