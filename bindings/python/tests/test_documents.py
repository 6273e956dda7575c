"""The example and the guide say what is true."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def engine():
    """Runs what is shown once, as it is."""


def test_the_example_runs(tmp_path):
    command = [sys.executable, str(ROOT / "examples" / "kv.py"), str(tmp_path / "db")]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert told.returncode == 0, told.stderr
    assert "Ada Lovelace" in told.stdout


@pytest.mark.parametrize("page", ["docs/python.md", "bindings/python/README.md"])
def test_the_code_of_a_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    assert blocks
    scope = {"__name__": "page"}
    for block in blocks:
        exec(compile(block, page, "exec"), scope)
