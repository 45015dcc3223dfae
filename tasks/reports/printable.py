"""Makes untrusted text (names of classes, files, models) safe to show in a terminal or in Markdown."""

import re
from urllib.parse import urlsplit, urlunsplit

_MARKDOWN = re.compile(r"([\\`*\[\]<>|])")


def for_terminal(text: str) -> str:
    """Write out what a terminal would interpret: escape sequences, bells, and characters that reverse the text."""
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
