"""The ten sentences of docs/compressed-data.md: every figure stands in the page that the sentence links to."""

import re
from pathlib import Path

DOCS = Path(__file__).parents[4] / "docs"


def test_every_figure_of_the_ten_sentences_stands_in_the_linked_page() -> None:
    text = (DOCS / "compressed-data.md").read_text().split("## In ten sentences")[1].split("\n##")[0]
    sentences = re.findall(r"^\d+\. .*(?:\n +.*)*", text, re.MULTILINE)
    assert len(sentences) == 10
    for sentence in sentences:
        (link,) = re.findall(r"\]\((.*?)\)", sentence)
        said = re.sub(r"^\d+\.|`.*?`|\(.*?\)|(JPEG|WebP|AVIF) \d+|\d+ pixels", "", " ".join(sentence.split()))
        figures = re.findall(r"\d+", said)
        assert figures, sentence
        for figure in figures:
            assert re.search(rf"\b{figure}\b", (DOCS / link).read_text()), f"{figure} is not in {link}"
