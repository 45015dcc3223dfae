"""Numbers as a person reads them."""

from datetime import UTC, datetime, timedelta

import pytest

from tasks.tracking.inventory.words import age_words, count_words, duration_words, score_words, size_words


@pytest.mark.parametrize(
    ("size", "words"),
    [(0, "0 B"), (999, "999 B"), (1_000, "1.0 KB"), (92_160, "92.2 KB"), (999_600, "1.0 MB"), (2**40, "1.1 TB")],
)
def test_sizes(size: int, words: str) -> None:
    assert size_words(size) == words


def test_counts_durations_and_scores() -> None:
    assert [count_words(one) for one in (4_509, 200_000, 1_500_000)] == ["4,509", "200k", "1.5M"]
    assert [duration_words(one) for one in (3, 200, 7_200, 200_000)] == ["3 s", "3 min", "2 h", "2 d"]
    now = datetime(2026, 1, 2, tzinfo=UTC)
    assert age_words(now - timedelta(hours=5), now) == "5 h ago"
    assert age_words(now + timedelta(hours=5), now) == "now"
    assert score_words(43.92941, (43.1, 44.72)) == "43.93 (43.1 to 44.72)"
