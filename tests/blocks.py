"""Blocks of code in pages for users: they run as they stand, each followed by a check of what the page says of it."""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
RUNNER = """
import builtins, json, pathlib, sys, traceback
show, failures = print, {}
for heading, code, check in json.loads(sys.argv[1]):
    names = {"__name__": "__main__", "printed": (printed := [])}
    builtins.print = lambda *words, **options: (printed.append(" ".join(map(str, words))), show(*words, **options))
    try:
        exec(compile(code, heading, "exec"), names)
        exec(compile(check, f"what the page says of {heading}", "exec"), names)
    except Exception:
        failures[heading] = traceback.format_exc()
pathlib.Path("failures.json").write_text(json.dumps(failures))
"""


def blocks_of(page: str) -> dict[str, str]:
    """The one block of Python under each heading of a page that has one."""
    text = (ROOT / page).read_text()
    found = re.findall(r"^## ([^\n]*)\n(?:(?!^## ).)*?```python\n(.*?)```", text, re.S | re.M)
    assert text.count("```python") == len(found), f"a heading of {page} has several blocks, of which one would run"
    return dict(found)


def failures_of(blocks: dict[str, str], checks: dict[str, str], folder: Path) -> dict[str, str]:
    """Runs blocks one after the other in one process, each knowing only the names that it makes itself."""
    command = [sys.executable, "-c", RUNNER, json.dumps([(name, code, checks[name]) for name, code in blocks.items()])]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "failures.json").read_text())
