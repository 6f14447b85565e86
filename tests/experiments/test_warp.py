"""`warp`: what its networks share, how a rate is chosen, and its criteria on synthetic results."""

import jax
import numpy as np
import pytest
from runs import finished, refused

from experiments import warp
from experiments.common.experiment import Results
from experiments.common.networks import count
from experiments.common.solving import CHOICE, Course
from experiments.warp.figure import finding, plot
from experiments.warp.findings import farthest, losses
from experiments.warp.networks import FORMS, GATED, LEAKY, NETWORKS, PLAIN, UNIFORM, VARIABLE, make_setting
from recurrent import unroll

pytestmark = [pytest.mark.xdist_group("warp"), pytest.mark.usefixtures("users_numerics")]

CONFIG = warp.Config()


def test_warp_runs(tmp_path, monkeypatch):
    """Two warps and one rate; of the networks only tanh is trained."""
    monkeypatch.delitem(NETWORKS, GATED)
    monkeypatch.delitem(NETWORKS, LEAKY)
    options = ["--warps", "1", "20", "--length", "30", "--hidden-size", "3", "--batch-size", "4", "--updates", "2"]
    folder, rows, summary = finished(warp.EXPERIMENT, [*options, "--learning-rates", "0.01", "0.02", "--seeds", "2"], tmp_path)
    assert [(row["form"], row["warp"]) for row in rows] == [(UNIFORM, "1"), (UNIFORM, "20"), (VARIABLE, "20")]
    assert summary["memoryless"] == pytest.approx(np.log(8))
    assert summary["checks"] == []
    with np.load(folder / "curves.npz") as curves:
        assert curves[f"choice/{PLAIN}/{VARIABLE}/losses"].shape == (2,)
        for form, far in ((UNIFORM, 1), (UNIFORM, 20), (VARIABLE, 20)):
            assert np.all(np.abs(curves[f"loss/{PLAIN}/{form}/{far}"] - np.log(9)) < 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--warps", "5", "5"], "--warps must increase from 1 or more; got (5, 5)"),
        (["--warps", "0", "5"], "--warps must increase from 1 or more; got (0, 5)"),
        (["--warps", "5", "100"], "--length must be above the largest warp and above 20"),
        (["--warps", "5", "--length", "20"], "--length must be above the largest warp and above 20"),
        (["--updates", "0"], "--updates must be at least 1; got 0"),
        (["--learning-rates", "nan"], "--learning-rates must be finite"),
    ],
)
def test_a_bad_option_stops_before_anything_is_written(options, message, tmp_path, capsys):
    assert message in refused(warp.EXPERIMENT, options, tmp_path / "results", capsys)


def test_networks_have_the_sizes_that_the_docstring_says():
    found = {name: make_setting(CONFIG, name, VARIABLE, 20) for name in NETWORKS}
    assert {name: count(one.cell, one.task.outputs, 32) for name, one in found.items()} == {
        PLAIN: 1673,
        LEAKY: 1705,
        GATED: 3049,
    }


def test_leaks_and_gates_start_with_the_same_time_constants():
    """What is left of a state after a step without a drive is 1 - 1/τ, τ from 2 to the warp + 2."""
    for name in (LEAKY, GATED):
        cell = make_setting(warp.Config(hidden_size=200), name, VARIABLE, 20).cell
        params = jax.tree.map(np.zeros_like, cell.init(jax.random.key(0)))._replace(
            **{"leak_logit" if name == LEAKY else "bias": drawn(cell, name)}
        )
        state = jax.tree.map(np.ones_like, cell.initial_state(params, ()))
        kept = np.asarray(unroll(cell, params, np.zeros((1, 10), np.float32), state)[1][0])
        times = 1 / (1 - kept)
        assert 2 <= times.min() < 2.5
        assert 21 < times.max() <= 22.01
        assert abs(times.mean() - 12) < 1.5


def drawn(cell, name):
    params = cell.init(jax.random.key(0))
    return params.leak_logit if name == LEAKY else params.bias


RATES = CONFIG.learning_rates


@pytest.mark.parametrize(
    ("losses", "updates", "rate"),
    [
        ((0.5, 0.4, 0.3, 0.6, 0.7), (9, 9, 9, 9, 9), 0.01),
        ((0.5, 0.019, 0.001, 0.018, 0.7), (9, 5, 4, 3, 9), 0.03),  # all three are low enough, and the last is fastest
        ((np.nan, 2.0, 0.021, 0.0199, 2.0), (1, 9, 1, 8, 9), 0.03),
    ],
)
def test_the_rate_of_a_form_is_chosen_on_a_seed_that_is_not_reported(losses, updates, rate, monkeypatch):
    seen = []

    def train(config, name, form, far, rate, seed):
        seen.append((form, far, seed))
        i = RATES.index(rate)
        return {"stopped_at": losses[i], "losses": -rate, "updates": updates[i]}

    monkeypatch.setattr(warp, "train", train)
    assert warp.choose(warp.Config(seed=3), GATED, VARIABLE)["rate"] == rate
    assert seen == [(VARIABLE, 20, 3 + CHOICE)] * 5
    assert warp.choose(warp.Config(learning_rates=(0.2,)), GATED, UNIFORM)["rate"] == 0.2
    assert len(seen) == 5  # one rate is not chosen by training


def test_what_is_reported_is_not_the_test_that_ended_the_training(monkeypatch):
    course = Course(np.array([50]), np.array([0.001]), np.array([0.0]), np.array([True]), "network")
    monkeypatch.setattr(warp, "solve", lambda *given, **options: course)
    monkeypatch.setattr(warp, "test", lambda setting, length, network, key: (0.03, 0.0, network == "network" and length == 100))
    found = warp.train(CONFIG, GATED, UNIFORM, 5, 0.01, 0)
    assert found == {"stopped_at": 0.001, "losses": 0.03, "updates": 50}


def test_a_training_ends_where_its_loss_is_low(monkeypatch):
    asked = {}

    def solve(setting, seed, rate, updates, label, *, stop, done):
        asked.update(stop=stop, done=[done(np.array(found)) for found in ([0.01, 0.021], [0.5, 0.019], [np.nan])])
        raise StopIteration

    monkeypatch.setattr(warp, "solve", solve)
    with pytest.raises(StopIteration):
        warp.train(CONFIG, GATED, UNIFORM, 5, 0.01, 0)
    assert asked == {"stop": False, "done": [False, True, False]}


def results(changes=None):
    """Results that meet every criterion, but for the changed losses."""
    curves = {"warps": np.array(CONFIG.warps), "memoryless": np.array(np.log(8))}
    typical = {PLAIN: 1.2, LEAKY: 0.02, GATED: 0.02}
    for name in NETWORKS:
        for form, far in warp.settings(CONFIG):
            loss = 0.3 if (name, form) == (LEAKY, VARIABLE) else 0.02 if far < 20 else typical[name]
            curves[f"loss/{name}/{form}/{far}"] = np.full(3, loss)
    for (name, form, far), loss in (changes or {}).items():
        curves[f"loss/{name}/{form}/{far}"][1] = loss
    return Results([], {}, curves)


MISSED = {
    "(1) gated: worst loss, all warps": {(GATED, VARIABLE, 50): 0.051},
    "(2) leaky: worst loss, uniform warps": {(LEAKY, UNIFORM, 1): 0.051},
    "(3) leaky: best loss, variable warps >= 20": {(LEAKY, VARIABLE, 20): 0.049},
    "(4) tanh: best loss, warps >= 20": {(PLAIN, UNIFORM, 50): 1.03},
}


def test_results_as_claimed_meet_every_criterion():
    checks = warp.check(CONFIG, results())
    assert [check.name for check in checks] == list(MISSED)
    assert all(check.passed for check in checks)
    assert not warp.check(warp.Config(updates=10), results())
    assert warp.check(warp.Config(seed=4), results())


@pytest.mark.parametrize("name", MISSED)
@pytest.mark.parametrize("nan", [False, True])
def test_a_result_that_breaks_one_criterion_misses_it_alone(name, nan):
    changes = dict.fromkeys(MISSED[name], np.nan) if nan else MISSED[name]
    assert [check.name for check in warp.check(CONFIG, results(changes)) if not check.passed] == [name]


def test_what_holds_at_small_warps_and_other_forms_breaks_nothing():
    spared = {(LEAKY, VARIABLE, 5): 0.01, (PLAIN, VARIABLE, 5): 0.01, (PLAIN, UNIFORM, 1): 0.01}
    assert all(check.passed for check in warp.check(CONFIG, results(spared)))


def test_a_network_answers_up_to_the_first_warp_where_a_seed_does_not():
    found = results({(GATED, VARIABLE, 20): 0.06})
    assert [farthest(found, GATED, form) for form in FORMS] == [50, 5]
    assert farthest(results({(GATED, UNIFORM, 1): np.nan}), GATED, VARIABLE) == 0
    assert losses(found, GATED, VARIABLE)[1] is found.curves[f"loss/{GATED}/{UNIFORM}/1"]


def test_the_title_says_what_was_found():
    assert finding(results()).endswith("the current one: tanh 5 and 5, leaky 50 and 1, gated 50 and 50")
    assert finding(results({(GATED, UNIFORM, 1): 0.2})).endswith("gated none and none")
    assert plot(results()).axes[1].get_title().startswith("(b) variable warping")
