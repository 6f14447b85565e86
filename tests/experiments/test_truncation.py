"""Smoke run of `truncation`, and what it times."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from runs import SMALL, finished, refused

from experiments import truncation
from experiments.common.networks import draw_all, hidden, mean_loss
from recurrent import lstm, unroll_truncated

pytestmark = [
    pytest.mark.xdist_group("digits_agreement"),
    pytest.mark.usefixtures("users_numerics"),
]  # compiled networks are shared


def test_truncation_runs(tmp_path):
    options = ["--windows", "1", "16", "64", "--networks", "2", "--batches", "1", "--repeats", "1"]
    _, rows, _ = finished(truncation.EXPERIMENT, [*SMALL, *options], tmp_path)
    assert len(rows) == 3
    assert rows[-1]["window"] == "64"
    assert float(rows[-1]["tape kB"]) == pytest.approx(64 * 7 * 3 * 4 * 4 / 1e3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--windows", "1", "5", "64"], "must increase and divide 64"),
        (["--windows", "1", "8"], "end with 64"),
    ],
)
def test_a_bad_option_stops_before_anything_is_written(options, message, tmp_path, capsys):
    assert message in refused(truncation.EXPERIMENT, options, tmp_path / "results", capsys)


def test_the_timed_gradient_is_the_truncated_one():
    cell = lstm(1, 4)
    network = jax.tree.map(lambda leaf: leaf[0], draw_all(cell, jax.random.split(jax.random.key(0), 1), 10, 4))
    xs, labels = jax.random.normal(jax.random.key(1), (64, 3, 1)), jnp.array([0, 1, 2])

    def truncated(params):
        state, _ = unroll_truncated(cell, params, xs, window=16)
        return mean_loss(network, hidden(state), labels)

    timed = jax.jit(jax.grad(lambda n: truncation.last_window_loss(cell, 16, n, xs, labels)))(network)
    for ours, theirs in zip(timed.cell, jax.jit(jax.grad(truncated))(network.cell), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
