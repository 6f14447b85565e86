"""`liquid`: distances and patterns of spikes, readouts on planted features, criteria on synthetic results, a smoke run."""

import functools
import math

import jax
import numpy as np
import pytest
from runs import finished, refused

from experiments import liquid
from experiments.common.experiment import Results
from experiments.liquid import columns
from experiments.liquid.figure import finding
from experiments.liquid.findings import ALONE, BANK, FIXED, LIQUID, READERS, STATIC, TUNED
from experiments.liquid.measures import of_inputs, patterns
from experiments.liquid.spikes import distances, draw_pairs, draw_patterns, draw_templates, jittered, poisson
from experiments.liquid.telling import Split, Told, best_of, filtered, tell

pytestmark = [pytest.mark.xdist_group("liquid"), pytest.mark.usefixtures("users_numerics")]

TINY = ["--liquids", "2", "--neurons", "10", "--pairs", "2", "--distances", "0", "0.2", "--segment-ms", "40"]
TINY += ["--training", "30", "--validation", "10", "--test", "10", "--filters-ms", "30", "300"]


def test_liquid_runs_and_says_what_it_found(tmp_path):
    folder, rows, summary = finished(liquid.EXPERIMENT, TINY, tmp_path)
    assert len(rows) == 2 + 4 * len(READERS)
    assert summary["checks"] == []
    with np.load(folder / "curves.npz") as curves:
        assert all(np.isfinite(curves[name]).all() for name in curves.files)
        assert curves["apart"].shape == (2, 500, 2)
        assert all(curves[f"accuracy/{reader}"].shape == (2, 4) for reader in READERS)
        assert np.all(curves["late"][0] < curves["late"][1])
        assert np.all(curves["apart"][0].max(axis=0) > 0)  # of equal trains, each starts from a state of its own


def test_every_column_is_read_with_synapses_of_its_own(monkeypatch):
    config = liquid.Config(neurons=10, segment_ms=40, training=30, validation=10, test=10, filters_ms=(30.0, 300.0))
    last_traces, read = columns.last_traces, []

    def recorded(cell, params, v, trains):
        read.append((cell.initial_state(params).raised is not None, [float(kernel.sum()) for kernel in params[1:3]]))
        return last_traces(cell, params, v, trains)

    monkeypatch.setattr(columns, "last_traces", recorded)
    factor = float(patterns(config, 0)["factor"])
    (dynamic, whole), (static, weaker), (alone, none) = read
    assert (dynamic, static, alone) == (True, False, True)
    np.testing.assert_allclose(weaker, np.multiply(factor, whole), rtol=1e-5)
    assert none == [0, 0]
    assert min(whole) > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--distances", "0.1", "0.2"], "--distances must increase from 0 and be two or more"),
        (["--distances", "0", "0.2", "0.1"], "--distances must increase from 0"),
        (["--filters-ms", "10", "20"], "--filters-ms must be positive, and 30 among them"),
        (["--filters-ms", "0", "30"], "--filters-ms must be positive"),
        (["--liquids", "1"], "--liquids must be at least 2; got 1"),
        (["--neurons", "4"], "--neurons must be at least 5; got 4"),
        (["--jitter-ms", "nan"], "--jitter-ms must be positive and finite; got nan"),
    ],
)
def test_a_bad_option_stops_before_anything_is_written(options, message, tmp_path, capsys):
    assert message in refused(liquid.EXPERIMENT, options, tmp_path / "results", capsys)


def test_distances_are_those_of_trains_of_gaussians():
    rng = np.random.default_rng(0)
    trains = np.zeros((3, 2, 500))
    trains[:, :, 100:400] = rng.poisson(0.03, (3, 2, 300))  # far from the borders, beyond which nothing is integrated here
    time = np.arange(0, 500, 0.1)
    bumps = np.exp(-(((time[:, None] - np.arange(500)) / 5) ** 2))
    first, second = (bumps @ trains[:, i].T for i in (0, 1))
    expected = np.sqrt(np.sum((first - second) ** 2, axis=0) * 0.1 / 1000) / 0.5
    np.testing.assert_allclose(distances(trains), expected, rtol=1e-6)


def test_pairs_are_as_far_apart_as_asked_and_lose_no_spike():
    rng = np.random.default_rng(1)
    for distance in (0.0, 0.1, 0.4):
        trains, apart = draw_pairs(rng, distance, 30, 20.0, 500)
        assert trains.shape == (30, 2, 500)
        assert np.all(np.abs(apart - distance) < 0.01)
        np.testing.assert_allclose(distances(trains), apart, atol=1e-9)
        assert np.all(trains[:, 0].sum(axis=1) == trains[:, 1].sum(axis=1))
        rate = 1000 * trains[:, 0].mean()
        assert 13 < rate < 27  # 300 spikes are expected in 30 trains
    with pytest.raises(ValueError, match="pairs of trains of 20 Hz at the distance 90 are too rare"):
        draw_pairs(rng, 90.0, 1, 20.0, 20)


def test_poisson_trains_have_their_rate():
    trains = poisson(np.random.default_rng(2), 20.0, (100, 1000))
    assert abs(trains.sum() - 2000) <= 4 * math.sqrt(2000)
    assert set(np.unique(trains)) == {0, 1}


def test_jitter_has_its_deviation_and_is_reflected_at_the_borders():
    rng = np.random.default_rng(3)
    moved = jittered(rng, np.full(4000, 500), 4.0, 1000)
    assert abs(moved.std() - math.sqrt(16 + 1 / 12)) <= 4 * 4 / math.sqrt(2 * 4000)
    at_border = jittered(rng, np.zeros(4000, int), 4.0, 1000)
    assert at_border.min() == 0
    assert 0 < at_border.max() < 25
    assert jittered(rng, np.array([0, 3, 9]), 1e-9, 10).tolist() == [0, 3, 9]


def test_a_pattern_is_made_of_its_templates_which_stay_in_their_segments():
    rng = np.random.default_rng(4)
    templates = draw_templates(rng, 3, 50.0, 80)
    exact = draw_patterns(rng, templates, 50, 80, 1e-9)
    far = draw_patterns(rng, templates, 50, 80, 60.0)
    assert exact.trains.shape == (240, 50, 1)
    for trains, labels in (exact, far):
        assert set(np.unique(labels)) == {0, 1}
        for row in range(50):
            for segment in range(3):
                found = trains[80 * segment : 80 * (segment + 1), row, 0]
                expected = templates[segment][labels[row, segment]]
                assert found.sum() == len(expected)
                if trains is exact.trains:
                    assert np.flatnonzero(found).tolist() == expected.tolist()
    assert np.any(far.trains != exact.trains)


def test_filters_decay_from_spike_to_spike():
    trains, times = np.random.default_rng(5).poisson(0.3, (20, 3, 1)).astype(float), np.array([2.0, 50.0])
    held = np.zeros((2, 3, 1))
    for spikes in trains:
        held = np.exp(-1 / times)[:, None, None] * held + spikes
    np.testing.assert_allclose(filtered(trains, times), held, rtol=1e-6)


SPLIT = Split(training=60, validation=40, test=200)


def planted(seed=6):
    """Features of which the first says the first label, and labels; nothing says the second label."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, (sum(SPLIT), 2))
    features = rng.normal(size=(sum(SPLIT), 5)).astype(np.float32)
    features[:, 0] = 3 + 0.1 * features[:, 0] + labels[:, 0]
    return features, labels


def test_a_readout_tells_what_features_say_and_guesses_the_rest():
    features, labels = planted()
    told = tell(features, labels, SPLIT)
    assert told.test[0] == 1
    assert abs(told.test[1] - 0.5) <= 4 * 0.5 / math.sqrt(200)


def test_a_readout_reads_no_test_label_and_no_validation_label_but_for_its_penalty():
    features, labels = planted()
    told = tell(features, labels, SPLIT)
    training, validation, test = SPLIT.parts()
    swapped = labels.copy()
    swapped[test] = 1 - labels[test]
    other = tell(features, swapped, SPLIT)
    np.testing.assert_array_equal(other.validation, told.validation)
    np.testing.assert_array_equal(other.ridge, told.ridge)
    np.testing.assert_allclose(other.test, 1 - told.test)
    nothing = features.copy()
    nothing[training] = np.random.default_rng(7).normal(size=(60, 5))
    assert tell(nothing, labels, SPLIT).test[0] < 0.9  # what validation sequences would teach is not learned


def test_the_largest_of_the_best_penalties_is_chosen():
    """Where all penalties are as good: the sign of a shrunk answer is right if both labels are as frequent."""
    labels = np.arange(2 * sum(SPLIT)).reshape(-1, 1) % 2
    features = np.concatenate([labels, 0 * labels], axis=1).astype(np.float32)
    told = tell(features[: sum(SPLIT)], labels[: sum(SPLIT)], SPLIT)
    assert (told.test.tolist(), told.ridge.tolist()) == ([1], [100])


def test_the_best_reader_is_chosen_on_validation_sequences():
    first = Told(np.array([0.6, 0.7]), np.array([0.1, 0.9]), np.array([1, 1]))
    second = Told(np.array([0.5, 0.8]), np.array([0.9, 0.2]), np.array([2, 2]))
    best, places = best_of([first, second])
    assert places.tolist() == [0, 1]
    assert (best.test.tolist(), best.ridge.tolist()) == ([0.1, 0.2], [1, 2])


def test_filters_of_the_input_are_read_like_states():
    config = liquid.Config(neurons=6, filters_ms=(5.0, 30.0), training=40, validation=20, test=20)
    rng = np.random.default_rng(8)
    trains, labels = draw_patterns(rng, draw_templates(rng, 2, 60.0, 50), 80, 50, 1.0)
    told, filters = of_inputs(config, trains, labels)
    single = [tell(filtered(trains, np.array([time]))[0], labels, config.split) for time in (5.0, 30.0)]
    np.testing.assert_array_equal(told[FIXED].test, single[1].test)
    np.testing.assert_array_equal(told[TUNED].validation, np.maximum(*(one.validation for one in single)))
    assert set(filters) <= {5.0, 30.0}
    assert told[BANK].validation.mean() >= told[FIXED].validation.mean()


@functools.cache
def small():
    """Two cells, a column, potentials to start from, and trains."""
    cells = {synapses: columns.column(15, synapses) for synapses in ("dynamic", "static")}
    params = columns.draw(cells["dynamic"], jax.random.key(0))
    rng = np.random.default_rng(9)
    return cells, params, columns.start(rng, 12, 15), poisson(rng, 60.0, (150, 12, 1))


def test_a_column_is_as_published():
    cells, params, v, _ = small()
    drawn = jax.jit(cells["dynamic"].init)(jax.random.key(0))
    np.testing.assert_allclose(params.input_kernel[:, :12], drawn.input_kernel[:, :12])
    np.testing.assert_allclose(params.input_kernel[:, 12:], drawn.input_kernel[:, 12:] / 2)
    assert np.all((v >= 13.5) & (v <= 15))
    assert np.ptp(v) > 1


def test_the_last_trace_is_that_of_the_whole_run(monkeypatch):
    cells, params, v, trains = small()
    whole = np.asarray(columns.traces(cells["dynamic"], params, v, trains))
    monkeypatch.setattr(columns, "ROWS", 5)
    np.testing.assert_allclose(columns.last_traces(cells["dynamic"], params, v, trains), whole[-1], rtol=1e-5)


def test_static_synapses_are_scaled_to_the_activity_of_dynamic_ones():
    cells, params, v, trains = small()
    params = columns.scaled(params, 3.0)  # so that synapses matter to so few neurons
    factor = columns.as_active(cells["static"], cells["dynamic"], params, v, trains)
    rates = {
        (name, scale): np.asarray(columns.spikes(cell, columns.scaled(params, scale), v, trains)).sum()
        for name, cell in cells.items()
        for scale in (0.0, 1.0, factor)
    }
    assert rates["dynamic", 0.0] == rates["static", 0.0]
    assert rates["static", factor] == pytest.approx(rates["dynamic", 1.0], rel=0.05)
    assert rates["static", 1.0] > 1.3 * rates["dynamic", 1.0] > 1.3 * rates["dynamic", 0.0]


CONFIG = liquid.Config()
SPREAD = np.linspace(-0.01, 0.01, 10)
MEANS = {LIQUID: 0.75, STATIC: 0.6, ALONE: 0.55, FIXED: 0.5, TUNED: 0.7, BANK: 0.99}


def results(**changes):
    """Results that meet every criterion, but for the changes."""
    curves = {f"accuracy/{reader}": mean + np.outer(SPREAD, [1, 2, 3, 0.5]) for reader, mean in MEANS.items()}
    curves[f"accuracy/{LIQUID}"] = np.array([0.7, 0.75, 0.8, 0.97]) + np.outer(SPREAD[::-1], [1, 2, 3, 0.5])
    curves |= {"late": np.array([0.1, 0.4, 0.6, 1.0])[:, None] + SPREAD, "rank/states": 0.8 + SPREAD}
    return Results([], {}, curves | changes)


def told_by(reader, means, spread=1.0):
    return {f"accuracy/{reader}": np.array(means) + spread * SPREAD[:, None]}


MISSED = {
    "(1) rank correlation, distances of inputs and states": {"rank/states": 0.5 + SPREAD},
    "(2) distance of states, inputs at 0.2 minus at 0.1": {"late": np.array([0.1, 0.4, 0.4, 1.0])[:, None] + SPREAD},
    "(3) accuracy on the last segment": told_by(LIQUID, [0.8, 0.8, 0.8, 0.95]),
    "(4) accuracy on segment 1": told_by(LIQUID, [0.5, 0.95, 0.8, 0.97]),
    "(5) accuracy on segment 3, liquid minus neurons without synapses": told_by(ALONE, [0.5, 0.5, 0.8, 0.97], 3),
    "(6) accuracy on segments 1 to 3, minus liquid, static synapses": told_by(STATIC, [0.9, 0.65, 0.7, 0.5], 8),
    "(7) accuracy on segments 1 to 3, minus input, filter of 30 ms": told_by(FIXED, [0.75, 0.75, 0.75, 0.5]),
    "(8) accuracy on segments 1 to 3, minus input, best filter": told_by(TUNED, [0.6, 0.75, 0.9, 0.5]),
}


def test_results_as_claimed_meet_every_criterion():
    checks = liquid.check(CONFIG, results())
    assert all(check.passed for check in checks)
    assert len(checks) == 1 + 3 + 1 + 3 + 1 + 1 + 1 + 1
    assert set(MISSED) <= {check.name for check in checks}
    assert liquid.check(liquid.Config(seed=3), results()) == checks
    assert liquid.check(liquid.Config(liquids=3), results()) == []


@pytest.mark.parametrize("name", MISSED)
def test_a_result_that_breaks_one_criterion_misses_it_alone(name):
    checks = liquid.check(CONFIG, results(**MISSED[name]))
    assert [check.name for check in checks if not check.passed] == [name]


def test_the_title_follows_the_results():
    text = finding(results())
    assert "leave states farther apart" in text
    assert "better than one with static synapses and neurons without synapses and one filter of the input" in text
    assert "worse than a bank of filters" in text
    other = finding(results(**MISSED["(2) distance of states, inputs at 0.2 minus at 0.1"], **told_by(TUNED, [0.75] * 4, 30)))
    assert "leave states not surely farther apart" in other
    assert "not surely better or worse than one filter of the input" in other
