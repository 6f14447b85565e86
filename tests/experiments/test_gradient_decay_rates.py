"""The main experiment on results that are made up: which criterion fails; what a rate is; its theory on small networks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.common.experiment import Results
from experiments.common.intervals import Interval
from experiments.gradient_decay import figure, laws, networks, rates
from experiments.gradient_decay.criteria import ALL, check
from experiments.gradient_decay.measures import measure
from experiments.gradient_decay.options import Config
from experiments.gradient_decay.theory import additive_rate, vanilla_rate
from recurrent import elman, lstm
from recurrent.initializers import zeros

pytestmark = pytest.mark.usefixtures("users_numerics")

LSTMS = [f"lstm forget bias {bias:g}" for bias in Config().forget_biases]


def made() -> Results:
    """Ten networks of every setting that do what theory says, but for a little noise."""
    config, rng, rows, curves = Config(), np.random.default_rng(0), [], {}

    def add(setting, rho, key, predicted, rate):
        curves[f"predicted/{key}"] = np.full(10, predicted)
        curves[f"rate/{key}"] = rate + 1e-3 * rng.normal(size=10)
        rows.append({"setting": setting, "rho": rho, "predicted": predicted, "measured": rate})

    for activation in ("tanh", "sigmoid", "relu", "identity"):
        for init in ALL:
            for radius in config.radii:
                predicted = np.log(radius) - (0 if activation == "identity" else 0.3)
                add(f"{activation} {init}", radius, f"{activation} {init}/{radius:g}", predicted, predicted)
    for name in (*LSTMS, "gru"):
        add(name, np.nan, name, -0.3, -0.1)
    for name in LSTMS:
        curves[f"additive rate/{name}"] = -0.3 + 1e-3 * rng.normal(size=10)
        curves[f"share/{name}"] = np.linspace(1, 0.4, 41) + 1e-3 * rng.normal(size=(10, 1))
    return Results(rows, {name: 0.0 for name, _ in laws.LAWS.values()}, curves)


def moved(activation, by):
    def change(results):
        for key in results.curves:
            if key.startswith(f"rate/{activation} "):
                results.curves[key] += by

    return change


def without_slope(activation):
    """Predictions near ln ρ, and rates exactly there."""

    def change(results):
        for key in results.curves:
            if key.startswith(f"rate/{activation} "):
                results.curves[key] = np.full(10, np.log(float(key.split("/")[-1])))
                results.curves[key.replace("rate/", "predicted/")] = results.curves[key] - 0.02

    return change


def to(key, value, at=slice(None)):
    def change(results):
        results.curves[key] = results.curves[key].copy()
        results.curves[key][at] = value

    return change


def law(key):
    name, target = laws.LAWS[key]
    return name, lambda results: results.summary.update({name: target + 1e-3})


GATED = "LSTM and GRU, whole gradient: measured - mean ln of the gate, least"
BREAKS = [
    *(law(key) for key in laws.LAWS),
    ("linear networks: |measured - ln(rho)|", moved("identity", 0.03)),
    *(
        (f"{name}, Gaussian and orthogonal W, rho <= 1: |measured - predicted|", moved(name, -0.1))
        for name in figure.LOOKS
        if name != "identity"
    ),
    *(
        (f"{name}, Gaussian and orthogonal W, rho <= 1: by how much ln(rho) alone is worse", without_slope(name))
        for name in figure.LOOKS
        if name != "identity"
    ),
    ("LSTM, additive path: |measured - mean ln f|", to(f"additive rate/{LSTMS[1]}", 0.3)),
    (GATED, to("rate/gru", -0.4)),
    (GATED, to(f"rate/{LSTMS[0]}", -0.31)),
    ("LSTM, forget bias 3: share of the additive path at lag 20", to(f"share/{LSTMS[2]}", 0.45, (slice(None), 20))),
]


def missed(results):
    return [one.name for one in check(Config(), results) if not one.passed]


def test_networks_that_follow_theory_pass():
    assert len(check(Config(), made())) == 4 + 1 + 6 + 3
    assert missed(made()) == []


@pytest.mark.parametrize(("name", "change"), BREAKS)
def test_each_criterion_fails_alone(name, change):
    results = made()
    change(results)
    assert missed(results) == [name]


def test_identity_matrices_and_radii_above_one_are_reported_not_judged():
    results = made()
    for key in ("rate/tanh identity/1", "rate/tanh gaussian/1.25", "rate/relu orthogonal/1.1"):
        to(key, -5.0)(results)
    assert missed(results) == []


def test_a_dead_network_misses_what_is_predicted():
    results = made()
    to("rate/relu gaussian/0.5", -np.inf, 3)(results)
    assert missed(results) == [
        "relu, Gaussian and orthogonal W, rho <= 1: |measured - predicted|",
        "relu, Gaussian and orthogonal W, rho <= 1: by how much ln(rho) alone is worse",
    ]


def test_the_criteria_are_stated_for_the_published_options_and_any_seed():
    assert check(Config(seed=5), made())
    assert not check(Config(hidden_size=32), made())
    assert not check(Config(input="text"), made())


@pytest.mark.parametrize(("by", "word"), [(0.0, "follow"), (-0.2, "do not follow")])
def test_the_title_says_whether_the_prediction_holds(by, word):
    results = made()
    results.summary.update(trained=False, input="digits")
    moved("tanh", by)(results)
    assert f"tanh networks, ρ ≤ 1, {word} radius times slope" in figure._finding(results)


def test_slopes_leave_early_lags_out_and_count_zeros_as_vanished():
    lags = np.arange(21.0)
    curves = np.stack(
        [-0.3 * lags, np.where(lags < 5, 0, -0.5 * (lags - 5)), np.where(lags < 18, 0, -np.inf), 0 * lags], axis=-1
    )
    curves[:, 3] = np.nan  # lost at lag 0
    found = rates.slopes(curves[None].astype(np.float32), 20)
    np.testing.assert_allclose(found[0, :2], np.log(10) * np.array([-0.3, -0.5]), rtol=1e-5)
    np.testing.assert_array_equal(found[0, 2:], -np.inf)
    np.testing.assert_allclose(rates.slopes(curves[None, :, 2:3], 17), 0)  # dead only beyond the last lag
    np.testing.assert_array_equal(rates.of_networks(found[:, [0, 2, 3]]), -np.inf)
    np.testing.assert_allclose(rates.of_networks(found[:, [0, 1, 2]]), found[:, 1])


def test_the_median_lies_between_order_statistics():
    assert rates.of_median(np.arange(10.0)) == Interval(1, 4.5, 8)
    assert rates.of_median(np.arange(5.0)) == Interval(-np.inf, 2, np.inf)
    assert rates.of_median(np.append(np.arange(7.0), -np.inf)) == Interval(-np.inf, 2.5, 6)


@pytest.mark.parametrize(
    ("rate", "word"), [(-np.inf, "vanishes"), (-0.02, "vanishes"), (-0.01, "keeps"), (0.01, "keeps"), (0.02, "explodes")]
)
def test_verdicts(rate, word):
    assert rates.verdict(rate) == word


def test_the_lag_of_loss():
    lags = np.arange(65.0)
    assert rates.lag_of_loss(-0.5 * lags, -1.15) == "<1e-6 at 12"
    assert rates.lag_of_loss(0.5 * lags, 1.15) == ">1e6 at 12"
    assert rates.lag_of_loss(0 * lags, 0.0) == "never"
    assert rates.lag_of_loss(np.where(lags < 9, 0, -np.inf), -np.inf) == "exactly 0 at 9"
    assert rates.lag_of_loss(-0.05 * lags, -0.05 * np.log(10)) == "<1e-6 at ~120"


def test_theory_is_the_radius_times_the_rms_slope():
    cell = elman(1, 3, activation="sigmoid", kernel_init=zeros)
    params = cell.init(jax.random.key(0))
    params = params._replace(recurrent_kernel=0 * params.recurrent_kernel)
    params = params._replace(recurrent_kernel=params.recurrent_kernel + jnp.diag(jnp.array([0.0, 0.0, 0.5])))
    h, slopes = np.zeros(3), []
    for _ in range(6):
        h = 1 / (1 + np.exp(-h * np.array([0, 0, 0.5])))
        slopes.append(h * (1 - h))
    found = vanilla_rate("sigmoid", cell, params, jnp.zeros((6, 2, 1)))
    np.testing.assert_allclose(found["predicted"], np.log(0.5) + 0.5 * np.log(np.mean(np.square(slopes))), rtol=1e-5)
    np.testing.assert_allclose(found["log_eta"], np.log(0.5 / 4), rtol=1e-5)


def test_an_additive_path_alone_decays_as_its_gate():
    cell = lstm(1, 3, forget_bias=1.0, kernel_init=zeros, recurrent_init=zeros)
    stack = networks.draw_all(cell, jax.random.split(jax.random.key(0), 2), 4, 3)
    xs, labels = jnp.ones((2, 12, 5, 1)), jnp.zeros((2, 5), int)
    found = measure(cell, stack, xs, labels, lambda params, xs: additive_rate(cell, params, xs))
    log_f = -np.log1p(np.exp(-1.0))
    np.testing.assert_allclose(found["predicted"], log_f, rtol=1e-5)
    np.testing.assert_allclose(rates.slopes(found["additive"], 12), log_f, rtol=1e-3)
    np.testing.assert_allclose(found["share"][:, 1:], 1, atol=1e-6)  # nothing goes through W = 0
    np.testing.assert_allclose(found["curve"][:, 1:], found["additive"][:, 1:], atol=1e-5)


def test_each_network_is_measured_on_its_own_sequences():
    cell = elman(1, 4, activation="tanh")
    one = networks.draw_all(cell, jax.random.split(jax.random.key(0), 1), 3, 4)
    stack = networks.concatenate([one, one, one, one])  # two settings of the same two networks
    xs = jnp.stack([jnp.zeros((10, 2, 1)), 3 * jnp.ones((10, 2, 1))])
    labels = jnp.zeros((2, 2), int)
    theory = lambda params, xs: vanilla_rate("tanh", cell, params, xs)  # noqa: E731
    found = measure(cell, stack, xs, labels, theory)["predicted"]
    np.testing.assert_allclose(found[:2], found[2:])
    assert found[1] < found[0] - 0.1  # the second is driven, so that its slopes are smaller
    trained = measure(cell, stack, xs, labels, theory, updates=3)["predicted"]
    assert np.abs(trained - found).max() > 1e-6
