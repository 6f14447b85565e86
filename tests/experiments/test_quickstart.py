"""The README's quickstart."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_quickstart_of_the_readme_runs(tmp_path):
    code = re.search(r"## Quickstart\n.*?```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    assert code is not None
    assert len([line for line in code[1].splitlines() if line.strip()]) <= 20
    done = subprocess.run([sys.executable, "-c", code[1]], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "decay.png").stat().st_size > 5000
