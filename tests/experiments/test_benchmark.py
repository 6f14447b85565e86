"""The benchmark: what it counts, that it refuses libraries that compute something else, and a tiny run."""

import numpy as np
import pytest

from experiments import benchmark
from experiments.benchmark.networks import SIZES, Network, Size, flops
from experiments.benchmark.worker import Prepared, Worker


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


@pytest.mark.parametrize("options", [{"sizes": ("XL",)}, {"sizes": ()}, {"rounds": 0}, {"budget": 0.0}, {"lengths": (0,)}])
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


@pytest.mark.slow
def test_a_tiny_run(monkeypatch):
    monkeypatch.setitem(SIZES, "S", Size(2, 5, 3, 4))
    monkeypatch.setattr(benchmark, "PEERS", ("explicit", "autodiff", "flax linen"))
    config = benchmark.Config(sizes=("S",), lengths=(3,), rounds=1, budget=1e-3, arrangements=False, costs=False)
    results = benchmark.run(config)
    timed = {(row["network"], row["size"], row["library"]) for row in results.rows if row["what"] == "training step"}
    expected = {(cell, "S") for cell in ("elman", "lstm", "gru")} | {("lstm", "T=3")}
    assert timed == {(*setting, peer) for setting in expected for peer in ("explicit", "autodiff", "flax linen")}
    assert all(row["ms"] > 0 and row["difference"] < 1e-5 for row in results.rows)
    ratios = benchmark.ratios(results.rows)
    best = np.exp(np.mean([np.log(times["flax linen"]) for times in ratios.values()]))
    assert results.summary["explicit against the best JAX library, geometric mean"] == pytest.approx(best)
    names = {check.name for check in benchmark.check(config, results)}
    assert "explicit against the best JAX library, worst row" in names
    assert benchmark.plot(results) is not None
