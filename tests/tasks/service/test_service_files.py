"""The files by which commands find a service and its password: put in their place by others, or written in part."""

import os
import stat
import threading
from pathlib import Path

import pytest

from tasks.home import find_service, home, make_password, read_password
from tasks.service.settings import ServiceConfig, announce


def put_nothing(path: Path) -> None:
    """What a full disk or a kill may leave."""
    path.touch(mode=0o600)


def put_pipe(path: Path) -> None:
    """Whoever opens it waits until somebody writes."""
    os.mkfifo(path, 0o600)


def put_link(path: Path) -> None:
    """A private file of the same owner that looks like a password."""
    other = path.with_name("other")
    other.touch(mode=0o600)
    other.write_text("name:of-something-else")
    path.symlink_to(other)


def put_loop(path: Path) -> None:
    path.symlink_to(path)


def put_readable(path: Path) -> None:
    path.write_text("shardgan:known-to-everybody")
    path.chmod(0o644)


@pytest.mark.parametrize("put", [put_nothing, put_pipe, put_link, put_loop, put_readable])
def test_what_stands_in_the_passwords_place_is_not_believed_but_replaced(put, home_dir: Path) -> None:  # type: ignore[no-untyped-def]
    home_dir.mkdir()
    put(home().password_file)
    assert read_password(home()) is None
    made = make_password(home())
    assert read_password(home()) == made
    facts = home().password_file.lstat()
    assert stat.S_ISREG(facts.st_mode)
    assert stat.S_IMODE(facts.st_mode) == 0o600
    assert len(made.password) >= 40
    assert {path.name for path in home_dir.iterdir()} <= {"service.password", "other"}


def test_a_service_that_has_not_written_its_address_yet_is_waited_for(home_dir: Path) -> None:
    with announce(ServiceConfig(), home()):
        address = home().service_file.read_text()
        home().service_file.write_text("")
        threading.Timer(0.2, home().service_file.write_text, [address]).start()
        assert find_service(home())["MLFLOW_TRACKING_URI"] == "http://127.0.0.1:5000"


def test_an_address_that_is_never_written_is_told(home_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.home.ADDRESS_SECONDS", 0.1)
    with announce(ServiceConfig(), home()):
        home().service_file.write_text('{"prefect": ')
        with pytest.raises(ValueError, match=r"has no valid addresses .*start `shardgan up` again"):
            find_service(home())
