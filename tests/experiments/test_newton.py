"""The experiment of evaluation in parallel over time: a tiny run, and what its speedups are."""

import numpy as np
import pytest
from runs import finished

from experiments import parallel
from experiments.parallel import speedups
from recurrent.initializers import with_spectral_radius

pytestmark = [pytest.mark.xdist_group("parallel"), pytest.mark.usefixtures("users_numerics")]


@pytest.mark.slow
def test_the_experiment_leaves_its_table_and_figure(tmp_path):
    options = ["--hidden-size", "4", "--radii", "0.5", "4", "--lengths", "8", "--long-length", "16", "--max-iterations", "5"]
    _, rows, _ = finished(parallel.EXPERIMENT, options, tmp_path)
    assert list(rows[0])[:4] == ["radius", "exponent", "T", "deer"]
    assert len(rows) == 2


def test_speedups_are_ratios_of_times_and_nan_where_nothing_converged(monkeypatch):
    assert set(speedups.SETTINGS) < set(speedups.TARGETS)
    monkeypatch.setattr(speedups, "best_of_three", lambda run, params, xs: float(len(xs)))
    monkeypatch.setattr(speedups, "SETTINGS", dict.fromkeys(speedups.SETTINGS, (2, 9)))
    found = list(speedups.measure_speedups().values())
    np.testing.assert_array_equal(found, [1, 1, 8])
    monkeypatch.setattr(speedups, "with_spectral_radius", lambda radius: with_spectral_radius(30.0))
    assert np.isnan(speedups.loop_over_deer(8, 400))
