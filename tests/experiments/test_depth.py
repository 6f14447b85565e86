"""Stacks of `depth` against the library's cells and numpy, their deleted layers, leaks, and a smoke run."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from runs import finished, refused

from experiments import depth
from experiments.common import handwritten
from experiments.common.networks import mean_loss, to_arrays
from experiments.common.training import batch_keys, train
from experiments.depth import lesions, networks, training
from experiments.depth.data import load
from recurrent import elman, emit_state, residual, stack, unroll
from recurrent.wrappers import dense_skip

pytestmark = [pytest.mark.xdist_group("depth"), pytest.mark.usefixtures("users_numerics")]

WIDTH, FEATURES, DEPTH = 3, 2, 4


@functools.cache
def drawn(kind, number=1):
    """A layer, and networks stacked along the first axis; or one network."""
    layer = networks.make_stack(kind, FEATURES, WIDTH, DEPTH)
    found = networks.draw_stacks(kind, layer, jax.random.split(jax.random.key(0), number), WIDTH, DEPTH)
    return layer, found if number > 1 else jax.tree.map(lambda leaf: leaf[0], found)


@functools.cache
def applied(kind):
    """The outputs of a stack of this kind, as a compiled function of its parameters."""
    layer, _ = drawn(kind)
    return jax.jit(lambda cell: layer.apply(cell, inputs())[1])


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


def composed(network, order, skip, xs=None):
    """The first layer and the blocks `order` above it, one by one."""
    ys = tanh_layer(network.cell.first, inputs() if xs is None else xs)
    for block in order:
        ys = skip * ys + tanh_layer(jax.tree.map(lambda leaf, block=block: leaf[block], network.cell.blocks), ys)
    return ys


def block_of(network, index):
    return jax.tree.map(lambda leaf: leaf[index], network.cell.blocks)


@pytest.mark.parametrize(("kind", "wrap"), [("plain", lambda cell: cell), ("residual", residual)])
def test_a_stack_is_the_librarys_stack_of_cells(kind, wrap):
    _, network = drawn(kind)
    cell = stack(elman(FEATURES, WIDTH), *[wrap(elman(WIDTH, WIDTH)) for _ in range(DEPTH - 1)])
    params = (network.cell.first, *[block_of(network, i) for i in range(DEPTH - 1)])
    expected = jax.jit(functools.partial(unroll, cell))(params, inputs())[1]
    np.testing.assert_allclose(applied(kind)(network.cell), expected, atol=1e-6)


def test_the_dense_stack_is_dense_skip_with_all_outputs_joined():
    _, network = drawn("dense")
    reads = [FEATURES + below * WIDTH for below in range(DEPTH)]
    blocks = [block_of(network, i) for i in range(DEPTH - 1)]
    used = [block._replace(input_kernel=block.input_kernel[:size]) for block, size in zip(blocks, reads[1:], strict=True)]
    cell = emit_state(dense_skip(*[elman(size, WIDTH) for size in reads]))
    _, states = jax.jit(functools.partial(unroll, cell))((network.cell.first, *used), inputs())
    np.testing.assert_allclose(applied("dense")(network.cell), jnp.concatenate(states, axis=-1), atol=1e-6)


def test_unused_parameters_of_the_dense_stack_are_0_have_no_gradient_and_are_not_counted():
    layer, network = drawn("dense")
    gradient = jax.jit(jax.grad(lambda stack: jnp.sum(layer.apply(stack, inputs())[1] ** 2)))(network.cell)
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
def test_deleting_leaves_the_composition_of_the_other_blocks(kind, skip, order):
    _, network = drawn(kind)
    changed = lesions.with_blocks(network, jnp.array(order, jnp.int32))
    np.testing.assert_allclose(applied(kind)(changed.cell), composed(network, order, skip), atol=1e-5)
    np.testing.assert_array_equal(changed.kernel, network.kernel)


@pytest.mark.parametrize("kind", networks.KINDS)
def test_the_norm_of_each_layer_is_that_of_its_own_gradient(kind):
    layer, network = drawn(kind)

    def loss(first, blocks):
        joined = networks.Stack(first, jax.tree.map(lambda *leaves: jnp.stack(leaves), *blocks))
        return jnp.sum(layer.apply(joined, inputs())[1][-1] ** 2)

    first, above = jax.jit(jax.grad(loss, (0, 1)))(network.cell.first, [block_of(network, i) for i in range(DEPTH - 1)])
    expected = [np.linalg.norm(np.concatenate([np.ravel(leaf) for leaf in own])) for own in (first, *above)]
    whole = jax.jit(jax.grad(lambda stack: jnp.sum(layer.apply(stack, inputs())[1][-1] ** 2)))(network.cell)
    np.testing.assert_allclose(networks.layer_norms(whole), expected, rtol=1e-5)


def test_the_orders_are_what_they_say():
    np.testing.assert_array_equal(lesions.without_one(3), [[1, 2], [0, 2], [0, 1]])


def test_accuracies_without_a_layer_are_those_of_the_remaining_stack():
    layer, several = drawn("residual", 2)
    digits = jax.random.normal(jax.random.key(2), (5, 40, FEATURES)), jnp.arange(40) % 10
    cut = lesions.cut_accuracies(layer, several, digits, "cutting")
    np.testing.assert_allclose(cut["whole"], training.accuracies(layer, several, digits), atol=1e-6)
    assert cut["without"].shape == (2, DEPTH - 1)
    second = jax.tree.map(lambda leaf: leaf[1], several)
    ys = composed(second, (0, 2), skip=1, xs=digits[0])
    logits = ys[-1] @ np.asarray(second.kernel)
    assert cut["without"][1, 1] == pytest.approx((logits.argmax(axis=-1) == np.asarray(digits[1])).mean(), abs=0.026)


def test_the_plain_stack_that_is_cut_is_the_deepest_that_learned_by_validation():
    config = depth.Config(depths=(2, 8, 16, 32))
    curves = {f"validation/plain/{layers}": np.array([score]) for layers, score in ((2, 0.9), (8, 0.85), (16, 0.81), (32, 0.3))}
    curves |= {f"accuracy/plain/{layers}": np.array([0.9]) for layers in config.depths}
    assert depth.to_cut(config, curves) == [("plain", 16), ("residual", 16), ("residual", 32)]
    none = {name: np.array([0.1]) for name in curves}
    assert depth.to_cut(config, none) == [("plain", 32), ("residual", 32)]


def test_the_best_trial_has_the_best_mean():
    assert depth.best_trial(np.array([[0.9, 0.1], [0.6, 0.6], [0.6, 0.6]])) == 1


def test_the_learning_rate_is_chosen_on_validation_digits_alone(noise):
    noise(training=100, test=60)
    digits = load()
    same = digits._replace(validation=digits.training, test=None)
    config = depth.Config(hidden_size=8, updates=60, learning_rates=(1e-8, 1e-2), pilots=2, seeds=2)
    layer = networks.make_stack("plain", 8, 8, 3)
    tried = depth._trials(config, "plain", 3, layer, same)["validation"]
    assert tried.shape == (2, 2)
    assert depth.best_trial(tried) == 1


def test_one_program_trains_at_every_rate_as_the_common_one_does():
    layer, several = drawn("residual", 2)
    digits = jax.random.normal(jax.random.key(2), (5, 40, FEATURES)), jnp.arange(40) % 10
    keys = batch_keys(0, 2, 12)

    def loss_of(network, given, key):
        xs, labels = given
        batch = jax.random.randint(key, (4,), 0, len(labels))
        return mean_loss(network, training.features_of(layer, network, xs[:, batch]), labels[batch])

    ours = training.train_each(layer, several, np.array([1e-3, 1e-1]), keys, 4, digits, "rates")
    for i, rate in enumerate((1e-3, 1e-1)):
        theirs, _ = train(loss_of, several, keys, rate, "one rate", given=digits)
        for own, other in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
            np.testing.assert_allclose(own[i], other[i], rtol=1e-3, atol=1e-5)


@pytest.fixture
def noise(monkeypatch):
    """Replaces the digits by noise, with labels that nothing in the images tells."""

    def replace(training, test):
        rng, parts = np.random.default_rng(0), []
        for count in (training, test):
            parts += [rng.random((count, 64), np.float32), np.arange(count, dtype=np.int32) % 10]
        monkeypatch.setattr(handwritten, "split", lambda: tuple(parts))

    return replace


@pytest.mark.leaks
def test_labels_that_only_a_leak_could_learn_are_not_learned(noise, monkeypatch):
    noise(training=120, test=100)
    monkeypatch.setattr(depth, "KINDS", ("plain", "residual"))  # dense stacks take the same way
    config = depth.Config(depths=(3,), updates=250, learning_rates=(1e-2, 1.5e-2), pilots=1, seeds=2)
    found = depth.run(config)
    stacks = [row for row in found.rows if row["stack"] in networks.KINDS]
    assert len(stacks) == 2
    for row in stacks:
        assert row["training"] > 0.8  # it does learn what it is shown
        assert row["validation"] < 0.4
        assert row["test"] < 0.25
    linear = next(row for row in found.rows if row["stack"] == "logistic regression")
    assert linear["test"] < 0.25


@pytest.fixture
def residual_alone(monkeypatch):
    """Residual stacks are trained and cut, the others have made-up scores; each stack would be six programs to compile."""
    trials, trained, cut, draw = depth._trials, depth._trained, lesions.cut_accuracies, networks.draw_stacks
    scores = {"training": np.array([0.5, 0.7]), "validation": np.array([0.4, 0.6]), "accuracy": np.array([0.3, 0.5])}
    compiled = {}

    def draw_by_one_program(kind, layer, keys, *sizes):  # it would be traced anew at every call; a skip has no parameters
        dense = kind == "dense"
        compiled[dense] = compiled.get(dense) or jax.jit(lambda keys: draw(kind, layer, keys, *sizes))
        return compiled[dense](keys)

    def made_trials(config, kind, *given):
        return trials(config, kind, *given) if kind == "residual" else {"validation": np.array([[0.1, 0.2], [0.0, 0.4]])}

    def made_training(config, kind, layers, layer, digits, rate):
        if kind == "residual":
            return trained(config, kind, layers, layer, digits, rate)
        drawn = depth._drawn(config, kind, layers, layer, depth._seeds(config))
        return {**to_arrays(drawn), **scores, "norms": np.ones((2, layers))}

    def made_cuts(layer, several, digits, label):
        if "residual" in label:
            return cut(layer, several, digits, label)
        return {"whole": np.array([0.5, 0.75]), "without": np.array([[0.25, 0.0], [0.5, 0.25]])}

    monkeypatch.setattr(depth, "draw_stacks", draw_by_one_program)
    monkeypatch.setattr(depth, "_trials", made_trials)
    monkeypatch.setattr(depth, "_trained", made_training)
    monkeypatch.setattr(lesions, "cut_accuracies", made_cuts)


def test_depth_runs(tmp_path, monkeypatch, residual_alone):
    few = tuple(part[:100] for part in handwritten.split())
    monkeypatch.setattr(handwritten, "split", lambda: few)
    sizes = ["--hidden-size", "3", "--dense-size", "2", "--batch-size", "4", "--updates", "2", "--depths", "3"]
    options = ["--learning-rates", "0.001", "0.01", "--pilots", "2", "--seeds", "2"]
    folder, rows, summary = finished(depth.EXPERIMENT, [*sizes, *options], tmp_path)
    assert (summary["training digits"], summary["validation digits"], summary["test digits"]) == (80, 20, 100)
    assert summary["checks"] == []
    assert len(rows) == 3 + 2
    for row in (rows[0], rows[2]):
        assert [float(row[name]) for name in ("training", "validation", "test", "rate")] == pytest.approx([0.6, 0.5, 0.4, 0.01])
    assert [float(rows[0][name]) for name in ("one deleted", "cheapest", "dearest")] == [0.375, 0.25, 0.5]
    assert len(list(folder.glob("parts/*.npz"))) == 1 + 2 * 3 + 2
    with np.load(folder / "curves.npz") as curves:
        assert curves["lost/residual/3"].shape == (2, 2)
        assert curves["norms/dense/3"].shape == (2, 3)
        assert curves["trials/plain/3"].shape == (2, 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--depths"], "--depths must be increasing numbers above 0"),
        (["--depths", "0", "4"], "--depths must be increasing numbers above 0"),
        (["--depths", "1", "2"], "--depths must end with at least 3"),
        (["--learning-rates", "0.1", "0.01"], "--learning-rates must be increasing numbers above 0"),
        (["--learning-rates", "0", "0.01"], "--learning-rates must be increasing numbers above 0"),
        (["--learning-rates", "0.01"], "--learning-rates must be two or more to choose from"),
        (["--seeds", "1"], "--seeds must be at least 2; got 1"),
        (["--pilots", "0"], "--pilots must be at least 1; got 0"),
    ],
)
def test_a_bad_option_stops_before_anything_is_written(options, message, tmp_path, capsys):
    assert message in refused(depth.EXPERIMENT, options, tmp_path / "results", capsys)
