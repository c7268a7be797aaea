"""The measuring itself: a small run takes every figure and prints the document."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.limits import ACTS, PAGES


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_quick_run_prints_every_figure(root: Path) -> None:
    document = root / "docs" / "performance.md"
    before = document.read_bytes()
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick"],
        cwd=root,
        capture_output=True,
        check=False,
        text=True,
        timeout=560,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "300 parties" in done.stdout
    for limit in PAGES.values():
        figures = re.search(
            rf"^\| {re.escape(limit.what)} \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \| (\d+) \|", done.stdout, re.MULTILINE
        )
        assert figures, limit.what
        assert float(figures[1]) > 0, limit.what
    for limit in ACTS.values():
        assert re.search(rf"^\| {re.escape(limit.what)} \| [\d.]+ \|", done.stdout, re.MULTILINE), limit.what
    assert re.search(r"its worker's memory, warm, MB \| \d{2,3} \|", done.stdout)
    assert re.search(r"import of 300 parties, s \| [\d.]+ \|", done.stdout)
    assert "/" + "tmp" not in done.stdout
    assert document.read_bytes() == before
