"""docs/running.md: its blocks run on eight devices, and print what the page says, which is how experiments are spread."""

import re
from pathlib import Path

from blocks import blocks_of, failures_of

from experiments.__main__ import all_names, load
from experiments.common.devices import PARTS

ROOT = Path(__file__).parents[2]
BLOCKS = blocks_of("docs/running.md")
CHECKS = {
    "A loop of your own": """
assert printed == ["8 devices, each receives 9220 bytes per step: 5120 of gradients, 4096 of states"], printed
losses = np.genfromtxt("log.csv", delimiter=",", names=True)
assert state.step == 50
""",
    "The time axis of linear recurrences": """
assert printed == [f"T = {length}: each device receives 8192 bytes" for length in (1024, 8192)], printed
assert bool(jnp.allclose(ys, recurrent.unroll(cell, params, xs)[1], atol=1e-4))
""",
}


def test_the_blocks_do_what_the_page_says(tmp_path, monkeypatch):
    monkeypatch.setenv("JAX_NUM_CPU_DEVICES", "8")
    assert set(BLOCKS) == set(CHECKS)
    failures = failures_of(BLOCKS, CHECKS, tmp_path)
    assert not failures, "\n".join(failures.values())


def test_the_page_says_how_each_experiment_is_spread():
    text = (ROOT / "docs" / "running.md").read_text()
    parts, batch, nothing = (
        set(re.findall(r"`(\w+)`", re.search(pattern, text, re.MULTILINE).group(1)))
        for pattern in (r"^\| parts .*?\| (.*)$", r"^\| the sequences .*?\| (`char_lm`.*)$", r"^(`benchmark`.*) train little")
    )
    found = {PARTS: set(), "batch_size": set(), None: set()}
    for name in all_names():
        found[load(name).spreads].add(name)
    assert found == {PARTS: parts, "batch_size": batch, None: nothing}
