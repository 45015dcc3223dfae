"""The table of faults is written anew by each run; what stands below it stays."""

from pathlib import Path

from tests.faults.table import Row, Table


def test_other_sections_survive_the_rows(tmp_path: Path) -> None:
    path = tmp_path / "faults.md"
    table = Table(str(path))
    table.add(Row("power cut", "-", "nothing lost", 1.0, passed=True))
    assert path.read_text().endswith("| yes |\n")
    below = "\n## Attacks\n\n| a | b |\n\n## Load\n\nmuch\n"
    path.write_text(path.read_text() + below)
    table.add(Row("flood", "-", "all wet", 2.0, passed=False))
    text = path.read_text()
    assert text.endswith("| **no** |\n" + below)
    assert text.count("# Faults") == 1
