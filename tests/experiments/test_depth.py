"""Stacks of `depth` against the library's cells and numpy, their deleted and swapped layers, and a smoke run."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import depth
from experiments.common import handwritten
from experiments.common.command import main
from experiments.depth import lesions, networks
from recurrent import elman, emit_state, residual, stack, unroll
from recurrent.wrappers import dense_skip

pytestmark = [pytest.mark.xdist_group("depth"), pytest.mark.usefixtures("users_numerics")]

WIDTH, FEATURES, DEPTH = 3, 2, 4


def drawn(kind, number=1):
    """A layer, and networks stacked along the first axis; or one network."""
    layer = networks.make_stack(kind, FEATURES, WIDTH, DEPTH)
    found = networks.draw_stacks(kind, layer, jax.random.split(jax.random.key(0), number), WIDTH, DEPTH)
    return layer, found if number > 1 else jax.tree.map(lambda leaf: leaf[0], found)


def inputs():
    return jax.random.normal(jax.random.key(1), (5, 2, FEATURES))


def tanh_layer(params, xs):
    """One layer by a loop of numpy over time."""
    kernel, recurrent_kernel, bias = map(np.asarray, params)
    h, hs = np.zeros((xs.shape[1], len(bias))), []
    for x_t in np.asarray(xs):
        h = np.tanh(x_t @ kernel + h @ recurrent_kernel + bias)
        hs.append(h)
    return np.stack(hs)


def composed(network, order, skip):
    """The first layer and the blocks `order` above it, one by one."""
    ys = tanh_layer(network.cell.first, inputs())
    for block in order:
        ys = skip * ys + tanh_layer(jax.tree.map(lambda leaf, block=block: leaf[block], network.cell.blocks), ys)
    return ys


def block_of(network, index):
    return jax.tree.map(lambda leaf: leaf[index], network.cell.blocks)


@pytest.mark.parametrize(("kind", "wrap"), [("plain", lambda cell: cell), ("residual", residual)])
def test_a_stack_is_the_librarys_stack_of_cells(kind, wrap):
    layer, network = drawn(kind)
    cell = stack(elman(FEATURES, WIDTH), *[wrap(elman(WIDTH, WIDTH)) for _ in range(DEPTH - 1)])
    params = (network.cell.first, *[block_of(network, i) for i in range(DEPTH - 1)])
    np.testing.assert_allclose(layer.apply(network.cell, inputs())[1], unroll(cell, params, inputs())[1], atol=1e-6)


def test_the_dense_stack_is_dense_skip_with_all_outputs_joined():
    layer, network = drawn("dense")
    reads = [FEATURES + below * WIDTH for below in range(DEPTH)]
    blocks = [block_of(network, i) for i in range(DEPTH - 1)]
    used = [block._replace(input_kernel=block.input_kernel[:size]) for block, size in zip(blocks, reads[1:], strict=True)]
    cell = emit_state(dense_skip(*[elman(size, WIDTH) for size in reads]))
    _, states = unroll(cell, (network.cell.first, *used), inputs())
    np.testing.assert_allclose(layer.apply(network.cell, inputs())[1], jnp.concatenate(states, axis=-1), atol=1e-6)


def test_unused_parameters_of_the_dense_stack_are_0_have_no_gradient_and_are_not_counted():
    layer, network = drawn("dense")
    gradient = jax.grad(lambda stack: jnp.sum(layer.apply(stack, inputs())[1] ** 2))(network.cell)
    for i in range(DEPTH - 1):
        reads = FEATURES + (i + 1) * WIDTH
        for kernel in (network.cell.blocks.input_kernel[i], gradient.blocks.input_kernel[i]):
            assert (np.asarray(kernel[:reads]) != 0).all()
            np.testing.assert_array_equal(kernel[reads:], 0)
        assert np.abs(network.cell.blocks.input_kernel[i]).max() <= np.sqrt(6 / (reads + WIDTH)) + 1e-6  # glorot's bound
    exact = sum((FEATURES + below * WIDTH + WIDTH + 1) * WIDTH for below in range(DEPTH)) + (DEPTH * WIDTH + 1) * 10
    assert networks.count_used(drawn("dense", 2)[1]) == exact


@pytest.mark.parametrize(("kind", "skip"), [("plain", 0), ("residual", 1)])
@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2), (1, 0, 2), (2,), ()])
def test_deleting_and_swapping_leave_the_composition_of_the_other_blocks(kind, skip, order):
    layer, network = drawn(kind)
    changed = lesions.apply(kind, network, jnp.array(order, jnp.int32))
    np.testing.assert_allclose(layer.apply(changed.cell, inputs())[1], composed(network, order, skip), atol=1e-5)
    np.testing.assert_array_equal(changed.kernel, network.kernel)


def test_a_deleted_layer_of_a_dense_stack_emits_0_and_those_below_do_not_notice():
    layer, network = drawn("dense")
    changed = lesions.apply("dense", network, jnp.array([0, 2]))
    before, after = (np.split(np.asarray(layer.apply(n.cell, inputs())[1]), DEPTH, axis=-1) for n in (network, changed))
    np.testing.assert_array_equal(after[2], 0)
    np.testing.assert_allclose(after[:2], before[:2], atol=1e-6)
    known = np.concatenate([inputs(), *after[:3], 0 * after[3]], axis=-1)
    np.testing.assert_allclose(after[3], tanh_layer(block_of(network, 2), known), atol=1e-5)


@pytest.mark.parametrize("kind", networks.KINDS)
def test_the_norm_of_each_layer_is_that_of_its_own_gradient(kind):
    layer, network = drawn(kind)

    def loss(first, blocks):
        joined = networks.Stack(first, jax.tree.map(lambda *leaves: jnp.stack(leaves), *blocks))
        return jnp.sum(layer.apply(joined, inputs())[1][-1] ** 2)

    first, above = jax.grad(loss, (0, 1))(network.cell.first, [block_of(network, i) for i in range(DEPTH - 1)])
    expected = [np.linalg.norm(np.concatenate([np.ravel(leaf) for leaf in own])) for own in (first, *above)]
    whole = jax.grad(lambda stack: jnp.sum(layer.apply(stack, inputs())[1][-1] ** 2))(network.cell)
    np.testing.assert_allclose(networks.layer_norms(whole), expected, rtol=1e-5)


def test_the_orders_are_what_they_say():
    rng = np.random.default_rng(0)
    np.testing.assert_array_equal(lesions.without_one(3), [[1, 2], [0, 2], [0, 1]])
    np.testing.assert_array_equal(lesions.with_neighbours_swapped(3), [[1, 0, 2], [0, 2, 1]])
    kept = lesions.without_random(7, 3, 20, rng)
    assert kept.shape == (20, 4)
    assert (np.diff(kept) > 0).all()
    assert len(np.unique(kept, axis=0)) > 5
    swapped = lesions.with_random_swaps(7, 1, 20, rng)
    np.testing.assert_array_equal((swapped != np.arange(7)).sum(axis=1), 2)
    many = lesions.with_random_swaps(7, 5, 20, rng)
    np.testing.assert_array_equal(np.sort(many), np.tile(np.arange(7), (20, 1)))


def test_the_plain_stack_that_is_cut_is_the_deepest_that_learned():
    config = depth.Config(depths=(1, 2, 4, 8, 16))
    score = {1: 0.9, 2: 0.9, 4: 0.9, 8: 0.85, 16: 0.3}
    rows = {("plain", number): {"test": value} for number, value in score.items()}
    cut = [("plain", 8), ("residual", 8), ("residual", 16), ("dense", 16)]
    assert depth.to_cut(config, rows) == cut
    none = {key: {"test": 0.1} for key in rows}
    assert depth.to_cut(config, none) == [("plain", 16), ("residual", 16), ("dense", 16)]


@pytest.mark.slow
def test_depth_runs(tmp_path, monkeypatch):
    few = tuple(part[:60] for part in handwritten.split())
    monkeypatch.setattr(handwritten, "split", lambda: few)
    monkeypatch.setattr(handwritten, "logistic_accuracy", lambda: 0.97)
    sizes = ["--hidden-size", "3", "--dense-size", "2", "--batch-size", "4", "--updates", "2", "--depths", "3"]
    options = ["--counts", "1", "--draws", "2", "--seeds", "2", "--lesion-digits", "10"]
    main(depth.EXPERIMENT, [*sizes, *options, "--output", str(tmp_path)])
    folder = next((tmp_path / "depth").iterdir())
    assert (folder / "figure.png").stat().st_size > 5000
    assert json.loads((folder / "summary.json").read_text())["test digits"] == 60
    assert len((folder / "metrics.csv").read_text().splitlines()) == 1 + 3 + 2
    assert len(list(folder.glob("parts/*.npz"))) == 1 + 3 + 3
    with np.load(folder / "curves.npz") as curves:
        assert curves["one/residual/3"].shape == (2, 2)
        assert curves["norms/dense/3"].shape == (2, 3)
        assert curves["swapped_1/plain/3"].shape == (2, 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--depths"], "depths must be increasing numbers from 1 on"),
        (["--depths", "0", "4"], "depths must be increasing numbers from 1 on"),
        (["--depths", "1", "2"], "depths must end with at least 3"),
        (["--counts", "2", "2"], "counts must be increasing numbers from 1 on"),
        (["--seeds", "0"], "seeds must be at least 1; got 0"),
        (["--learning-rate", "0"], "learning_rate must be positive and finite"),
    ],
)
def test_a_bad_option_stops_before_anything_is_written(options, message, tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(depth.EXPERIMENT, [*options, "--output", str(tmp_path / "results")])
    assert stopped.value.code
    assert message in " ".join(f"{stopped.value.code} {capsys.readouterr().err}".replace("│", " ").split())
    assert not (tmp_path / "results").exists()
