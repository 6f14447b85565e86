"""README: every block of code runs as it stands, and what it says it prints and draws is there."""

import re

import pytest
from blocks import ROOT, blocks_of, failures_of

pytestmark = pytest.mark.xdist_group("readme")  # one process runs all blocks
BLOCKS = blocks_of("README.md")
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
    "In other projects": """
assert logits.shape == (5, 4, 2) and not jnp.allclose(logits[3, 0], logits[3, 1])
assert state_dict["weight_ih_l0"].shape == (24, 3) and all(map(jnp.array_equal, params, cell.init(jax.random.key(1))))
""",
    "What is in it": "assert state.h.shape == (2, 8)",
}


def test_every_block_is_tested():
    assert set(BLOCKS) == set(CHECKS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the blocks run, and leave what they draw."""
    return tmp_path_factory.mktemp("blocks")


@pytest.fixture(scope="module")
def failures(folder):
    return failures_of(BLOCKS, CHECKS, folder)


@pytest.mark.parametrize("heading", BLOCKS)
def test_a_block_runs_and_does_what_the_text_says(heading, folder, failures):
    assert heading not in failures, failures[heading]
    if "savefig" in BLOCKS[heading]:
        assert (folder / "decay.png").stat().st_size > 5000


def test_the_links_inside_lead_somewhere():
    text = (ROOT / "README.md").read_text()
    headings = {re.sub(r"[^a-z0-9 -]", "", line.lower()).replace(" ", "-") for line in re.findall(r"^## (.*)$", text, re.M)}
    assert set(re.findall(r"\]\(#([^)]*)\)", text)) <= headings
    files = [link for link in re.findall(r"\]\(([^)#]*)\)", text) if "://" not in link]
    assert [link for link in files if not (ROOT / link).exists()] == []
