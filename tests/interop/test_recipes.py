"""docs/flax.md, docs/exporting.md and docs/weights.md: every block runs as it stands, and does what the page says."""

import pytest
from blocks import blocks_of, failures_of

BLOCKS = blocks_of("docs/flax.md") | blocks_of("docs/exporting.md") | blocks_of("docs/weights.md")
PEERS = {"Inside equinox", "Inside haiku"}
CHECKS = {
    "A module of linen": """
names = {"input_kernel", "recurrent_kernel", "bias"}
assert {"forward", "backward"} == set(params["encoder"]) and set(params["encoder"]["forward"]) == names
assert decayed["encoder"]["forward"] == {name: name != "bias" for name in names}
assert train_state.step == 1 and not jnp.array_equal(train_state.params["Dense_0"]["kernel"], params["Dense_0"]["kernel"])
assert jnp.allclose(y_t, cell.apply(variables, xs)[1][0])
""",
    "A module of nnx": """
assert losses[-1] < losses[0] and logits.shape == (5, 4, 2)
assert jnp.allclose(y_t, model.core(xs)[1][0])
""",
    "Cells of flax here": """
assert ys.shape == (30, 4, 4) and not ys[12:, 1].any() and ys[:12, 1].all()
assert decay.total.shape == (31, 4)
""",
    "A recurrent policy": """
assert logits.shape == (1, 2, 3) and value.shape == (1, 2) and state.shape == (2, 16)
assert all(leaf.any() for leaf in jax.tree.leaves(gradient["params"]["core"]))
""",
    "A step, and the loop outside": """
assert jnp.allclose(ys, recurrent.unroll(cell, params, xs)[1])
""",
    "A run": """
assert ys.shape == (9, 4, 2) and not ys[:, 1].any()
assert ys[:, 0].all() and jnp.allclose(ys[:3, 2], ys[:3, 0])
""",
    "A training step": """
assert train_state.step == after["step"] == 3 and isinstance(train_state.params, recurrent.cells.GRUParams)
assert program.call(plain(train_state), batch)[1]["loss"] < metrics["loss"]
""",
    "From torch and back": """
import pathlib
assert ys.shape == (5, 4, 16) and pathlib.Path("gru.safetensors").stat().st_size > 5000
assert all(map(np.array_equal, jax.tree.leaves(params), jax.tree.leaves(again)))
assert {"weight_ih_l0", "bias_hh_l1_reverse"} < set(state_dict)
""",
    "From flax, haiku and equinox": """
assert jnp.allclose(ys, model.apply(variables, xs), atol=1e-6) and ys.any()
""",
    "As a model of ONNX": """
assert jax.tree.map(lambda a: a.shape, params) == jax.tree.map(lambda a: a.shape, cell.init(jax.random.key(0)))
names = [value.name for value in (*load_onnx("lstm.onnx").graph.input, *load_onnx("lstm.onnx").graph.output)]
assert names == ["X", "sequence_lens", "Y", "Y_h_0", "Y_c_0"]
""",
    "Inside equinox": """
import numpy as np
def loss(params):
    return jnp.mean(recurrent.unroll(model.cell, params, xs, lengths=lengths)[1] ** 2)
expected = jax.grad(loss)(model.params)
assert jax.tree.structure(gradient.params) == jax.tree.structure(expected)
assert all(np.allclose(a, b, atol=1e-6) for a, b in zip(gradient.params, expected)) and expected.bias.any()
""",
    "Inside haiku": """
import numpy as np
def loss(lstm, gru):
    return jnp.mean(recurrent.unroll(cell, (lstm, gru), xs, lengths=lengths)[1] ** 2)
fields = recurrent.cells.LSTMParams, recurrent.cells.GRUParams
arguments = [kind(*(params["core"][f"{place}.{name}"] for name in kind._fields)) for place, kind in enumerate(fields)]
for place, expected in enumerate(jax.grad(loss, argnums=(0, 1))(*arguments)):
    for name in expected._fields:
        assert np.allclose(gradient["core"][f"{place}.{name}"], getattr(expected, name), atol=1e-6), name
assert len(params["core"]) == 6 and params["core"]["0.bias"][8:16].all()
""",
}


def run(names, folder):
    return failures_of({name: BLOCKS[name] for name in BLOCKS if name in names}, CHECKS, folder)


def test_every_block_is_tested():
    assert set(BLOCKS) == set(CHECKS)


def test_blocks_for_flax_and_export(tmp_path, monkeypatch):
    monkeypatch.setenv("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")  # they compile far more than they run
    assert run(set(CHECKS) - PEERS, tmp_path) == {}


@pytest.mark.peers
def test_blocks_for_equinox_and_haiku(tmp_path):
    assert run(PEERS, tmp_path) == {}
