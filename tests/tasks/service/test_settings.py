"""What the service's processes are told, and what is refused."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.errors import RequestError
from tasks.home import Auth, find_service, home, read_password
from tasks.service.processes import login_links, programs
from tasks.service.settings import (
    ServiceConfig,
    announce,
    check_exposure,
    choose_auth,
    database_url,
    is_loopback,
)

PASSWORD = "a-long-enough-one"


def environments(config: ServiceConfig, auth: Auth | None) -> dict[str, dict[str, str]]:
    """What each program is told, by its name."""
    return {program.name: program.environment for program in programs(config, auth)}


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "localhost", "::1"])
def test_loopback_needs_no_password(host: str) -> None:
    assert is_loopback(host)
    check_exposure(ServiceConfig(host=host))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "gan.example.org", "localhost.example.org"])
def test_other_addresses_are_refused_without_a_password(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RequestError, match="SHARDGAN_AUTH=name:password"):
        check_exposure(ServiceConfig(host=host))
    monkeypatch.setenv("SHARDGAN_AUTH", f"team:{PASSWORD}")
    check_exposure(ServiceConfig(host=host))


def test_a_short_password_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHARDGAN_AUTH", "team:secret")
    with pytest.raises(RequestError, match="6 characters") as caught:
        check_exposure(ServiceConfig())
    assert "secret" not in str(caught.value)


def test_with_a_password_both_servers_ask_for_it(home_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHARDGAN_AUTH", f"team:{PASSWORD}")
    auth = choose_auth(ServiceConfig())
    started = environments(ServiceConfig(), auth)
    assert started["prefect"]["PREFECT_SERVER_API_AUTH_STRING"] == f"team:{PASSWORD}"
    assert started["mlflow"]["SHARDGAN_AUTH"] == f"team:{PASSWORD}"
    assert PASSWORD not in str(login_links(ServiceConfig(), auth))  # it is not ours to show
    assert not home().password_file.exists()


def test_without_a_password_one_is_made_that_only_its_owner_can_read(home_dir: Path) -> None:
    config = ServiceConfig()
    auth = choose_auth(config)
    assert auth is not None
    assert len(auth.password) >= 40
    assert home().password_file.stat().st_mode & 0o777 == 0o600
    assert choose_auth(config) == auth  # kept: a browser stays logged in
    started = environments(config, auth)
    for name in ("prefect", "mlflow", "cpu", "gpu"):
        assert started[name]["SHARDGAN_AUTH"] == f"shardgan:{auth.password}"
    assert all(auth.password in link for link in login_links(config, auth).values())
    home().password_file.chmod(0o644)
    assert read_password(home()) is None
    assert choose_auth(config) != auth  # others may have read it
    assert choose_auth(ServiceConfig(login=False)) is None


def test_a_login_that_is_off_is_for_this_machine_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    check_exposure(ServiceConfig(login=False))
    monkeypatch.setenv("SHARDGAN_AUTH", f"team:{PASSWORD}")
    for host in ("127.0.0.1", "0.0.0.0"):
        with pytest.raises(RequestError, match="login is off"):
            check_exposure(ServiceConfig(login=False, host=host))


def test_state_lies_under_the_home_or_in_database_and_bucket(home_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = environments(ServiceConfig(), None)
    assert started["mlflow"]["MLFLOW_BACKEND_STORE_URI"] == f"sqlite:///{home_dir}/mlflow.db"
    assert started["mlflow"]["MLFLOW_ARTIFACTS_DESTINATION"] == (home_dir / "mlartifacts").as_uri()
    assert started["cpu"]["PREFECT_HOME"] == f"{home_dir}/prefect"

    monkeypatch.setenv("SHARDGAN_DATABASE_URL", "postgresql://gan:pw@db:5433")
    monkeypatch.setenv("SHARDGAN_HOME", "s3://bucket/team")
    started = environments(ServiceConfig(), None)
    assert started["mlflow"]["MLFLOW_BACKEND_STORE_URI"] == "postgresql://gan:pw@db:5433/mlflow"
    assert started["mlflow"]["MLFLOW_ARTIFACTS_DESTINATION"] == "s3://bucket/team/mlartifacts"
    connection = started["prefect"]["PREFECT_SERVER_DATABASE_CONNECTION_URL"]
    assert connection == "postgresql+asyncpg://gan:pw@db:5433/prefect"
    assert started["gpu"]["SHARDGAN_HOME"] == "s3://bucket/team"
    assert not any("pw" in value for value in started["gpu"].values())


@pytest.mark.parametrize("url", ["mysql://db", "postgresql://gan:hidden@db/other", "postgresql:", "db"])
def test_what_is_no_postgres_server_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHARDGAN_DATABASE_URL", url)
    with pytest.raises(RequestError, match="without a database") as caught:
        database_url("prefect")
    assert "hidden" not in str(caught.value)


def test_commands_find_the_service_of_their_home_while_it_runs(home_dir: Path) -> None:
    config = ServiceConfig(prefect_port=4321, mlflow_port=5432)
    assert find_service(home()) == {}
    with announce(config, home()):
        script = "import tasks.home as h; print(h.find_service(h.home())['MLFLOW_TRACKING_URI'])"
        environment = os.environ | {"SHARDGAN_HOME": str(home_dir)}
        asked = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
        assert asked.stdout.strip() == "http://127.0.0.1:5432", asked.stderr
        with pytest.raises(RequestError, match=r"already runs on"), announce(config, home()):
            pass
    assert find_service(home()) == {}


def test_several_gpu_workers_have_names_of_their_own(home_dir: Path) -> None:
    names = [program.name for program in programs(ServiceConfig(gpu_workers=3), None)]
    assert names == ["prefect", "mlflow", "cpu", "gpu.0", "gpu.1", "gpu.2", "set-up"]
