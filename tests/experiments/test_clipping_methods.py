"""The experiment of the methods to clip: a tiny run, its three ways by hand, and its criteria on results that are made up."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from runs import finished, refused, stays_finished

from experiments import clipping
from experiments.clipping import gradients, methods
from experiments.clipping.options import Config
from experiments.common.experiment import Results

pytestmark = pytest.mark.usefixtures("users_numerics")

TINY = ["--updates", "20", "--seeds", "2", "--batch-size", "8", "--hidden-size", "32"]


def test_a_run_writes_every_file_and_is_not_resumed(tmp_path):
    folder, rows, summary = finished(clipping.EXPERIMENT, TINY, tmp_path)
    assert json.loads((folder / "config.json").read_text())["updates"] == 20
    assert summary["checks"] == []
    assert [row["method"] for row in rows] == list(methods.NAMES)
    assert float(rows[0]["least cosine"]) > 1 - 1e-6 > float(rows[2]["least cosine"])
    assert abs(summary["float32 gradient of 1e20, clip_by_global_norm"] - 1) < 1e-5
    stays_finished(clipping.EXPERIMENT, TINY, folder)


@pytest.mark.parametrize(("option", "value"), [("updates", "0"), ("value_limit", "-0.1"), ("seed", "-1")])
def test_a_bad_option_stops_before_anything_is_written(option, value, tmp_path, capsys):
    said = refused(clipping.EXPERIMENT, [f"--{option.replace('_', '-')}", value], tmp_path / "out", capsys)
    assert f"--{option.replace('_', '-')}" in said
    assert value in said


GRADIENT = {"a": np.array([3.0, -4.0, 0.1], np.float32), "b": np.array([[0.5, -12.0]], np.float32)}


@pytest.mark.parametrize("name", methods.NAMES)
def test_a_limit_that_is_traced_clips_as_the_librarys_transformation(name):
    config = Config(threshold=2.0, value_limit=2.0)
    transform = methods.transforms(config)[name]
    expected, _ = transform.update(GRADIENT, transform.init(GRADIENT))
    found = jax.jit(lambda limit: methods.limited(name, GRADIENT, limit))(2.0)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), found, expected)


@pytest.mark.parametrize("name", methods.NAMES)
@pytest.mark.parametrize("length", [0.3, 5.0, 12.5])
def test_every_way_can_leave_a_gradient_at_a_given_length(name, length):
    found = methods.at_length(name, GRADIENT, length)
    np.testing.assert_allclose(optax.tree.norm(found), length, rtol=1e-4)
    jax.tree.map(np.testing.assert_array_equal, methods.at_length(name, GRADIENT, 99.0), GRADIENT)


def test_directions_and_lengths_are_those_of_the_clipped_gradients():
    stack = jax.tree.map(lambda g: jnp.stack([jnp.stack([g, 0.01 * g])]), GRADIENT)  # one network, two updates
    found = methods.direction_and_length(optax.clip(1.0), stack)
    raw = np.array([3, -4, 0.1, 0.5, -12])
    cut = np.clip(raw, -1, 1)
    expected = [raw @ cut / np.linalg.norm(raw) / np.linalg.norm(cut), 1]
    np.testing.assert_allclose(found["cosine"], [expected], rtol=1e-6)
    np.testing.assert_allclose(found["length"], [[np.linalg.norm(cut), 0.01 * np.linalg.norm(raw)]], rtol=1e-6)
    found = methods.direction_at_length("by value", stack, 1.0)
    assert found["cosine"][0, 0] < 0.9
    np.testing.assert_allclose(found["length"], [[1, 0.01 * np.linalg.norm(raw)]], rtol=1e-4)


def test_gradients_are_raw_and_met_along_a_clipped_training():
    config = Config(hidden_size=8, batch_size=4, updates=3, seeds=2, spectral_radius=3.0, threshold=1e-3)
    raw = np.linalg.norm(methods.vectors(gradients.gradients_of_training(config)), axis=-1)
    assert raw.shape == (2, 3)
    assert raw.min() > 10 * config.threshold
    assert len(np.unique(raw)) == 6


def test_every_network_has_batches_of_its_own(monkeypatch):
    config = Config(hidden_size=8, batch_size=4, updates=2, seeds=2)
    same = jax.tree.map(lambda leaf: leaf[:1].repeat(2, 0), gradients.draw(config))
    monkeypatch.setattr(gradients, "draw", lambda config: same)
    raw = np.linalg.norm(methods.vectors(gradients.gradients_of_training(config)), axis=-1)
    assert raw[0, 0] != raw[1, 0]


def made() -> Results:
    """Two kinds of updates, long and short ones; the global norm turns nothing."""
    raw = np.tile([0.5, 2.0, 3.0, 100.0], (10, 25)) * np.linspace(1, 1.1, 10)[:, None]
    curves = {"raw": raw}
    for name, cosine in zip(methods.NAMES, (1.0, 0.7, 0.8), strict=True):
        curves[f"equal cosine/{name}"] = np.where(raw > 1, cosine, 1)
    rows = [{"method": name, "least cosine": least} for name, least in zip(methods.NAMES, (1.0, 0.5, 0.6), strict=True)]
    return Results(rows, {"float32 gradient of 1e20, clip_by_global_norm": 1.0}, curves)


def equal(name):
    return lambda results: results.curves.update({f"equal cosine/{name}": np.where(results.curves["raw"] > 1, 0.995, 0.1)})


def least(name, value):
    return lambda results: results.rows[methods.NAMES.index(name)].update({"least cosine": value})


BREAKS = [
    ("share of updates whose gradient is above the threshold", lambda r: r.curves["raw"].__setitem__(np.s_[:, 1::2], 0.6)),
    ("longest gradient of a run over its median one", lambda r: np.minimum(r.curves["raw"], 9.0, out=r.curves["raw"])),
    ("least cosine, global norm", least("global norm", 1 - 2e-6)),
    ("least cosine, per tensor", least("per tensor", 0.99)),
    ("least cosine, by value", least("by value", 0.99)),
    ("median cosine at equal length, per tensor", equal("per tensor")),
    ("median cosine at equal length, by value", equal("by value")),
    (
        "relative error of the length at 1e20, global norm",
        lambda r: r.summary.update({"float32 gradient of 1e20, clip_by_global_norm": 0.0}),
    ),
]


def missed(results):
    return [one.name for one in clipping.check(Config(), results) if not one.passed]


def test_results_that_show_the_claim_pass():
    assert len(clipping.check(Config(), made())) == len(BREAKS)
    assert missed(made()) == []


@pytest.mark.parametrize(("name", "change"), BREAKS)
def test_each_criterion_fails_alone(name, change):
    results = made()
    change(results)
    if name.startswith("share of"):  # a run whose long gradients are rarer still has its longest
        results.curves["raw"][:, 3] = 100.0
    assert missed(results) == [name]


def test_the_criteria_are_stated_for_the_published_options_and_any_seed():
    assert clipping.check(Config(seed=3), made())
    assert not clipping.check(Config(threshold=2.0), made())
