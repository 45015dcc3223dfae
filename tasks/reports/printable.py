"""Text from elsewhere (names of classes, files, models), made fit for where it is shown: a terminal, or Markdown."""

import re
from urllib.parse import urlsplit, urlunsplit

_MARKDOWN = re.compile(r"([\\`*\[\]<>|])")


def for_terminal(text: str) -> str:
    """The text with what a terminal would obey, or read backwards, written out: escape sequences, bells, overrides."""
    return "".join(one if one.isprintable() or one == "\n" else repr(one)[1:-1] for one in text)


def for_markdown(text: str) -> str:
    """The text on one line, with what Markdown would read as markup, a table's border or HTML escaped."""
    return _MARKDOWN.sub(r"\\\1", " ".join(for_terminal(text).split()))


def without_password(uri: str) -> str:
    """The URI as it may be shown and kept: user and password left out."""
    parts = urlsplit(uri)
    if "@" not in parts.netloc:
        return uri
    return urlunsplit(parts._replace(netloc=f"***@{parts.netloc.rpartition('@')[2]}"))
