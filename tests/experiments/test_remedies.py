"""Remedies: a tiny run, equal sizes, what is measured against other computations, what chooses, criteria that can fail."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import drawn
from runs import finished, refused

from experiments import remedies
from experiments.common.experiment import Results
from experiments.common.networks import Network, count
from experiments.common.solving import CHOICE, Course
from experiments.remedies import measures, networks, trials
from experiments.remedies.figure import finding_of
from experiments.remedies.findings import findings
from experiments.remedies.networks import REMEDIES, VANILLA, readout_alone, sized
from experiments.remedies.options import Config
from recurrent import elman
from recurrent.tasks import delayed_recall

pytestmark = [pytest.mark.xdist_group("remedies"), pytest.mark.usefixtures("users_numerics")]

LENGTH, TASK = 6, delayed_recall(3, shortest_lag=5)
TINY = Config(length=LENGTH, symbols=3, parameters=150, batch_size=4, updates=50, learning_rates=(0.01, 0.02), seeds=2)
SETTING = trials.make_setting(TINY, VANILLA)


def test_remedies_run(tmp_path, monkeypatch):
    """Trained is one network, and timed are both; the other one has made-up results."""
    chosen = {name: REMEDIES[name] for name in (VANILLA, "IRNN")}
    for room in (remedies, networks, trials):
        monkeypatch.setattr(room, "REMEDIES", chosen)
    studied = trials.study
    monkeypatch.setattr(trials, "study", lambda config, name: studied(config, name) if name == VANILLA else made_up(config))
    monkeypatch.setattr(measures, "ROUNDS", 1)
    options = ["--length", "6", "--symbols", "3", "--parameters", "150", "--batch-size", "4", "--updates", "50", "--seeds", "2"]
    folder, rows, summary = finished(remedies.EXPERIMENT, [*options, "--learning-rates", "0.01"], tmp_path)
    assert [row["remedy"] for row in rows] == list(chosen)
    assert all(100 < int(row["parameters"]) <= 150 for row in rows)
    assert all(float(row["us/step"]) > 0 for row in rows)
    assert summary["chance"] == pytest.approx(np.log(3))
    assert summary["checks"] == []
    with np.load(folder / "curves.npz") as curves:
        assert curves[f"before/decay/{VANILLA}"].shape == (2, LENGTH)
        assert not np.array_equal(curves[f"before/decay/{VANILLA}"], curves[f"after/decay/{VANILLA}"])


def made_up(config, before=-1.0, updates=100.0, after=-0.5, exponent=-0.05):
    """What `study` finds of networks whose gradients fall to so much, log10, over the whole sequence."""
    seeds, lags = config.seeds, config.length
    made = {"rate": np.array(0.01), "updates": np.full(seeds, updates), "wrong": np.zeros(seeds)}
    made |= {"losses": np.ones((seeds, -(-config.updates // trials.EVERY)))}
    for when, end in (("before", before), ("after", after)):
        made[f"{when}/decay"] = np.linspace(0, end, lags)[None].repeat(seeds, axis=0)
        made |= {
            f"{when}/exponent": np.full(seeds, exponent),
            f"{when}/kept": np.full(seeds, 2),
            f"{when}/size": np.full(seeds, 8),
        }
    return made


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--length", "3"], "--length must be at least 4; got 3"),
        (["--symbols", "1"], "--symbols must be at least 2; got 1"),
        (["--learning-rates", "0.1", "0.1"], "--learning-rates must be positive and differ"),
        (["--learning-rates", "nan"], "--learning-rates must be finite"),
        (["--updates", "0"], "--updates must be at least 1; got 0"),
        (["--seeds", "0"], "--seeds must be at least 1; got 0"),
    ],
)
def test_a_bad_option_stops_before_anything_is_written(options, message, tmp_path, capsys):
    assert message in refused(remedies.EXPERIMENT, options, tmp_path / "results", capsys)


@pytest.mark.parametrize("name", list(REMEDIES))
def test_every_remedy_has_as_many_parameters_as_fit(name):
    config = Config()
    setting = trials.make_setting(config, name)
    assert 0.9 * config.parameters < count(setting.cell, config.symbols, setting.hidden_size) <= config.parameters
    with pytest.raises(ValueError, match=f"--parameters must suffice for the smallest {name}; got 10"):
        sized(name, 10, 8, 99, 10)
    shapes = jax.eval_shape(lambda key: setting.cell.init(key), jax.random.key(0))
    state = jax.eval_shape(lambda p: setting.cell.initial_state(p), shapes)
    _, y = jax.eval_shape(setting.cell.step, shapes, state, jax.ShapeDtypeStruct((10,), jnp.float32))
    assert y.shape == (setting.hidden_size,)


def network(cell, seed=0):
    params, _ = drawn(cell, seed)
    rng = np.random.default_rng(seed)
    return Network(params, jnp.asarray(rng.normal(size=(SETTING.hidden_size, 3)), jnp.float32), jnp.zeros(3))


def test_what_is_measured_of_a_tanh_network_is_that_of_products_of_its_jacobians():
    cell, key = SETTING.cell, jax.random.key(3)
    net = network(cell)
    found = measures.flow(SETTING._replace(objective=None), LENGTH, net, key)
    u, w, b = (np.asarray(leaf, np.float64) for leaf in net.cell)
    v = np.asarray(net.kernel, np.float64)
    batch = TASK.sample(key, measures.SEQUENCES, LENGTH)
    decays, tops, kept = [], [], []
    for row in range(measures.SEQUENCES):
        h, slopes = np.zeros(len(w)), []
        for x_t in np.asarray(batch.xs)[:, row]:
            h = np.tanh(x_t @ u + h @ w + b)
            slopes.append(1 - h**2)
        logits = h @ v
        delta = v @ (np.exp(logits) / np.exp(logits).sum() - np.eye(3)[int(batch.targets[-1, row])])
        norms, product = [], np.eye(len(w))
        for slope in slopes[::-1]:
            delta = w @ (slope * delta)
            norms.append(np.log10(np.linalg.norm(delta)))
            product = product @ np.diag(slope) @ w.T
        decays.append(np.array(norms) - norms[0])
        if row < measures.FEW:
            kept.append((np.linalg.svd(product, compute_uv=False) > 0.01).sum())
            tops.append(slopes)
    np.testing.assert_allclose(found.decay, np.median(decays, axis=0), atol=1e-4)
    assert float(found.kept) == np.mean(kept)
    assert int(found.size) == len(w)
    start = np.asarray(jnp.linalg.qr(jax.random.normal(jax.random.key(0), (len(w), 1), jnp.float32))[0], np.float64)[:, 0]
    grown = [np.log(np.linalg.norm(np.linalg.multi_dot([np.diag(s) @ w.T for s in slopes[::-1]]) @ start)) for slopes in tops]
    np.testing.assert_allclose(found.exponent, np.mean(grown) / LENGTH, atol=1e-4)


def test_sequences_without_a_gradient_do_not_spoil_the_median():
    """An answer that is certain has a loss of 0 in float32, and so has its gradient."""
    net = network(SETTING.cell)
    certain = net._replace(bias=jnp.array([0.0, 0.0, 1e4]))
    key = jax.random.key(3)
    classes = np.asarray(TASK.sample(key, measures.SEQUENCES, LENGTH).targets)[-1]
    assert 0 < (classes == 2).sum() < measures.SEQUENCES
    assert np.all(np.isfinite(measures.flow(SETTING._replace(objective=None), LENGTH, certain, key).decay))


@pytest.mark.parametrize(
    ("decay", "expected"),
    [
        ([0, -1, -1.9, -2.1, -3], 3),
        ([0, -1, -2], 3),
        ([0, -3, 0, 0], 1),
        ([0, 5, 9], 3),
        ([0, np.nan, 0], 1),
        ([0, -np.inf], 1),
        ([-50, -51, -52.5], 2),
    ],
)
def test_the_horizon_is_the_last_lag_before_a_hundredth(decay, expected):
    assert measures.horizon(np.array(decay, float)) == expected


def test_a_reservoir_is_not_trained_and_its_readout_is():
    batch = TASK.sample(jax.random.key(0), 4, LENGTH)
    gradient = jax.grad(lambda net: readout_alone(SETTING.cell, TASK, net, batch))(network(SETTING.cell))
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(gradient.cell))
    assert np.all(np.any(gradient.kernel, axis=0))
    assert REMEDIES["echo state"].objective is readout_alone


@pytest.mark.parametrize(
    ("courses", "expected"),
    [
        ({0.01: ([0.5], False), 0.02: ([0.9, 0.8], True)}, 0.02),  # solved beats a lower loss
        ({0.01: ([0.9, 0.8, 0.1], True), 0.02: ([0.9, 0.8], True)}, 0.02),  # fewer updates
        ({0.01: ([0.5], False), 0.02: ([0.4], False)}, 0.02),
        ({0.01: ([0.5], False), 0.02: ([np.nan], False)}, 0.01),
    ],
)
def test_a_rate_is_chosen_by_updates_and_then_by_loss_on_a_seed_of_its_own(monkeypatch, courses, expected):
    def solve(setting, seed, rate, updates, label):
        assert seed == TINY.seed + CHOICE
        losses, solved = courses[rate]
        passed = np.zeros(len(losses), bool)
        passed[-1] = solved
        return Course(50 * np.arange(1, 1 + len(losses)), np.array(losses), np.zeros(len(losses)), passed, None)

    monkeypatch.setattr(trials, "solve", solve)
    assert trials.choose(TINY, SETTING, VANILLA) == expected


def test_networks_are_timed_in_turns_after_a_round_that_warms_up(monkeypatch):
    monkeypatch.setattr(measures, "ROUNDS", 3)
    times = measures.costs(
        {"a": SETTING, "b": SETTING}, LENGTH, {name: network(elman(5, SETTING.hidden_size)) for name in "ab"}
    )
    assert {name: len(values) for name, values in times.items()} == {"a": 3, "b": 3}
    assert all(np.all(values > 0) for values in times.values())


def good():
    """Results that meet every criterion: horizons of all lengths, and the longer they are the fewer updates."""
    config, curves = Config(), {}
    for place, name in enumerate(REMEDIES):
        none = name == VANILLA
        made = made_up(config, before=-1.0 - (19 if none else 0.3 * place), updates=np.inf if none else 100.0 + place)
        curves |= {f"{key}/{name}": value for key, value in made.items()} | {f"cost/{name}": np.full(10, 1.0 + place)}
    curves |= {"remedies": np.array(list(REMEDIES)), "length": np.array(config.length), "updates": np.array(config.updates)}
    return Results([], {}, curves)


def test_good_results_meet_every_criterion_and_other_options_have_none():
    found = remedies.check(Config(), good())
    assert len(found) == 5
    assert all(check.passed for check in found)
    assert all(check.passed for check in remedies.check(Config(seed=3), good()))
    assert remedies.check(Config(seeds=4), good()) == []


def changed(results, names, **values):
    for name in names:
        made = made_up(Config(), **values)
        results.curves.update({f"{key}/{name}": value for key, value in made.items()})
    return results


LATER = list(REMEDIES)[-11:]


@pytest.mark.parametrize(
    ("missed", "change"),
    [
        ({"(1)"}, lambda r: changed(r, [VANILLA], before=-3.5, updates=np.inf)),
        ({"(2)"}, lambda r: r.curves[f"updates/{VANILLA}"].__setitem__(0, 900.0)),
        ({"(3)"}, lambda r: [r.curves[f"updates/{name}"].__setitem__(0, np.inf) for name in LATER]),
        ({"(4)"}, lambda r: [changed(r, [n], before=-1.0 - 0.3 * i, updates=900.0 - i) for i, n in enumerate(REMEDIES) if i]),
        (
            {"(4)"},
            lambda r: [changed(r, [n], before=-1 - 0.3 * i, updates=100.0 + 7 * i % 19) for i, n in enumerate(REMEDIES) if i],
        ),
        ({"(5)"}, lambda r: changed(r, ["GRU"], exponent=-0.11, before=-4.6, updates=112.0)),
        ({"(5)"}, lambda r: changed(r, ["GRU"], exponent=0.11, before=-4.6, updates=112.0)),
    ],
)
def test_each_criterion_is_missed_by_results_that_do_not_meet_it(missed, change):
    results = good()
    change(results)
    assert {check.name[:3] for check in remedies.check(Config(), results) if not check.passed} == missed


def test_the_correlation_ranks_what_is_never_learned_last_and_its_interval_holds_it():
    found = remedies.correlation(good())
    assert found.low <= found.middle <= found.high < 0
    horizons = [one.horizon_before for one in findings(good()).values()]
    assert len(set(horizons)) > 10
    assert found.middle < -0.9


def test_the_title_states_what_this_run_found():
    results = good()
    assert "99 steps: 19 of 20 solve the task in all seeds; tanh, Gaussian in the fewest updates, 101" in finding_of(results)
    assert f"Not in every seed: {VANILLA}" in finding_of(results)
    for name in REMEDIES:
        results.curves[f"updates/{name}"] = np.full(3, np.inf)
    assert "0 of 20 solve the task in all seeds. Not in every seed" in finding_of(results)
