"""Every Python example in the README and the docs runs, as a newcomer would run it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SNIPPETS = [
    pytest.param(snippet, id=f"{page.name}-{number}")
    for page in PAGES
    for number, snippet in enumerate(re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.S | re.M), 1)
]


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_an_example_runs_as_it_is_printed(snippet: str, tmp_path: Path) -> None:
    (tmp_path / "example.py").write_text(snippet)

    ended = subprocess.run(
        [sys.executable, "example.py"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )

    assert ended.returncode == 0, ended.stderr


def test_the_first_example_ends_rolled_back(tmp_path: Path) -> None:
    [first] = SNIPPETS[0].values
    (tmp_path / "example.py").write_text(str(first))

    ended = subprocess.run(
        [sys.executable, "example.py"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )

    assert ended.stdout.splitlines()[-1] == "rolled_back"
    assert not (tmp_path / "ann.txt").exists()
