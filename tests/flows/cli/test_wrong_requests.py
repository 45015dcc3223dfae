"""Wrong requests over all commands: refused with one sentence and exit status 2 before anything starts."""

import sys
from pathlib import Path

import pytest

from tests.wrong_requests import BUILD, RUN, WRONG, ask, make_sources


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with one good source and many bad ones, which no refused request may change."""
    make_sources(tmp_path)
    return tmp_path


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
    answer = ask(arguments, place)
    print(f"shardgan {' '.join(arguments)}: {answer.seconds:.1f} s")
    assert answer.status == 2
    assert message in answer.said
    assert "Traceback" not in answer.said
    assert "server" not in answer.said.lower() or message in answer.said.splitlines()[-1]
    assert sorted(place.rglob("*")) == before
