"""Names from elsewhere cannot write to a terminal, break out of Markdown, or carry a password along."""

import pytest

from tasks.reports.printable import for_markdown, for_terminal, without_password

HOSTILE = (
    "\x1b]0;owned\x07\x1b[2J\u202egnp.exe\r\n| [x](javascript:alert(1)) <img src=x onerror=alert(1)> `code` **bold**"
)


def test_a_terminal_is_told_nothing() -> None:
    shown = for_terminal(HOSTILE)
    assert not any(letter in shown for letter in "\x1b\x07\r\u202e\x9b")
    assert r"\x1b]0;owned\x07" in shown
    assert for_terminal("Ünïcode 例 – fine") == "Ünïcode 例 – fine"


def test_markdown_stays_text() -> None:
    shown = for_markdown(HOSTILE)
    assert "\n" not in shown
    for part in (" | [x](", " <img", " `code`", " **bold**"):
        assert part not in shown
    assert for_markdown("digits-r3_64: better, 12.5% (by hand)") == "digits-r3_64: better, 12.5% (by hand)"


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("postgresql://team:word@db.example.org:5432/mlflow", "postgresql://***@db.example.org:5432/mlflow"),
        ("https://user:a@b@example.org/x", "https://***@example.org/x"),
        ("sqlite:////home/a@b/mlflow.db", "sqlite:////home/a@b/mlflow.db"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
    ],
)
def test_passwords_in_uris_are_not_shown(uri: str, shown: str) -> None:
    assert without_password(uri) == shown
