"""`skips`: the coefficient of a graph, its networks and what is measured of them, and what its criteria see."""

import dataclasses
import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from runs import finished, meaningless_digits, refused
from scipy.stats import spearmanr

from experiments import skips
from experiments.common import handwritten
from experiments.common.experiment import Results
from experiments.common.networks import logits_of
from experiments.common.ranks import rank_correlations
from experiments.common.splits import Run, Split, draw_runs
from experiments.common.studies import Digits
from experiments.skips import figure, graph, networks, trials
from experiments.skips.networks import PLAIN, Kind, kinds
from recurrent import count_parameters, elman, lstm, stack
from recurrent.cells import lstm_variant, time_skip
from recurrent.losses import cross_entropy
from recurrent.wrappers import dilated

pytestmark = [
    pytest.mark.xdist_group("skips"),
    pytest.mark.usefixtures("users_numerics"),
]

ALL = kinds(skips.Config().skips)
BRIEF = dataclasses.replace(skips.Config(), hidden_size=4, updates=2, blanks=(0,), learning_rates=(0.01,), folds=2)


def test_skips_runs(tmp_path, monkeypatch):
    few = tuple(part[:150] for part in handwritten.load())
    monkeypatch.setattr(handwritten, "load", lambda: few)

    def study(config, kind, *others):  # the plain network has made-up scores, for its programs take long to compile
        if kind != PLAIN:
            return trials.study(config, kind, *others)
        scores = {name: np.array([0.25, 0.5]) for name in Split._fields}
        return {"trials": np.ones((1, 2)), "rate": np.array(0.01), "decay": -np.ones((2, 66)), **scores}

    monkeypatch.setattr(skips, "study", study)
    given = ["--hidden-size", "3", "--batch-size", "4", "--updates", "2", "--folds", "2", "--learning-rates", "0.01"]
    folder, rows, summary = finished(skips.EXPERIMENT, [*given, "--skips", "3", "--blanks", "1"], tmp_path)
    names = [(row["network"], row["blanks"], row["measured s"]) for row in rows]
    assert names == [("plain", "1", "1.0"), ("skip 3", "1", "3.0")]
    assert [rows[0][name] for name in ("training", "validation", "test")] == ["0.375"] * 3
    assert len(list(folder.glob("parts/*.npz"))) == 2
    assert summary["checks"] == []  # they are stated for other options
    with np.load(folder / "curves.npz") as curves:
        assert curves["decay/1/skip 3"].shape == (2, 66)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--skips", "64"], "of 64 steps, or they bridge nothing; got 64"),
        (["--skips", "2", "80", "--blanks", "16", "256"], "of 80 steps, or they bridge nothing; got 80"),
        (["--skips", "5", "2"], "--skips must be increasing and at least 2"),
        (["--skips", "5", "5"], "--skips must be increasing"),
        (["--skips", "1", "5"], "--skips must be increasing and at least 2"),
        (["--skips", "-5"], "--skips must be increasing and at least 2"),
        (["--skips", "2.5"], "Error parsing --skips"),
        (["--blanks", "64", "0"], "--blanks must be increasing and not negative"),
        (["--blanks", "-1"], "--blanks must be increasing and not negative"),
        (["--hidden-size", "0"], "--hidden-size must be at least 1; got 0"),
        (["--batch-size", "0"], "--batch-size must be at least 1; got 0"),
        (["--updates", "0"], "--updates must be at least 1; got 0"),
        (["--folds", "1"], "--folds must be at least 2; got 1"),
        (["--seeds", "0"], "--seeds must be at least 1; got 0"),
        (["--learning-rates", "0.01", "0.01"], "--learning-rates must be positive and differ"),
        (["--full", "--updates", "10"], "--updates has no effect with --full"),
    ],
)
def test_a_bad_option_stops_before_anything_is_written(given, message, tmp_path, capsys):
    assert message in refused(skips.EXPERIMENT, given, tmp_path / "results", capsys)


def test_a_skip_may_be_one_step_shorter_than_the_shortest_sequence():
    assert skips.Config(skips=(63,)).skips == (63,)
    assert skips.Config(skips=(79,), blanks=(16, 32)).skips == (79,)
    with pytest.raises(ValueError, match="of 80 steps"):
        skips.Config(skips=(80,), blanks=(16, 32))
    with pytest.raises(ValueError, match="--skips must be increasing"):
        skips.Config(skips=())
    with pytest.raises(ValueError, match="--blanks must be increasing"):
        skips.Config(blanks=())


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (elman(2, 3), 1),
        (lstm(2, 3), 1),
        (lstm_variant(2, 3, forget_gate=None), 1),  # what is kept whole, and added to, is computed
        (elman(2, 1), 1),  # so is what depends on one entry alone
        (time_skip(2, 1, (3,)), 3),
        (time_skip(2, 3, (1,)), 1),
        (time_skip(2, 3, (1, 5)), 5),
        (time_skip(2, 2, (3, 4, 7)), 7),
        (time_skip(2, 3, (1, 3), activation="identity"), 3),
        (dilated(elman(2, 3), 4), 4),
        (dilated(lstm(2, 2), 3), 3),
        (stack(elman(2, 3), elman(3, 2)), 1),
        (stack(elman(2, 2), time_skip(2, 2, (1, 6))), 6),
        (stack(dilated(elman(2, 2), 2), dilated(elman(2, 2), 5)), 5),
    ],
)
def test_the_coefficient_of_cells_is_what_their_equations_say(cell, expected):
    assert graph.coefficient(cell, 2) == expected


def cheapest(costs: np.ndarray, steps: int) -> float:
    """The least cost of all paths of so many steps: searched breadth first over (time, node), cost by cost."""
    size = len(costs)
    reached = {(0, node) for node in range(size)}
    for spent in range(steps + 1):
        front = list(reached)
        while front:
            time, node = front.pop()
            for later in range(size):
                if costs[later, node] == 0 and time < steps and (time + 1, later) not in reached:
                    reached.add((time + 1, later))
                    front.append((time + 1, later))
        if any(time == steps for time, _ in reached):
            return spent
        reached = {
            (time + 1, later) for time, node in reached for later in range(size) if costs[later, node] == 1 and time < steps
        }
    return np.inf


@pytest.mark.parametrize("seed", range(12))
def test_the_coefficient_is_the_limit_of_steps_over_cost(seed):
    rng = np.random.default_rng(seed)
    size = int(rng.integers(2, 5))
    costs = rng.choice([0.0, 1.0, np.inf], (size, size), p=(0.15, 0.35, 0.5))
    found = graph.steps_per_edge(costs)
    once, twice = (cheapest(costs, 12 * times) for times in (2, 4))  # every cycle of up to 4 nodes fits 12 steps
    if np.isinf(once):
        assert found == 0
    elif twice == once:
        assert found == np.inf
    else:
        np.testing.assert_allclose(found, 24 / (twice - once), rtol=1e-12)


def test_cycles_of_many_edges_have_coefficients_between_whole_numbers():
    costs = np.full((5, 5), np.inf)
    for earlier, later, cost in ((0, 1, 1), (1, 2, 0), (2, 3, 1), (3, 4, 0), (4, 0, 0)):
        costs[later, earlier] = cost
    assert graph.steps_per_edge(costs) == 2.5
    costs[0, 3] = 1  # a cycle of 4 steps and 3 edges is slower
    assert graph.steps_per_edge(costs) == 2.5
    assert graph.steps_per_edge(np.array([[np.inf, np.inf], [1, np.inf]])) == 0  # a path that ends
    assert graph.steps_per_edge(np.array([[0.0, np.inf], [1, 1]])) == np.inf


def test_edges_are_entries_that_a_step_reads_and_moves_are_free():
    costs = graph.edges(time_skip(2, 2, (1, 3)), 2)
    expected = np.full((3, 2, 3, 2), np.inf)
    expected[0, :, [0, 2]] = 1
    for place, unit in itertools.product((0, 1), range(2)):
        expected[place + 1, unit, place, unit] = 0
    np.testing.assert_array_equal(costs, expected.reshape(6, 6))


def test_what_is_varied_is_the_lag_and_parameters_are_equally_many():
    sizes = {kind: networks.size(kind, networks.width(kind, 32)) for kind in ALL}
    assert len({sizes[kind] for kind in ALL[1:]}) == 1
    assert abs(sizes[PLAIN] / sizes[Kind(21)] - 1) < 0.02
    assert [kind.lags for kind in ALL] == [(1,), (1, 2), (1, 5), (1, 9), (1, 13), (1, 21)]
    params = networks.make_cell(Kind(5), 6).init(jax.random.key(0))
    assert networks.size(Kind(5), 6) == count_parameters(params) + 70
    for block in np.split(np.asarray(params.recurrent_kernel), 2, axis=1):
        np.testing.assert_allclose(block @ block.T, np.eye(6) / 2, atol=1e-6)
    plain = networks.make_cell(PLAIN, 6).init(jax.random.key(0)).recurrent_kernel
    np.testing.assert_allclose(plain @ plain.T, np.eye(6), atol=1e-6)


def loop(network, images, skip: int, blanks: int, nudges):
    """The last state, in a loop over steps, `nudges` being added to the states."""
    u, w, b = network.cell
    xs = jnp.concatenate([images.T, jnp.zeros((blanks, len(images)))])
    states = [nudges[0]]
    for t, x in enumerate(xs):
        before = states[t + 1 - skip] if t + 1 >= skip else jnp.zeros_like(states[0])
        a = x[:, None] @ u + states[t] @ w[:, :4] + before @ w[:, 4:] + b
        states.append(jnp.tanh(a) + nudges[t + 1])
    return states[-1]


def drawn(count: int):
    digits = Digits(jnp.asarray(np.random.default_rng(0).random((count, 64), np.float32)), jnp.arange(count) % 10)
    cell = networks.make_cell(Kind(3), 4)
    network = trials.drawing(cell, 4)(jax.random.key(1))
    return cell, network._replace(cell=network.cell._replace(bias=jnp.linspace(-0.3, 0.3, 4))), digits


def test_networks_answer_by_their_last_state():
    cell, network, digits = drawn(40)
    last = jax.jit(functools.partial(loop, skip=3, blanks=2))(network, digits.images, nudges=jnp.zeros((67, 40, 4)))
    right = np.asarray(logits_of(network, last)).argmax(axis=1) == digits.labels
    compiled = trials.studies.functions(cell, trials.STEPS, 2, networks.newest)
    np.testing.assert_array_equal(compiled.right(network, digits), right)
    assert 0 < right.mean() < 1
    assert compiled.score(network, digits, np.arange(30)) == pytest.approx(right[:30].mean())


def test_gradients_by_lag_are_those_of_autodiff(monkeypatch):
    cell, network, digits = drawn(9)
    monkeypatch.setattr(trials, "SAMPLE", 5)
    chosen = np.array([2, 3, 5, 7, 8])
    found = trials.decay(cell, 2, network, digits, Run(Split(np.array([0]), np.array([*chosen, 4]), np.array([1])), 0))

    def loss(nudges):
        return cross_entropy(
            logits_of(network, loop(network, digits.images[chosen], 3, 2, nudges)), digits.labels[chosen]
        ).sum()

    norms = np.linalg.norm(jax.jit(jax.grad(loss))(jnp.zeros((67, 5, 4))), axis=-1)[::-1]
    expected = np.median(np.log10(norms), axis=1)
    np.testing.assert_allclose(found, expected - expected[0], atol=1e-3)


def test_each_accuracy_is_of_its_own_digits(monkeypatch):
    digits = Digits(jnp.zeros((9, 64)), jnp.array([0, 1, 1, 2, 2, 2, 3, 3, 3]))  # blank images all get one answer
    split = Split(np.arange(0, 3), np.arange(3, 6), np.arange(6, 9))
    cell = networks.make_cell(Kind(3), 4)
    blank = trials.drawing(cell, 4)(jax.random.key(0))._replace(kernel=jnp.full((4, 10), 1e-3))
    for label, expected in ((1, (2 / 3, 0, 0)), (2, (0, 1, 0)), (3, (0, 0, 1))):
        made = trials.studies.Study(np.zeros((1, 1)), 0.01, [blank._replace(bias=jnp.eye(10)[label])])
        monkeypatch.setattr(trials.studies, "study", lambda *given, made=made: made)
        found = trials.study(dataclasses.replace(BRIEF, blanks=(0, 9)), Kind(3), 0, digits, [Run(split, 0)])
        np.testing.assert_allclose([found[part][0] for part in ("training", "validation", "test")], expected, atol=1e-6)
        assert "decay" not in found  # there are more blank steps elsewhere


@pytest.mark.leaks
def test_networks_learn_nothing_of_the_digits_they_are_tested_on():
    meaningless = Digits(*meaningless_digits(100))
    config = dataclasses.replace(BRIEF, hidden_size=32, updates=1500, learning_rates=(0.004,), blanks=(0, 9))
    found = trials.study(config, Kind(13), 0, meaningless, draw_runs(config, np.asarray(meaningless.labels)))
    assert found["training"].min() > 0.8
    assert found["test"].mean() < 0.25
    assert found["validation"].mean() < 0.35


def test_rank_correlations_are_spearmans():
    rng = np.random.default_rng(0)
    rows, values = rng.integers(0, 5, (6, 7)) / 5, rng.normal(size=7)
    found = rank_correlations(rows, values)
    np.testing.assert_allclose(found, np.array([spearmanr(row, values) for row in rows])[:, 0], atol=1e-12)
    np.testing.assert_array_equal(rank_correlations(np.full((2, 7), 0.1), values), 0)


GOOD = {0: (0.80, 0.81, 0.82, 0.83, 0.84, 0.85), 64: (0.5, 0.6, 0.7, 0.8, 0.85, 0.88), 256: (0.3, 0.4, 0.5, 0.6, 0.7, 0.8)}
"""Accuracies that meet all criteria."""


def made(changed=None, coefficients=(1, 2, 5, 9, 13, 21), spread=0.01) -> Results:
    """Results with these accuracies, those of each network spread a little over runs in a way of its own."""
    curves: dict = {"skips": np.array(skips.Config().skips), "blanks": np.array(skips.Config().blanks)}
    curves |= {f"coefficient/{kind.name}": np.array(s) for kind, s in zip(ALL, coefficients, strict=True)}
    curves["logistic"] = np.array(0.97)
    rng = np.random.default_rng(0)
    for blanks, accuracies in (GOOD | (changed or {})).items():
        for kind, accuracy in zip(ALL, accuracies, strict=True):
            noise = spread * rng.normal(size=5)
            curves[f"test/{blanks}/{kind.name}"] = accuracy + noise - noise.mean()
            curves[f"decay/{blanks}/{kind.name}"] = np.zeros((5, 9))
    return Results([], {}, curves)


def failures(results: Results) -> list[str]:
    checks = skips.check(skips.Config(seed=3), results)
    assert len(checks) == 5
    return [check.name[:3] for check in checks if not check.passed]


def test_all_criteria_can_be_met():
    assert failures(made()) == []


@pytest.mark.parametrize(
    ("changed", "missed"),
    [
        ({0: (0.1, 0.1, 0.1, 0.1, 0.1, 0.1), 256: (0.799, 0.4, 0.5, 0.6, 0.7, 0.8)}, ["(1)", "(3)", "(5)"]),
        ({256: (0.3, 0.799, 0.5, 0.6, 0.7, 0.8)}, ["(2)", "(3)", "(4)"]),  # the best, but not surely
        ({256: (0.65, 0.4, 0.5, 0.6, 0.7, 0.8)}, ["(3)"]),  # the plain network is ahead of three: 0.66
        ({256: (0.3, 0.6, 0.4, 0.5, 0.7, 0.8)}, ["(4)"]),  # 0.83 of six, but 0.7 of five
        ({0: (0.3, 0.81, 0.82, 0.83, 0.84, 0.799)}, ["(5)"]),
        ({0: (0.1, 0.81, 0.82, 0.83, 0.84, 0.85)}, ["(5)"]),
    ],
)
def test_each_criterion_can_be_missed(changed, missed):
    assert failures(made(changed)) == missed


def test_the_order_is_that_of_the_measured_coefficient():
    assert failures(made(coefficients=(21, 13, 9, 5, 2, 1))) == ["(3)", "(4)"]


@pytest.mark.parametrize(
    "changed", [{"blanks": (0, 64)}, {"updates": 999}, {"hidden_size": 64}, {"seeds": 3}, {"skips": (21,)}, {"folds": 4}]
)
def test_there_is_no_verdict_for_options_that_the_criteria_do_not_speak_of(changed):
    assert skips.check(dataclasses.replace(skips.Config(), **changed), Results([], {}, {})) == []


def test_the_larger_size_is_judged_by_the_same_criteria():
    assert len(skips.check(skips.Config(full=True), made())) == 5


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {},
            (
                "50 points ahead of a plain network and 40 points ahead of skip 2",
                "(s = 21)",
                "grows with",
                "s is 1.00 [1.00, 1.00]",
            ),
        ),
        ({0: GOOD[256]}, ("does not surely change with",)),
        ({0: (0.1, 0.1, 0.1, 0.1, 0.1, 0.8)}, ("shrinks with",)),
        ({256: (0.8, 0.9, 0.5, 0.6, 0.7, 0.8)}, ("not told apart from a plain network and 10 points behind skip 2",)),
    ],
)
def test_the_title_says_what_was_found(changed, said):
    text = figure.plot(made(changed)).get_suptitle().replace("\n", " ")
    assert not [words for words in said if words not in text], text


def test_the_title_of_a_single_skip_and_delay_compares_what_there_is():
    results = made()
    results.curves.update(skips=np.array([21]), blanks=np.array([256]))
    found = figure.finding(results)
    assert "50 points ahead of a plain network;" in found
    assert "delay" not in found
