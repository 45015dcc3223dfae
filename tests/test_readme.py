"""README and docs/ are correct: links lead to files, make targets exist, and the command line accepts each command."""

import importlib.util
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").rglob("*.md"))]
MOST_README_LINES = 130
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
# Files of the reader, which the pages do not bring.
FILES = {
    "mine.yaml": "shard: {source: pictures, dataset: mine}\n",
    "service.yaml": "gpu_workers: 2\n",
    "good.txt": "0" * 64 + "\n",
}
DONE, WRONG = 0, 2
# Errors of a dry run without the reader's images, datasets and models. Flags and settings have been checked before.
MISSING = ("RequestError", "DatasetError", "RegistryError", "SourceError", "ReadError")


def blocks(page: Path, language: str) -> list[str]:
    return [body for name, body in BLOCK.findall(page.read_text()) if name == language]


def commands(page: Path) -> Iterator[list[str]]:
    """The words of each shell command of a page, without assignments before it and redirections behind it."""
    for block in blocks(page, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            for command in shlex.join(shlex.split(line, comments=True)).split(" '&&' "):
                words = shlex.split(command)
                while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                    words.pop(0)
                if words:
                    yield list(takewhile(lambda word: word != ">", words))


def commands_of(program: str) -> list[list[str]]:
    found = {shlex.join(words): words for page in PAGES for words in commands(page) if words[0] == program}
    return list(found.values())


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and mkdocs name them."""
    prose = BLOCK.sub("", page.read_text())
    headings = re.findall(r"^#+ (.*)", prose, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files_and_headings(page: Path) -> None:
    for link in LINK.findall(BLOCK.sub("", page.read_text())):
        if link.startswith("https://"):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), f"{page.name} links to {link}, which does not exist"
        assert not anchor or anchor in anchors(target), f"{page.name} links to {link}, but there is no such heading"


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) < MOST_README_LINES


def test_the_map_of_the_readme_names_every_room() -> None:
    (block,) = [body for body in blocks(ROOT / "README.md", "") if body.startswith("flows/")]
    named = set(re.findall(r"(\w+)/", block))
    packages = [ROOT / name for name in ("flows", "tasks", "models", "shards")]
    rooms = {path.parent.name for package in packages for path in package.glob("*/__init__.py")}
    missing = sorted((rooms | {package.name for package in packages}) - named)
    assert not missing, f"the map of the repository in README.md leaves out {missing}"


def test_make_targets_exist() -> None:
    targets = {word for words in commands_of("make") for word in words[1:] if "=" not in word}
    assert {"demo", "test", "up", "lock"} <= targets
    for target in sorted(targets):
        done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_python_programs_exist() -> None:
    for words in commands_of("python") + commands_of(".venv/bin/python"):
        if words[1] == "-m":
            assert importlib.util.find_spec(words[2]), shlex.join(words)
        named = [word for word in words[1:] if word.endswith(".py")]
        assert all((ROOT / name).exists() for name in named), shlex.join(words)


@pytest.fixture
def reader(tmp_path: Path, home_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of somebody who follows the pages. Their pictures are missing, so that plans do not measure speeds."""
    (tmp_path / "deploy").symlink_to(ROOT / "deploy")
    for name, content in FILES.items():
        (tmp_path / name).write_text(content)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.filterwarnings("ignore:Cyclopts application invoked without tokens")
@pytest.mark.parametrize("words", commands_of("shardgan"), ids=shlex.join)
def test_the_command_line_accepts_each_command(
    words: list[str], reader: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from flows.cli.app import main
    from flows.cli.dry_run import STAGED

    expanded = [word.replace("~", str(reader)) for word in words]
    flags = ("--dry-run", "--json", "--no-estimate") if words[1] in STAGED else ("--dry-run", "--json")
    extra = [flag for flag in flags if flag not in words]
    monkeypatch.setenv("SHARDGAN_AUTH", "team:a-long-password")
    monkeypatch.setattr(sys, "argv", expanded + extra)
    with pytest.raises(SystemExit) as ended:
        main()
    printed = capfd.readouterr()
    if ended.value.code != DONE:
        assert ended.value.code == WRONG, printed.err
        assert printed.out, printed.err
        assert json.loads(printed.out)["kind"] in MISSING, printed.err
