"""The experiment of Lyapunov exponents: a tiny run, its networks and measurements beside loops in numpy, and its criteria."""

import jax
import numpy as np
import pytest
from runs import finished, refused
from scipy.stats import spearmanr

from experiments import lyapunov
from experiments.common.experiment import Results
from experiments.common.intervals import Interval
from experiments.lyapunov import criteria, figure, measures, networks
from experiments.lyapunov.options import Config
from recurrent import elman
from recurrent.flow import lyapunov_spectrum

pytestmark = [pytest.mark.xdist_group("lyapunov"), pytest.mark.usefixtures("users_numerics")]

TINY = ["--gains", "0.5", "1.5", "--spectrum-size", "4", "--spectra", "2", "--free-size", "5", "--free-networks", "2"]
TINY += ["--steps", "40", "--driven-size", "5", "--driven-networks", "2", "--long-steps", "60", "--newton-steps", "12"]


@pytest.fixture
def x64():
    """The run sets it."""
    with jax.enable_x64(True):
        yield


def test_a_run_leaves_its_table_and_figure(tmp_path):
    folder, rows, summary = finished(lyapunov.EXPERIMENT, TINY, tmp_path)
    assert [row["networks"] for row in rows] == ["random products", "orthogonal", "tanh at rest", "tanh", "tanh"]
    assert summary["checks"] == []
    assert summary["steps of Newton's method"] == 12
    assert sum(name.startswith("seconds, ") for name in summary) == 7
    with np.load(folder / "curves.npz") as curves:
        assert curves["newton/iterations"].shape == curves["strong/iterations"].shape == (2, 2)
        assert curves["orthogonal/exponents"].dtype == np.float32
        assert {curves[f"{name}/exponent"].dtype for name in ("transition", "gradients", "newton")} == {np.dtype(np.float64)}
        assert all(np.isfinite(curves[name]).all() for name in curves.files)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--gains", "1", "0.5"], "--gains must be increasing numbers above 0"),
        (["--gains", "0", "1"], "--gains must be increasing numbers above 0"),
        (["--gains", "0.5", "nan"], "--gains must be"),
        (["--newton-steps", "1"], "--newton-steps must be at least 2; got 1"),
        (["--newton-steps", "12", "--full"], "--newton-steps 12 has no effect with --full, which takes 3000"),
        (["--free-networks", "1"], "--free-networks must be at least 2; got 1"),
        (["--driven-networks", "0"], "--driven-networks must be at least 1; got 0"),
        (["--steps", "19"], "--steps must be at least 20; got 19"),
    ],
)
def test_a_bad_option_stops_before_anything_is_written(options, message, tmp_path, capsys):
    assert message in refused(lyapunov.EXPERIMENT, options, tmp_path / "results", capsys)


def test_newton_takes_200_steps_or_those_given_or_the_published_number():
    assert [Config().unrolled, Config(newton_steps=12).unrolled, Config(full=True).unrolled] == [200, 12, 3000]


@pytest.mark.parametrize(("size", "top", "mean", "least"), [(64, -0.00785, -0.5173, -2.7146), (128, -0.00392, -0.51, -3.0612)])
def test_newmans_exponents(size, top, mean, least):
    found = criteria.newman(size)
    np.testing.assert_allclose([found[0], found.mean(), found[-1]], [top, mean, least], atol=5e-5)


def test_products_of_random_matrices_have_newmans_exponents(x64):
    found = measures.random_products(Config(spectrum_size=5, spectra=3, steps=4000))["exponents"]
    assert found.shape == (3, 5)
    np.testing.assert_allclose(found, np.tile(criteria.newman(5), (3, 1)), atol=0.05)
    assert len(np.unique(found[:, 0])) == 3


def test_the_jacobians_of_a_product_are_its_inputs(x64):
    matrices = np.random.default_rng(0).normal(size=(30, 3, 3))
    found = lyapunov_spectrum(networks.product_cell(3), (), jax.numpy.asarray(matrices.reshape(30, 9)))
    np.testing.assert_allclose(found.sum(), np.log(np.abs(np.linalg.det(matrices))).mean())


def test_linear_networks_with_orthogonal_matrices_neither_lose_nor_gain(x64):
    found = measures.orthogonal_networks(Config(spectrum_size=5, spectra=2, steps=50))["exponents"]
    assert found.dtype == np.float32
    assert 0 < np.abs(found).max() < 1e-5


def test_a_network_is_tanh_of_its_gain_times_a_matrix_without_diagonal(x64):
    network = networks.draw_driven(jax.random.key(3), 40, 7)
    weights, xs, start = map(np.asarray, network)
    state, _ = elman(40, 40).step(networks.params_of(network, 1.5), network.start, network.xs[2])
    np.testing.assert_allclose(state, np.tanh(xs[2] + 1.5 * start @ weights), rtol=1e-12)
    assert (np.diag(weights) == 0).all()
    assert weights.std() * 40**0.5 == pytest.approx(1, abs=0.05)
    assert start.min() < -0.5 < 0.5 < start.max()
    assert np.abs(start).max() <= 1


def test_inputs_are_sinusoids_of_small_amplitudes_and_many_frequencies(x64):
    xs = np.asarray(networks.draw_driven(jax.random.key(3), 200, 400).xs)
    cosines = (xs[2:] + xs[:-2]).T[:, 0] / (2 * xs[1])  # x_{t+1} + x_{t-1} = 2 cos ω x_t
    np.testing.assert_allclose(xs[2:] + xs[:-2], 2 * cosines * xs[1:-1], atol=1e-9)
    frequencies = np.arccos(cosines)
    assert 0.5 <= frequencies.min() < 0.8 < 2.7 < frequencies.max() <= 3
    amplitudes = np.abs(xs).max(axis=0)
    assert amplitudes.min() < 0.05 < 0.15 < amplitudes.max() <= 0.2


def test_networks_without_input_rest_at_zero_where_exponents_are_log_moduli(x64):
    found = measures.resting(Config(spectrum_size=6, spectra=2, steps=1000))
    assert found["exponents"].shape == found["log_moduli"].shape == (2, 2, 3)
    np.testing.assert_allclose(found["exponents"], found["log_moduli"], atol=0.01)
    np.testing.assert_allclose(found["log_moduli"][1] - found["log_moduli"][0], np.log(0.8 / 0.5))


def test_the_top_exponent_without_input_is_that_of_a_loop(x64):
    config = Config(gains=(0.6, 1.7), free_size=6, free_networks=2, steps=300)
    found = measures.transition(config)
    for i in range(2):
        network = networks.draw_free(measures._keys(config, 3, 2)[i], 6, 330)
        assert not np.asarray(network.xs).any()
        weights, h, direction = np.asarray(network.matrix), np.asarray(network.start), np.ones(6)
        assert found["log_radius"][i] == pytest.approx(np.log(np.abs(np.linalg.eigvals(weights)).max()))
        for j, gain in enumerate(config.gains):
            exponent = _top(gain, weights, h, direction, np.zeros((330, 6)), 30)
            assert found["exponent"][j, i] == pytest.approx(exponent, abs=0.02)


def _top(gain, weights, h, direction, xs, settle):
    growths = []
    for x in xs:
        h = np.tanh(x + gain * h @ weights)
        direction = (direction @ (gain * weights)) * (1 - h**2)
        growths.append(np.log(np.linalg.norm(direction)))
        direction = direction / np.linalg.norm(direction)
    return np.mean(growths[settle:])


def test_the_rate_of_a_gradient_is_the_slope_between_the_first_and_the_last_tenth(x64):
    config = Config(gains=(0.7, 1.6), driven_size=5, driven_networks=2, long_steps=200, seed=4)
    found = measures.gradients(config)
    readout = np.asarray(jax.random.normal(jax.random.key(4), (5,)))
    for i in range(2):
        network = networks.draw_driven(measures._keys(config, 4, 2)[i], 5, 220)
        weights, xs, h = np.asarray(network.matrix), np.asarray(network.xs), np.asarray(network.start)
        for j, gain in enumerate(config.gains):
            hs = [h]
            for x in xs:
                hs.append(np.tanh(x + gain * hs[-1] @ weights))
            gradient, logs = readout, [np.log(np.linalg.norm(readout))]
            for h_t in hs[:0:-1]:
                gradient = gain * weights @ (gradient * (1 - h_t**2))
                logs.append(np.log(np.linalg.norm(gradient)))
            assert found["slope"][j, i] == pytest.approx(np.polyfit(np.arange(20, 201), logs[20:201], 1)[0])
            assert found["exponent"][j, i] == pytest.approx(_top(gain, weights, h, np.ones(5), xs, 20), abs=0.02)


@pytest.mark.parametrize(("inputs", "strength"), [("newton", 1.0), ("strong", 10.0)])
def test_iterations_are_those_of_newtons_method_step_by_step(inputs, strength, x64):
    config = Config(gains=(0.5, 1.8), driven_size=5, driven_networks=2, newton_steps=40)
    found = measures.newton(config, inputs, 1)
    assert found["converged"].all()
    network = networks.draw_driven(measures._keys(config, 4, 2)[1], 5, 40)
    weights, xs, h = np.asarray(network.matrix), strength * np.asarray(network.xs), np.asarray(network.start)
    counts = [_newton(gain * weights, xs, h) for gain in config.gains]
    assert counts[0] < counts[1]
    np.testing.assert_array_equal(found["iterations"], counts)
    for gain, exponent in zip(config.gains, found["exponent"], strict=True):
        assert exponent == pytest.approx(_top(gain, weights, h, np.ones(5), xs, 0), abs=0.1)


def _newton(weights, xs, start):
    """s_t = f_t + (s_{t-1} - guess_{t-1}) J_t, one step after the other, until all residuals are at most 1e-10."""
    guess, count = np.tile(start, (len(xs), 1)), 0
    while True:
        before = np.concatenate([start[None], guess[:-1]])
        value = np.tanh(xs + before @ weights)
        if np.abs(value - guess).max() <= 1e-10:
            return count
        solved = [start]
        for f_t, old in zip(value, before, strict=True):
            solved.append(f_t + ((solved[-1] - old) @ weights) * (1 - f_t**2))
        guess, count = np.array(solved[1:]), count + 1


SPREAD = np.linspace(-0.01, 0.01, 3)


def made() -> Results:
    """Results that show the claim: counts rise with the exponent, and strong inputs lower both."""
    config, rng = Config(), np.random.default_rng(0)
    moduli = -np.sort(rng.uniform(size=(2, 5, 32)))
    exponents = np.linspace(-0.7, 0.15, 16)[:, None] + SPREAD
    curves = {
        "gains": np.asarray(config.gains),
        "newton/steps": np.asarray(200),
        "products/exponents": np.tile(criteria.newman(64), (5, 1)) + 0.002 * rng.uniform(-1, 1, (5, 64)),
        "orthogonal/exponents": 1e-7 * rng.normal(size=(5, 64)),
        "resting/exponents": moduli + 0.004,
        "resting/log_moduli": moduli,
        "transition/exponent": np.repeat([-0.1, 0.0, 0.1], [5, 4, 7])[:, None] + np.linspace(-0.01, 0.01, 10),
        "transition/log_radius": np.zeros(10),
        "gradients/exponent": exponents,
        "gradients/slope": exponents * 1.02,
    }
    for inputs, shift in (("newton", 0.0), ("strong", 0.2)):
        shifted = exponents - shift
        curves[f"{inputs}/exponent"] = shifted
        curves[f"{inputs}/iterations"] = np.where(shifted < -0.05, 20 + 10 * shifted, 100 + 300 * shifted).astype(int)
        curves[f"{inputs}/converged"] = np.ones((16, 3), bool)
    return Results([], {}, curves)


def put(key, at, change):
    """Changes one entry."""

    def put_it(results):
        results.curves[key][at] = change(results.curves[key][at])

    return put_it


def reverse_counts(results):
    """Turns the order of counts around on either side of 0, where none passes a bound."""
    exponent, iterations = results.curves["newton/exponent"], results.curves["newton/iterations"]
    for side in (exponent < -0.05, exponent > 0.05):
        iterations[side] = iterations[side][np.argsort(exponent[side])][::-1][np.argsort(np.argsort(exponent[side]))]


def leave_one_undecided(results):
    """One network takes more than a few iterations at every gain under strong inputs, too."""
    results.curves["strong/exponent"][:, 2], results.curves["strong/iterations"][:, 2] = 0, 31


BREAKS = [
    ("(a) random products: largest error, upper half", put("products/exponents", (1, 31), lambda x: x + 0.013)),
    (
        "(a) random products: relative error of the mean exponent",
        put("products/exponents", (2, slice(32, None)), lambda x: x - 0.02),
    ),
    ("(b) orthogonal networks: largest modulus", put("orthogonal/exponents", (3, 63), lambda x: x - 2e-5)),
    (
        "(c) tanh at rest: largest distance from ln |eigenvalue|, upper half",
        put("resting/exponents", (1, 4, 31), lambda x: x + 0.007),
    ),
    ("(c) highest top exponent at gains <= 0.9", put("transition/exponent", (4, 0), lambda x: x + 0.6)),
    ("(c) lowest top exponent at gains >= 1.4", put("transition/exponent", (9, 0), lambda x: x - 0.6)),
    ("(d) exponents <= -0.1: relative error of the gradient's rate", put("gradients/slope", (0, 2), lambda x: 1.04 * x)),
    ("(d) exponents >= 0.1: relative error of the gradient's rate", put("gradients/slope", (15, 0), lambda x: 0.9 * x)),
    ("(e) most iterations at exponents < -0.05", put("newton/iterations", (11, 0), lambda x: 31)),
    (
        "(e) fewest iterations at exponents > 0.05, as a share of T = 200",
        put("newton/iterations", (14, 1), lambda x: 49),
    ),
    ("(e) rank correlation of exponents and iterations", reverse_counts),
    ("(f) strong inputs: most iterations at exponents < -0.05", put("strong/iterations", (0, 0), lambda x: 31)),
    ("(f) gains at which the inputs alone decide", leave_one_undecided),
]


def missed(results, **options):
    return [one.name for one in lyapunov.check(Config(**options), results) if not one.passed]


def test_results_that_show_the_claim_pass():
    assert [one.name for one in lyapunov.check(Config(), made())] == [name for name, _ in BREAKS]
    assert missed(made()) == []


@pytest.mark.parametrize(("name", "change"), BREAKS)
def test_each_criterion_fails_alone(name, change):
    results = made()
    change(results)
    assert missed(results) == [name]


def test_rates_near_zero_and_counts_near_zero_are_not_judged():
    results = made()
    near = np.abs(results.curves["gradients/exponent"]) < 0.1
    results.curves["gradients/slope"][near] *= 3
    results.curves["newton/iterations"][np.abs(results.curves["newton/exponent"]) < 0.05] = 40
    assert near.any()
    assert missed(results) == []


def test_criteria_without_networks_to_judge_are_missed():
    results = made()
    results.curves["newton/exponent"] -= 0.3
    results.curves["gradients/exponent"], results.curves["gradients/slope"] = np.full((2, 16, 3), -0.2)
    names = [name for name, _ in BREAKS]
    assert {names[7], names[9]} <= set(missed(results))
    assert names[6] not in missed(results)


def test_the_criteria_are_stated_for_the_published_options_any_seed_and_either_number_of_steps():
    assert len(lyapunov.check(Config(seed=7, full=True), made())) == len(BREAKS)
    assert lyapunov.check(Config(driven_networks=2), made()) == []
    assert lyapunov.check(Config(newton_steps=200), made()) == []


def test_the_rank_correlation_is_spearmans():
    curves = made().curves
    curves["newton/iterations"] = np.random.default_rng(1).integers(0, 9, (16, 3))
    gains = np.repeat(curves["gains"], 3)
    both = [
        np.concatenate([curves[f"{one}/{key}"].ravel() for one in ("newton", "strong")]) for key in ("exponent", "iterations")
    ]
    found = [
        criteria.rank_correlation(curves, "exponent"),
        criteria.rank_correlation(curves, "gain"),
        criteria.rank_correlation(curves, "exponent", "newton", "strong"),
    ]
    counts = curves["newton/iterations"].ravel()
    expected = [spearmanr(curves["newton/exponent"].ravel(), counts)[0], spearmanr(gains, counts)[0], spearmanr(*both)[0]]
    np.testing.assert_allclose(found, expected)


def test_the_title_follows_the_data():
    results = made()
    title = figure.finding(results)
    assert "tells whether Newton's method is fast: 10 to 19 iterations where it is below -0.05" in title
    assert "of T = 200 above 0.05 (rank correlation 1.00); gradients follow it, off by up to 2.0 %" in title
    results.curves["newton/iterations"][0, 0] = 200
    results.curves["gradients/slope"][0, 0] *= 2
    title = figure.finding(results)
    assert "does not tell whether Newton's method is fast: 10 to 200 iterations" in title
    assert "gradients do not always follow it, off by up to 104.0 %" in title
    for name in ("newton", "strong", "gradients"):
        results.curves[f"{name}/exponent"] = results.curves[f"{name}/exponent"] * 0.01
    title = figure.finding(results)
    assert "does not tell whether Newton's method is fast: no iterations where it is below" in title
    assert title.endswith("no gradient is judged")


def test_the_panel_of_newtons_method_names_the_gains_that_the_inputs_decide():
    results = made()
    np.testing.assert_allclose(criteria.decided(results.curves), (1.7, 1.8, 1.9))
    titles = [figure.plot(results).axes[3].get_title()]
    leave_one_undecided(results)
    titles.append(figure.plot(results).axes[3].get_title())
    assert titles == ["(d) Gain 1.7 to 1.9: fast with stronger inputs only", "(d) At no gain do the inputs alone decide"]


@pytest.mark.parametrize(
    ("signs", "words"),
    [
        ((-1, -1, 0, 1), "negative up to gain 2, positive from 4"),
        ((-1, 0, -1, 0), "negative up to gain 1"),
        ((0, 1, 0, 1), "positive from 4"),
        ((0, 0, 0, 0), "no sign is sure"),
    ],
)
def test_the_panel_of_gains_tells_where_the_sign_is_sure(signs, words):
    assert figure._signs([(i + 1.0, Interval(s - 0.1, s, s + 0.1)) for i, s in enumerate(signs)]) == words
