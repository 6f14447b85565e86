"""The benchmark: what it counts, that it refuses libraries that compute something else, and a tiny run."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from runs import assert_legible

from experiments import benchmark
from experiments.benchmark.figure import finding
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


ROUNDS = np.array([0.98, 1.0, 1.0, 1.02])


def results_of(ratios):
    """Results in which a library takes so many times as long as the explicit pass, in `{(network, size): {library: ratio}}`."""
    rows, curves = [], {}
    for (network, size), times in ratios.items():
        for library, ratio in {"explicit": 1.0, **times}.items():
            seconds = ratio * (ROUNDS if library != "explicit" else np.ones(4))
            curves[f"{network}/{size}/training step/{library}"] = seconds
            found = benchmark._ratio(seconds, np.ones(4))
            row = {"network": network, "size": size, "what": "training step", "library": library}
            row |= {"explicit is faster by": found.middle, "low": found.low, "high": found.high, "MB over autodiff's": 0.5}
            rows.append(row | ({"of GEMM rate": 0.8} if size == "M" else {}))
    return Results(rows, benchmark._summary(rows, curves), curves)


GOOD = {
    ("lstm", "S"): {"autodiff": 1.25, "flax linen": 1.3, "torch": 1.2},
    ("lstm", "M"): {"autodiff": 1.3, "flax linen": 1.4, "torch": 1.2},
    ("gru, reset after", "M"): {"autodiff": 1.3, "flax linen": 1.5, "flax nnx": 1.4, "torch": 1.3},
    ("stack", "S"): {"autodiff": 1.4},
}


def missed(ratios):
    return {check.name for check in benchmark.check(benchmark.Config(), results_of(ratios)) if not check.passed}


def test_good_times_meet_every_criterion():
    checks = benchmark.check(benchmark.Config(), results_of(GOOD))
    assert len(checks) == 8
    assert not [str(check) for check in checks if not check.passed]


@pytest.mark.parametrize(
    ("setting", "changes", "name"),
    [
        (
            ("lstm", "S"),
            {"flax linen": 1.01, "autodiff": 1.0},
            "explicit against the best JAX library, worst row",
        ),  # its interval crosses 1
        (("lstm", "S"), {"autodiff": 1.1}, None),
        (("lstm", "M"), {"autodiff": 1.6}, "autodiff against the best JAX library, worst row"),
        (("stack", "S"), {"autodiff": 1.2}, "explicit against autodiff, own cells, geometric mean"),
    ],
)
def test_bounds_decide_row_by_row(setting, changes, name):
    assert missed({**GOOD, setting: {**GOOD[setting], **changes}}) == ({name} if name else set())


def test_only_the_fastest_library_of_a_row_counts():
    found = results_of(GOOD).summary["explicit against the best JAX library, geometric mean"]
    assert found.middle == pytest.approx((1.3 * 1.4 * 1.4) ** (1 / 3), rel=1e-3)
    slow = {setting: {library: 1 / ratio for library, ratio in times.items()} for setting, times in GOOD.items()}
    assert len(missed(slow)) >= 5


@pytest.mark.parametrize("network", [Network("gru"), Network("gru", reset="before")])
def test_a_gru_is_timed_beside_its_own_form_alone(network):
    others = {peer for peer in benchmark.PACKAGES if has(peer, network)}
    assert others == ({"haiku"} if network.reset == "before" else set(benchmark.PACKAGES) - {"haiku"})


def test_the_title_counts_by_intervals():
    said = finding(results_of({("lstm", "S"): {"haiku": 1.5, "torch": 0.7, "equinox": 1.001, "autodiff": 9.0}}).rows)
    assert "1 of 3 take longer, 1 less time, and 1 cannot be told apart" in said


@pytest.mark.slow
def test_a_tiny_run(monkeypatch):
    monkeypatch.setitem(SIZES, "S", Size(2, 5, 3, 4))
    monkeypatch.setattr(benchmark, "PEERS", ("explicit", "autodiff", "flax linen"))
    config = benchmark.Config(sizes=("S",), lengths=(3,), rounds=1, budget=1e-3, networks=(*GATES, "stack"), costs=False)
    results = benchmark.run(config)
    timed = {(row["network"], row["size"], row["library"]) for row in results.rows if row["what"] == "training step"}
    expected = {(str(Network(cell)), "S") for cell in ("elman", "lstm", "gru")} | {("lstm", "T=3")}
    peers = [(*setting, peer) for setting in expected for peer in ("explicit", "autodiff", "flax linen")]
    assert timed == {*peers, ("stack", "S", "explicit"), ("stack", "S", "autodiff")}
    assert all(row["ms"] > 0 and row["difference"] < 1e-5 for row in results.rows)
    for row in results.rows:
        assert row["MB over autodiff's"] == pytest.approx(row["peak MB"] / row["MB of autodiff"])
        assert ("GFLOP" in row) == (row["network"] != "stack")
    names = {check.name for check in benchmark.check(config, results)}
    assert {"explicit against the best JAX library, worst row", OVER_AUTODIFF} < names
    figure = benchmark.plot(results)
    figure.draw_without_rendering()
    assert_legible(figure)
