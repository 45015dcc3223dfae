"""What the doctor finds, and what it says to mend."""

from pathlib import Path

import pytest

from tasks.service.doctor import Finding, examine, look_at_mlflow, look_at_prefect, look_at_settings
from tasks.service.settings import DoctorConfig
from tests.conftest import free_ports

CONFIG = DoctorConfig()


def finding(findings: list[Finding], what: str) -> Finding:
    (found,) = [one for one in findings if one.what == what]
    return found


def test_a_fresh_home_is_sound(home_dir: Path) -> None:
    outcome = examine(CONFIG)
    assert [one for one in outcome.findings if one.verdict == "wrong"] == []
    assert outcome.sound
    assert finding(outcome.findings, "home").verdict == "ok"
    assert finding(outcome.findings, "packages").verdict == "ok"
    assert not list(home_dir.glob(".doctor*"))


def test_servers_that_are_away(home_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (port,) = free_ports(1)
    monkeypatch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{port}/api")
    (prefect,) = look_at_prefect(CONFIG)
    assert (prefect.verdict, prefect.mend) == ("wrong", "start it: run `shardgan up` on the machine of the service")
    assert finding(list(look_at_settings(CONFIG)), "servers").verdict == "warn"  # one of two
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
    (mlflow,) = look_at_mlflow(CONFIG)
    assert mlflow.verdict == "wrong"
    assert not examine(CONFIG).sound


def test_settings_that_are_wrong_are_told_without_their_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHARDGAN_AUTH", "team:shortone")
    monkeypatch.setenv("SHARDGAN_DATABASE_URL", "mysql://gan:hidden@db/x")
    findings = list(look_at_settings(CONFIG))
    assert finding(findings, "password").verdict == "wrong"
    assert finding(findings, "database").verdict == "wrong"
    assert not any(secret in one.model_dump_json() for one in findings for secret in ("shortone", "hidden"))
    monkeypatch.setenv("SHARDGAN_AUTH", "team")
    assert "name:password" in finding(list(look_at_settings(CONFIG)), "password").mend


def test_a_server_that_others_reach_needs_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHARDGAN_AUTH", raising=False)
    monkeypatch.setenv("PREFECT_API_URL", "http://gan.example.org:4200/api")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://gan.example.org:5000")
    assert finding(list(look_at_settings(CONFIG)), "password").verdict == "warn"


def test_a_home_that_cannot_be_written_to_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SHARDGAN_HOME", str(tmp_path / "file"))
    outcome = examine(CONFIG)
    assert not outcome.sound
    assert "FileExistsError" in finding(outcome.findings, "storage").found
