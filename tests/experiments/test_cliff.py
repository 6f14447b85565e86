"""The experiment of the cliff: a tiny run, and its numbers."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from runs import finished, refused, stays_finished

from experiments import cliff

TINY = ["--num-steps", "20", "--num-starts", "3", "--updates", "4", "--resolution", "6"]


def test_a_run_writes_every_file_and_is_not_resumed(tmp_path):
    folder, _, summary = finished(cliff.EXPERIMENT, TINY, tmp_path)
    assert json.loads((folder / "config.json").read_text())["updates"] == 4
    assert summary["options"]["updates"] == 4
    stays_finished(cliff.EXPERIMENT, TINY, folder)


@pytest.mark.parametrize(("option", "value"), [("num_starts", "0"), ("num_steps", "-3"), ("threshold", "nan")])
def test_a_bad_option_stops_before_anything_is_written(option, value, tmp_path, capsys):
    said = refused(cliff.EXPERIMENT, [f"--{option.replace('_', '-')}", value], tmp_path / "out", capsys)
    assert option in said
    assert value in said


def test_wall_and_descents_of_the_cliff_are_reproduced():
    checks = cliff.check(cliff.Config(), cliff.run(cliff.Config(resolution=4)))
    assert not [str(c) for c in checks if not c.passed]


def test_gradient_of_the_cliff_is_the_forward_recursion():
    """dx_t = (σ(x_{t-1}), 1) + w σ'(x_{t-1}) dx_{t-1}, beside backpropagation through the library's loop."""
    w, b, x, slopes = 5.2, -2.7, cliff.X_0, np.zeros(2)
    found = jax.grad(cliff.error)(cliff.Unit(jnp.asarray(w), jnp.asarray(b)), 50)
    sigmoid = lambda x: 1 / (1 + np.exp(-x))  # noqa: E731
    for _ in range(50):
        s = sigmoid(x)
        slopes = np.array([s, 1.0]) + w * s * (1 - s) * slopes
        x = w * s + b
    y = sigmoid(x)
    np.testing.assert_allclose(np.stack(found), 2 * (y - cliff.TARGET) * y * (1 - y) * slopes, rtol=1e-10)
