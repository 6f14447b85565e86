"""docs/running.md: its blocks run on eight devices, and print what the page says."""

from blocks import blocks_of, failures_of

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
