"""The benchmark: what it counts, that it refuses libraries that compute something else, and a tiny run."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import benchmark
from experiments.benchmark.networks import GATES, OWN, SIZES, Network, Size, comparable, draw, flops
from experiments.benchmark.peers import build, has
from experiments.benchmark.worker import Prepared, Worker
from experiments.common.experiment import Results

OVER_AUTODIFF = "explicit against autodiff, own cells, geometric mean"


def test_flops_of_the_published_sizes():
    """2 B T G H for each product: x U and h W forward; dh, dU and dW backward."""
    size = SIZES["S"]
    rows = 2 * 32 * 100
    assert flops(Network("lstm"), size, training=False) == rows * 512 * (64 + 128)
    assert flops(Network("lstm"), size, training=True) == rows * 512 * (64 + 128 + 128 + 64 + 128)
    assert flops(Network("gru"), size, training=True) == 0.75 * flops(Network("lstm"), size, training=True)
    both = flops(Network("lstm", "bidirectional"), size, training=True)
    assert both == 2 * flops(Network("lstm"), size, training=True)
    second = rows * 512 * (3 * 128 + 3 * 128)
    assert flops(Network("lstm", "two-layer"), size, training=True) == flops(Network("lstm"), size, training=True) + second


def test_differences_are_relative_and_the_largest_counts():
    found = Prepared(1.0, [np.array([1.0, 2.0]), np.array([3.0])], 0.0, 0.0)
    assert benchmark._difference(found, found) == 0
    other = found._replace(gradient=[np.array([1.0, 2.0]), np.array([3.3])])
    assert benchmark._difference(other, found) == pytest.approx(0.1)
    assert benchmark._difference(found._replace(loss=1.5), found) == pytest.approx(0.5)
    assert not benchmark._difference(found._replace(loss=float("nan")), found) <= benchmark.TOLERANCE


def test_a_library_that_computes_something_else_is_not_timed(monkeypatch):
    class Wrong:
        def __init__(self, scale):
            self.scale = scale

        def ask(self, what, *args):
            assert what == "prepare", "nothing may be timed"
            return Prepared(self.scale, None, 0.0, 0.0)

    workers = {"explicit": Wrong(1.0), "autodiff": Wrong(1.0), "torch": Wrong(1.01)}
    with pytest.raises(ValueError, match="torch computes something else"):
        benchmark._measure(benchmark.Config(), workers, Network("lstm"), SIZES["S"], False)  # pyright: ignore


@pytest.mark.parametrize(
    "options",
    [
        {"sizes": ("XL",)},
        {"sizes": ()},
        {"rounds": 0},
        {"budget": 0.0},
        {"lengths": (0,)},
        {"networks": ("stak",)},
        {"networks": ()},
        {"networks": ("stack",), "sizes": ("L",)},
    ],
)
def test_bad_options_are_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        benchmark.Config(**options)


def test_a_worker_reports_what_went_wrong_and_goes_on():
    worker = Worker("autodiff")
    try:
        with pytest.raises(RuntimeError, match="no_such_cell"):
            worker.ask("prepare", Network("no_such_cell"), Size(2, 3, 4, 5), True)
        assert worker.ask("prepare", Network("elman"), Size(2, 3, 4, 5), False).gradient is None
    finally:
        worker.close()


@pytest.mark.parametrize("cell", list(OWN))
def test_own_cells_give_the_same_gradients_and_have_no_bias_of_0(cell, users_numerics):
    network, size = Network(cell), Size(2, 5, 3, 4)
    weights, xs = draw(network, size)
    assert all(np.all(leaf != 0) for leaf in jax.tree.leaves(weights) if leaf.ndim == 1)
    found = []
    for peer in ("explicit", "autodiff"):
        _, outputs = build(peer, network, size)
        gradient = jax.jit(jax.grad(lambda weights, outputs=outputs: jnp.mean(outputs(weights, jnp.asarray(xs)) ** 2)))
        found.append(comparable(network, gradient(weights)))
    assert len(found[0]) == len(jax.tree.leaves(weights))
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
    assert not any(has(peer, network) for peer in benchmark.PACKAGES)


def test_the_peephole_cell_is_its_equations(users_numerics):
    cell = OWN["peephole"](2, 3)
    params = cell.init(jax.random.key(0))
    x, c, h = (np.random.default_rng(i).normal(size=(4, n)).astype(np.float32) for i, n in enumerate((2, 3, 3)))
    z = x @ params.input_kernel + h @ params.recurrent_kernel
    sigmoid = lambda a: 1 / (1 + np.exp(-a))  # noqa: E731
    i, f, g, o = np.split(np.asarray(z), 4, axis=-1)
    c_t = sigmoid(f + params.peep_f * c) * c + sigmoid(i + params.peep_i * c) * np.tanh(g)
    h_t = sigmoid(o + params.peep_o * c_t) * np.tanh(c_t)
    state, y = cell.step(params, (jnp.asarray(c), jnp.asarray(h)), jnp.asarray(x))
    for found, expected in zip((*state, y), (c_t, h_t, h_t), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def rows_of(gains):
    """Rows of a table in which the explicit pass is faster by so much."""
    shared = {"what": "training step", "size": "S", "MB over autodiff's": 0.5}
    rows = []
    for network, gain in gains.items():
        rows.append({**shared, "network": network, "library": "explicit", "explicit is faster by": 1.0})
        rows.append(
            {**shared, "network": network, "library": "autodiff", "explicit is faster by": gain, "MB over autodiff's": 1.0}
        )
    return rows


@pytest.mark.parametrize(("second", "passed"), [(1.0, True), (0.5, False)])
def test_own_cells_are_judged_by_their_geometric_mean(second, passed):
    rows = rows_of({"stack": 2.0, "min_gru": second})
    summary = benchmark._summary(rows)
    assert summary[OVER_AUTODIFF] == pytest.approx(np.sqrt(2 * second))
    assert summary["explicit against autodiff, own cells, worst row"] == second
    assert summary["memory of the explicit pass over autodiff's, largest of all rows"] == 0.5
    (check,) = benchmark.check(benchmark.Config(), Results(rows, summary, {}))
    assert (check.name, check.criterion, check.passed) == (OVER_AUTODIFF, "at least 1.2", passed)


@pytest.mark.slow
def test_a_tiny_run(monkeypatch):
    monkeypatch.setitem(SIZES, "S", Size(2, 5, 3, 4))
    monkeypatch.setattr(benchmark, "PEERS", ("explicit", "autodiff", "flax linen"))
    config = benchmark.Config(sizes=("S",), lengths=(3,), rounds=1, budget=1e-3, networks=(*GATES, "stack"), costs=False)
    results = benchmark.run(config)
    timed = {(row["network"], row["size"], row["library"]) for row in results.rows if row["what"] == "training step"}
    expected = {(cell, "S") for cell in ("elman", "lstm", "gru")} | {("lstm", "T=3")}
    peers = [(*setting, peer) for setting in expected for peer in ("explicit", "autodiff", "flax linen")]
    assert timed == {*peers, ("stack", "S", "explicit"), ("stack", "S", "autodiff")}
    assert all(row["ms"] > 0 and row["difference"] < 1e-5 for row in results.rows)
    for row in results.rows:
        assert row["MB over autodiff's"] == pytest.approx(row["peak MB"] / row["MB of autodiff"])
        assert ("GFLOP" in row) == (row["network"] != "stack")
    ratios = benchmark.ratios(results.rows)
    best = np.exp(np.mean([np.log(times["flax linen"]) for times in ratios.values()]))
    assert results.summary["explicit against the best JAX library, geometric mean"] == pytest.approx(best)
    names = {check.name for check in benchmark.check(config, results)}
    assert {"explicit against the best JAX library, worst row", OVER_AUTODIFF} < names
    assert benchmark.plot(results) is not None
