"""A hook of mkdocs: the site consists of files of the repository under their own paths.

So one link works in both places. The page of settings is filled in from the settings themselves.
"""

import html
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
INCLUDED = (
    "*.md",
    "LICENSE",
    "docs/*.md",
    "docs/tasks/*.md",
    "docs/*.css",
    "docs/*.png",
    "docs/*.webp",
    "benchmarks/results/*",
    "deploy/examples/*",
)
LINE = re.compile(r"(?P<indent> *)(?P<key>\w+):(?: (?P<value>[^ ].*?))?  # (?P<meaning>.*)")
TABLE = ("", "| setting | default | meaning |", "|---|---|---|")
SETTINGS_MARK = "<!-- show-config -->"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Replace what mkdocs found under docs/ by the files of `INCLUDED`, named by their path in the repository."""
    kept = [file for file in files if file.src_dir != config.docs_dir]
    paths = sorted({path for pattern in INCLUDED for path in ROOT.glob(pattern)})
    ours = [File.generated(config, str(path.relative_to(ROOT)), abs_src_path=str(path)) for path in paths]
    return Files(kept + ours)


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put the settings into their page, and leave the width of the page to the tables of measurements."""
    if page.file.src_uri.startswith("benchmarks/"):
        page.meta["hide"] = ["toc"]
    if SETTINGS_MARK not in markdown:
        return markdown
    command = [sys.executable, "-c", "from flows.cli import main; main()", "show-config"]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return markdown.replace(SETTINGS_MARK, settings_as_tables(shown))


def settings_as_tables(shown: str) -> str:
    """Markdown tables, one for each section, from the YAML lines `key: value  # meaning` of `shardgan show-config`."""
    heads, rows, path = {"": "## The run as a whole"}, defaultdict[str, list[str]](list), list[str]()
    for match in filter(None, map(LINE.match, shown.splitlines())):
        path[len(match["indent"]) // 2 :] = [match["key"]]
        name, meaning = ".".join(path), html.escape(match["meaning"], quote=False)
        if match["value"]:
            shielded = meaning.replace("|", "\\|").replace("`", "&#96;")
            rows[".".join(path[:-1])].append(f"| `{name}` | `{match['value']}` | {shielded} |")
        else:
            heads[name] = f"## {name}\n\n{meaning[:1].upper()}{meaning[1:].rstrip('.')}."
    order = [*filter(None, rows), ""]
    return "\n\n".join("\n".join([heads[section], *TABLE, *rows[section]]) for section in order)
