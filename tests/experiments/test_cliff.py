"""The experiment of the cliff: a tiny run, its numbers, its descents, and its criteria on results that are made up."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from runs import finished, refused, stays_finished

from experiments import cliff
from experiments.cliff import descents, figure, theory, unit, walls
from experiments.cliff.options import Config
from experiments.common.experiment import Results
from experiments.common.intervals import Interval

TINY = ["--num-steps", "20", "--num-starts", "3", "--validation-starts", "2", "--test-starts", "2"]
TINY += ["--updates", "4", "--resolution", "6"]


def test_a_run_writes_every_file_and_is_not_resumed(tmp_path):
    folder, _, summary = finished(cliff.EXPERIMENT, TINY, tmp_path)
    assert json.loads((folder / "config.json").read_text())["updates"] == 4
    assert summary["options"]["updates"] == 4
    assert summary["checks"] == []
    stays_finished(cliff.EXPERIMENT, TINY, folder)


@pytest.mark.parametrize(("option", "value"), [("num_starts", "0"), ("num_steps", "-3"), ("threshold", "nan")])
def test_a_bad_option_stops_before_anything_is_written(option, value, tmp_path, capsys):
    said = refused(cliff.EXPERIMENT, [f"--{option.replace('_', '-')}", value], tmp_path / "out", capsys)
    assert f"--{option.replace('_', '-')}" in said
    assert value in said


def test_the_wall_of_a_short_network_is_where_theory_puts_it():
    with jax.enable_x64(True):
        found = walls.measure_walls(40)
    for i, w in enumerate(theory.WEIGHTS):
        if w >= 5:
            np.testing.assert_allclose(found["place"][i, -1], theory.wall(w), atol=1e-4)
            growth = np.diff(np.log(found["height"][i, -11:])).mean()
            np.testing.assert_allclose(growth, np.log(theory.SLOPE * w), rtol=0.01)


def test_gradient_of_the_cliff_is_the_forward_recursion():
    """dx_t = (σ(x_{t-1}), 1) + w σ'(x_{t-1}) dx_{t-1}, beside backpropagation through the library's loop."""
    w, b, x, slopes = 5.2, -2.7, theory.X_0, np.zeros(2)
    found = jax.grad(unit.error)(unit.Unit(jnp.asarray(w), jnp.asarray(b)), 50)
    sigmoid = lambda x: 1 / (1 + np.exp(-x))  # noqa: E731
    for _ in range(50):
        s = sigmoid(x)
        slopes = np.array([s, 1.0]) + w * s * (1 - s) * slopes
        x = w * s + b
    y = sigmoid(x)
    np.testing.assert_allclose(np.stack(found), 2 * (y - theory.TARGET) * y * (1 - y) * slopes, rtol=1e-10)


def test_a_step_is_the_gradient_and_at_most_as_long_as_the_rate_where_it_is_clipped():
    config = Config(num_steps=50, updates=1, threshold=0.5)
    start = unit.Unit(jnp.asarray(6.0), jnp.asarray(theory.wall(6.0) + 1e-9))
    gradient = np.stack(jax.grad(unit.error)(start, 50))
    assert np.linalg.norm(gradient) > 1e3
    plain, clipped = (descents.follow(config, start, 0.1, clip)[0] for clip in (False, True))
    np.testing.assert_allclose(plain[1] - plain[0], -0.1 * gradient, rtol=1e-9)
    np.testing.assert_allclose(clipped[1] - clipped[0], -0.05 * gradient / np.linalg.norm(gradient), rtol=1e-9)


def test_the_three_sets_of_starts_lie_beside_the_wall_and_share_none():
    drawn = [np.stack(descents.draw_starts(0, which, 50)) for which in (descents.FIRST, descents.VALIDATION, descents.TEST)]
    for w, b in drawn:
        assert 4.5 <= w.min() < w.max() <= 6
        assert np.abs(b - theory.wall(w)).max() <= 0.4
    assert len(np.unique(np.concatenate(drawn, axis=1)[0])) == 150


def test_a_rate_is_chosen_on_validation_starts_and_met_once_on_test_starts(monkeypatch):
    """Test starts would choose another rate than validation starts, and each descent has one of its own."""
    asked = []

    def outcomes(config, name, rates, which, count):
        asked.append((name, rates, which, count))
        best = {"no clipping": 1, "clipped": 3}[name] if which == descents.VALIDATION else 5
        solved = np.arange(len(rates))[:, None] == np.full(count, best)[None]
        return solved, ~solved

    monkeypatch.setattr(descents, "outcomes", outcomes)
    found = descents.choose_and_compare(Config(validation_starts=4, test_starts=6))
    assert (found["no clipping/rate"], found["clipped/rate"]) == (descents.RATES[1], descents.RATES[3])
    assert [(name, which, count) for name, _, which, count in asked] == [
        (name, which, count) for name in descents.METHODS for which, count in ((descents.VALIDATION, 4), (descents.TEST, 6))
    ]
    assert [rates for _, rates, which, _ in asked if which == descents.VALIDATION] == [
        descents.RATES
    ] * 2  # the same number of trials
    assert [len(rates) for _, rates, which, _ in asked if which == descents.TEST] == [1, 1]


def test_outcomes_are_small_errors_at_the_end_and_long_steps_on_the_way():
    with jax.enable_x64(True):
        config = Config(updates=60)
        found, thrown = descents.outcomes(config, "no clipping", (0.01, 1.0), descents.TEST, 20)
        starts = descents.draw_starts(config.seed, descents.TEST, 20)
        follow = jax.jit(lambda start, rate: descents.follow(config, start, rate, clip=False))
        for i, rate in enumerate((0.01, 1.0)):
            for j, start in enumerate(zip(*starts, strict=True)):
                path, last = follow(unit.Unit(*start), rate)
                steps = np.linalg.norm(np.diff(path, axis=0), axis=1)
                assert found[i, j] == (last < 1e-3)
                assert thrown[i, j] == (not steps.max() <= 1)
    assert 0 < found.mean() < 1
    assert 0 < thrown.mean() < 1


def test_a_step_that_is_no_number_throws_off():
    path = np.zeros((3, 4, 2))
    path[1, 2:] = np.nan
    path[2, 1, 0] = 0.9
    np.testing.assert_array_equal(descents.thrown_off(path), [False, True, False])


def made() -> Results:
    """Walls as theory has them, and descents that show the claim."""
    rows = []
    for w in theory.WEIGHTS:
        log_slope = float(np.log(theory.SLOPE * w))
        rows.append({"setting": f"w = {w:g}", "wall - b*": 1e-6, "max |g|": 1.0, "growth": log_slope, "ln(0.235 w)": log_slope})
    rows[1]["max |g|"], rows[3]["max |g|"] = 6.76e3, 1.96e7
    rows += [{"setting": "no clipping", "solved": 9, "jumped": 27}, {"setting": "clipped", "solved": 30, "jumped": 0}]
    curves = {"no clipping/test": np.arange(200) < 100, "clipped/test": np.arange(200) < 198}
    return Results(rows, {}, curves)


def put(row, **values):
    return lambda results: results.rows[row].update(values)


def starts(name, count, first=0):
    """Lets a descent solve so many test starts."""
    return lambda results: results.curves.update({f"{name}/test": np.roll(np.arange(200) < count, first)})


BREAKS = [
    ("largest distance of the wall from b*, w in [5, 7]", put(2, **{"wall - b*": -2e-4})),
    ("max |g| at w = 5", put(1, **{"max |g|": 6.9e3})),
    ("max |g| at w = 6", put(3, **{"max |g|": 1.8e7})),
    ("largest relative error of the growth rate, w in [5, 7]", put(5, growth=0.52)),
    ("solved of 30 at learning rate 0.1, clipped", put(7, solved=27)),
    ("thrown off of 30 at learning rate 0.1, clipped", put(7, jumped=1)),
    ("solved of 30 at learning rate 0.1, no clipping", put(6, solved=16)),
    ("share of test starts solved, clipped, best rate", starts("clipped", 184)),
    ("more of them than without clipping, best rate", starts("no clipping", 150)),
]


def missed(results):
    return [one.name for one in cliff.check(Config(), results) if not one.passed]


def test_results_that_show_the_claim_pass():
    assert len(cliff.check(Config(), made())) == len(BREAKS)
    assert missed(made()) == []


@pytest.mark.parametrize(("name", "change"), BREAKS)
def test_each_criterion_fails_alone(name, change):
    results = made()
    change(results)
    assert missed(results) == [name]


def test_the_criteria_are_stated_for_the_published_options_any_seed_and_any_map():
    assert cliff.check(Config(seed=4, resolution=3), made())
    assert not cliff.check(Config(learning_rate=0.2), made())
    assert not cliff.check(Config(test_starts=20), made())


def test_wilsons_interval():
    np.testing.assert_allclose(descents.share(np.arange(10) < 8), (0.4902, 0.8, 0.9433), atol=1e-4)


@pytest.mark.parametrize(
    ("interval", "word"),
    [
        (Interval(0.1, 0.2, 0.3), "more than"),
        (Interval(-0.1, 0.2, 0.3), "not told apart"),
        (Interval(-0.3, -0.2, -0.1), "fewer"),
    ],
)
def test_the_title_says_which_descent_solves_more(interval, word):
    results = made()
    results.rows.extend({"setting": f"{name}, test", "share": 0.5, "jumped": 1, "starts": 4} for name in descents.METHODS)
    results.summary.update({"num_steps": 50, "more solved with clipping, each at its best rate": interval})
    assert word in figure._finding(results)
