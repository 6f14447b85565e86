"""README: every block of code runs as it stands, and what it says it prints and draws is there."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.xdist_group("readme")  # one process runs all blocks
ROOT = Path(__file__).parents[1]
BLOCKS = re.findall(r"^## ([^\n]*)\n(?:(?!^## ).)*?```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S | re.M)
"""The first block under every heading; no heading has two."""
CHECKS = {
    "Quickstart": """
losses = [float(line.split()[3].rstrip(",")) for line in printed if line.startswith("update")]
assert len(losses) == 4 and losses[-1] < 0.5 * losses[0], losses
assert plt.gca().get_xlabel() and plt.gca().get_ylabel()
""",
    "Masks and resets": """
assert final_state.shape == (2, 8) and ys.shape == (3, 2, 8)
assert bool(jnp.allclose(run(cell, params, xs)[1][2:], ys))
""",
    "Inside flax": """
assert ys.shape == model(xs).shape == (5, 2, 8)
assert all(bool(jnp.any(leaf)) for leaf in jax.tree.leaves(gradient))
""",
    "What is in it": "assert state.h.shape == (2, 8)",
}
RUNNER = """
import builtins, json, pathlib, sys, traceback
show, failures = print, {}
for heading, code, check in json.loads(sys.argv[1]):
    names = {"__name__": "__main__", "printed": (printed := [])}
    builtins.print = lambda *words, **options: (printed.append(" ".join(map(str, words))), show(*words, **options))
    try:
        exec(compile(code, "README", "exec"), names)
        exec(compile(check, "what README says of it", "exec"), names)
    except Exception:
        failures[heading] = traceback.format_exc()
pathlib.Path("failures.json").write_text(json.dumps(failures))
"""


def test_every_block_is_tested():
    assert {heading for heading, _ in BLOCKS} == set(CHECKS)
    assert (ROOT / "README.md").read_text().count("```python") == len(BLOCKS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where all blocks have run, one after the other in one process, each knowing only the names that it makes itself."""
    path = tmp_path_factory.mktemp("blocks")
    command = [sys.executable, "-c", RUNNER, json.dumps([(*block, CHECKS[block[0]]) for block in BLOCKS])]
    done = subprocess.run(command, cwd=path, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr
    return path


@pytest.mark.parametrize(("heading", "code"), BLOCKS, ids=[heading for heading, _ in BLOCKS])
def test_a_block_runs_and_does_what_the_text_says(heading, code, folder):
    failures = json.loads((folder / "failures.json").read_text())
    assert heading not in failures, failures[heading]
    if "savefig" in code:
        assert (folder / "decay.png").stat().st_size > 5000


def test_the_links_inside_lead_somewhere():
    text = (ROOT / "README.md").read_text()
    headings = {re.sub(r"[^a-z0-9 -]", "", line.lower()).replace(" ", "-") for line in re.findall(r"^## (.*)$", text, re.M)}
    assert set(re.findall(r"\]\(#([^)]*)\)", text)) <= headings
    files = [link for link in re.findall(r"\]\(([^)#]*)\)", text) if "://" not in link]
    assert [link for link in files if not (ROOT / link).exists()] == []
