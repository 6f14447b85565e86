"""`state_tracking`: levels of chance, networks by hand that theory allows, how rates and networks are chosen, criteria."""

import itertools
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from runs import finished, refused

from experiments import state_tracking
from experiments.common.experiment import Results
from experiments.common.networks import Network
from experiments.state_tracking import findings, trials
from experiments.state_tracking.figure import finding
from experiments.state_tracking.levels import Word, level, products, sign
from experiments.state_tracking.networks import (
    ALL,
    GRU,
    LSTM,
    NEGATIVE,
    PAIRS,
    PARITY,
    POSITIVE,
    REFLECTS,
    SHRINKS,
    TANH,
    TASKS,
    TRANSPOSITIONS,
    WORDS,
    kept,
    make_setting,
)
from recurrent.cells import DeltaRuleParams, MinGRUParams

pytestmark = [pytest.mark.xdist_group("state_tracking"), pytest.mark.usefixtures("users_numerics")]

CONFIG = state_tracking.Config()
LAST = (255, 256)


# --- levels ---


def test_levels_of_chance():
    found = [[level(WORDS[task], LAST, known) for known in ("nothing", "parity", "product")] for task in TASKS]
    np.testing.assert_allclose(found, [[1 / 2, 1, 1], [1 / 6, 1 / 3, 1], [1 / 6, 1 / 3, 1]], rtol=1e-6)
    assert level(Word(3, "transpositions"), (256,), "nothing") == pytest.approx(1 / 3)  # even ones alone


@pytest.mark.parametrize(("task", "length"), [(PARITY, 3), (TRANSPOSITIONS, 1), (TRANSPOSITIONS, 4), (ALL, 2)])
def test_products_are_distributed_as_the_task_draws_them(task, length):
    expected = products(WORDS[task], length)
    order = list(itertools.permutations(range(WORDS[task].elements)))
    drawn = np.asarray(TASKS[task].sample(jax.random.key(0), 20_000, length).targets[-1])
    shares = np.bincount(drawn, minlength=len(order)) / len(drawn)
    np.testing.assert_allclose([expected.get(p, 0.0) for p in order], shares, atol=0.015)


def test_the_sign_counts_the_transpositions():
    assert [sign(p) for p in itertools.permutations(range(3))] == [1, -1, -1, 1, 1, -1]


# --- networks by hand ---


def toggling_unit():
    """One unit of the minGRU with z = x and n = 1, and which of 0 and 1 it is nearer to."""
    cell = MinGRUParams(jnp.array([[400.0, 0.0]]), jnp.array([-200.0, 1.0]))
    return Network(cell, jnp.array([[-1.0, 1.0]]), jnp.array([0.5, -0.5]))


def triangle():
    """Three transpositions as reflections in lines through a point other than the origin: the state is at one of six places."""
    angles = np.array([np.pi / 2, np.pi / 2 + np.pi / 3, np.pi / 2 + 2 * np.pi / 3])
    keys = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    centres, query = np.eye(2), np.array([0.6, 1.0])
    cell = DeltaRuleParams(
        query_key_kernel=jnp.asarray(np.hstack([np.zeros((3, 2)), keys])),
        value_kernel=jnp.asarray(keys @ centres),
        gate_kernel=jnp.zeros((3, 1)),
        query_key_bias=jnp.asarray(np.concatenate([query, np.zeros(2)])),
        value_bias=jnp.zeros(2),
        gate_bias=jnp.full(1, 200.0),
    )
    swaps = [(1, 0, 2), (2, 1, 0), (0, 2, 1)]  # (0 1), (0 2), (1 2)
    maps = dict(zip(swaps, (np.eye(2) - 2 * np.outer(k, k) for k in keys), strict=True))
    group: dict[tuple[int, ...], np.ndarray] = {(0, 1, 2): np.eye(2)}
    while len(group) < 6:
        group |= {tuple(x[i] for i in p): maps[x] @ g for p, g in group.items() for x in swaps}
    places = np.stack([query @ centres - query @ group[p] @ centres for p in itertools.permutations(range(3))])
    middle = query @ centres  # all six lie on a circle around it
    kernel = (places - middle).T
    return Network(cell, jnp.asarray(kernel), jnp.asarray(-middle @ kernel))


def setting_of(task, network, units, keys):
    return make_setting(state_tracking.Config(hidden_size=units, key_size=keys), task, network)


def accuracies(task, network, weights, units, keys, length=256):
    weights = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), weights)
    return np.asarray(trials.accuracies(setting_of(task, network, units, keys), length, weights, jax.random.key(0)))


def test_one_unit_with_negative_eigenvalues_tracks_parity():
    np.testing.assert_array_equal(accuracies(PARITY, NEGATIVE, toggling_unit(), 1, 1), np.ones(256))
    assert kept(PARITY, NEGATIVE) == "parity"


def test_reflections_track_transpositions():
    np.testing.assert_array_equal(accuracies(TRANSPOSITIONS, REFLECTS, triangle(), 2, 2), np.ones(256))
    assert kept(TRANSPOSITIONS, REFLECTS) == "product"


def test_without_negative_eigenvalues_the_same_weights_guess():
    assert accuracies(PARITY, POSITIVE, toggling_unit(), 1, 1)[100:].mean() == pytest.approx(0.5, abs=0.01)
    found = accuracies(TRANSPOSITIONS, SHRINKS, triangle(), 2, 2)
    assert found[[254, 255]].mean() < 1 / 6 + 0.05


def test_an_answer_that_is_always_the_same_is_right_by_chance_and_nan_never():
    always = toggling_unit()._replace(bias=jnp.array([5.0, -5.0]))
    np.testing.assert_allclose(accuracies(PARITY, NEGATIVE, always, 1, 1, 40), 0.5, atol=0.05)
    never = always._replace(bias=jnp.array([jnp.nan, jnp.nan]))
    np.testing.assert_array_equal(accuracies(PARITY, NEGATIVE, never, 1, 1, 40), np.zeros(40))


# --- choices ---


def test_the_rate_with_the_lowest_mean_validation_loss_is_taken_and_nan_never(monkeypatch):
    made = []
    losses = {0.1: (0.5, 0.5), 0.2: (0.3, 0.5), 0.3: (0.0, 1.0), 0.4: (0.0, float("nan"))}

    def solve(setting, seed, rate, updates, label, stop):
        made.append((seed, rate, stop))
        trial = seed - 2000 - trials.VALIDATION
        loss = losses[rate][trial] if trial >= 0 else seed / 1e4
        return types.SimpleNamespace(losses=np.array([9.0, loss]), network=seed)

    monkeypatch.setattr(trials, "solve", solve)
    monkeypatch.setattr(trials, "accuracies", lambda setting, length, network, key: np.full(length, network))
    config = state_tracking.Config(learning_rates=tuple(losses), runs=3, longest=41, seed=2)
    found = trials.study(config, PARITY, TANH)
    assert found["rate"] == 0.2
    assert made[-6:] == [(2000 + i, 0.2, False) for i in range(6)]  # seeds that chose nothing
    assert not {seed for seed, *_ in made[:-6]} & {seed for seed, *_ in made[-6:]}
    np.testing.assert_array_equal(found["loss"], np.array([[2000, 2001], [2002, 2003], [2004, 2005]]) / 1e4)
    np.testing.assert_array_equal(found["accuracy"][..., -1], [[2000, 2001], [2002, 2003], [2004, 2005]])


def test_a_run_keeps_the_network_with_the_lower_loss_and_two_lengths_make_one_of_s3():
    curves = {}
    for task in (PARITY, ALL):
        curves[f"loss/{task}/{GRU}"] = np.array([[0.1, 0.2], [0.4, 0.3]])
        curves[f"accuracy/{task}/{GRU}"] = np.arange(12.0).reshape(2, 2, 3)
    results = Results([], {}, curves)
    np.testing.assert_array_equal(findings.of_runs(results, PARITY, GRU, 3), [2, 11])
    np.testing.assert_array_equal(findings.of_runs(results, ALL, GRU, 3), [1.5, 10.5])
    assert findings.share_solved(results, PARITY, GRU, 1) == 0.75  # accuracies 0, 3, 6, 9


# --- criteria ---


SPREAD = np.array([-0.004, -0.002, 0.0, 0.002, 0.004])


def results(changes=None):
    """Results that meet every criterion, but for the changed accuracies; each run's other network is never right."""
    found = {(task, network): level(WORDS[task], LAST, kept(task, network)) - 0.005 for task, network in PAIRS}
    curves = {"lengths": np.array(CONFIG.lengths), "longest": np.array(CONFIG.longest)}
    for (task, network), middle in (found | (changes or {})).items():
        accuracy = np.zeros((5, 2, 256))
        accuracy[:, 1] = middle + SPREAD[:, None]
        curves |= {f"accuracy/{task}/{network}": accuracy, f"loss/{task}/{network}": np.array([[0.2, 0.1]] * 5)}
    return Results([], {}, curves)


MISSED = {
    **{(PARITY, network): 0.992 for network in (TANH, LSTM, GRU)},  # right on average, not for sure
    (PARITY, POSITIVE): 0.548,
    (PARITY, SHRINKS): 0.548,
    (TRANSPOSITIONS, SHRINKS): 1 / 6 + 0.048,
    (ALL, SHRINKS): 1 / 6 + 0.048,
    (ALL, REFLECTS): 1 / 3 + 0.048,
}


def test_results_as_claimed_meet_every_criterion():
    checks = state_tracking.check(CONFIG, results())
    assert [check.name for check in checks] == [f"{task}, {network}: accuracy at 256" for task, network in MISSED]
    assert all(check.passed for check in checks)
    assert not state_tracking.check(state_tracking.Config(updates=10), results())


@pytest.mark.parametrize("pair", MISSED)
def test_a_result_that_breaks_one_criterion_misses_it_alone(pair):
    checks = state_tracking.check(CONFIG, results({pair: MISSED[pair]}))
    assert [check.name for check in checks if not check.passed] == [f"{pair[0]}, {pair[1]}: accuracy at 256"]


def test_the_title_is_computed():
    changes = {(PARITY, LSTM): 0.5, (PARITY, NEGATIVE): 0.7, (TRANSPOSITIONS, REFLECTS): 0.81}
    text = finding(results(dict.fromkeys([(PARITY, n) for n in (TANH, GRU, REFLECTS)], 1.0) | changes))
    text = text.replace("\N{NO-BREAK SPACE}", " ")
    assert "Parity of 256 bits after training on 40 at most: right for tanh, GRU and delta rule β < 2" in text
    assert "a guess for LSTM, minGRU (0, 1) and delta rule β < 1; minGRU (-1, 1) 70 %." in text
    assert "right 81 % of the time for transpositions, 33 % for all permutations" in text


# --- runs ---


def test_state_tracking_runs(tmp_path, monkeypatch):
    """One pair is trained, and stands for all of them."""
    trained, study = [], trials.study

    def once(config, task, network):
        if not trained:
            trained.append(study(config, PARITY, NEGATIVE))
        return trained[0]

    monkeypatch.setattr(state_tracking, "study", once)
    options = ["--hidden-size", "3", "--batch-size", "4", "--updates", "100", "--lengths", "3", "--longest", "8"]
    options += ["--learning-rates", "0.01", "--trials", "1", "--runs", "2", "--networks", "1"]
    folder, rows, summary = finished(state_tracking.EXPERIMENT, options, tmp_path)
    assert [(row["task"], row["network"]) for row in rows] == PAIRS
    assert summary[f"{ALL}: chance given the parity of the product"] == pytest.approx(1 / 3)
    assert not summary["checks"]
    with np.load(folder / "curves.npz") as curves:
        found = curves[f"accuracy/{PARITY}/{NEGATIVE}"]
    assert found.shape == (2, 1, 8)
    assert ((found > 0.3) & (found <= 1)).all()
    assert float(rows[0]["at 8"]) == pytest.approx(found[..., 7].mean())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--lengths", "40", "8"], "--lengths must increase from 2 or more; got (40, 8)"),
        (["--lengths", "1", "8"], "--lengths must increase from 2 or more"),
        (["--longest", "40"], "--longest must be above all --lengths, (8, 40); got 40"),
        (["--learning-rates", "0.1", "0.1"], "--learning-rates must be positive and differ"),
        (["--learning-rates", "nan"], "--learning-rates must be"),
        (["--runs", "1"], "--runs must be at least 2; got 1"),
        (["--full", "--updates", "7"], "--updates has no effect with --full, which takes 20000"),
    ],
)
def test_a_bad_option_stops_before_anything_is_written(options, message, tmp_path, capsys):
    assert message in refused(state_tracking.EXPERIMENT, options, tmp_path / "results", capsys)
