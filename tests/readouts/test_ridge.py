"""Ridge regression from sums: scikit-learn, pseudo-inverses, chunks, masks, washouts, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import drawn, random_array, relative_error
from sklearn.linear_model import Ridge

from recurrent import elman, unroll
from recurrent.readouts import add_rows, add_run, fit_ridge, mean_squared_error, merged, no_rows, squared_correlation, variance
from recurrent.wrappers import emit_with_input

N, F, O = 40, 5, 2  # noqa: E741
FEATURES, TARGETS = random_array((N, F), 0) * np.array([[1, 5, 0.1, 1, 1]]) + 3, random_array((N, O), 1) + 7
RIDGES = np.array([0.0, 0.1, 30.0])
EMPTY = no_rows(F, O, jnp.float64)
SUMS = add_rows(EMPTY, FEATURES, TARGETS)


@pytest.mark.parametrize("index", range(len(RIDGES)))
def test_every_penalty_of_a_sweep_gives_what_scikit_learn_gives(index):
    found = fit_ridge(SUMS, RIDGES)
    expected = Ridge(alpha=RIDGES[index]).fit(np.asarray(FEATURES), np.asarray(TARGETS))
    np.testing.assert_allclose(found.kernel[index].T, expected.coef_, rtol=1e-10)
    np.testing.assert_allclose(found.bias[index], expected.intercept_, rtol=1e-10)
    alone = fit_ridge(SUMS, float(RIDGES[index]))
    assert relative_error(alone, jax.tree.map(lambda leaf: leaf[index], found)) < 1e-12


@pytest.mark.parametrize("other", [False, True])
def test_errors_variances_and_correlations_are_those_of_the_rows(other):
    readout = fit_ridge(SUMS, RIDGES)
    features, targets = (random_array((30, F), 8), random_array((30, O), 9)) if other else (FEATURES, TARGETS)
    sums = add_rows(EMPTY, features, targets)
    found = np.asarray(features) @ np.asarray(readout.kernel) + np.asarray(readout.bias)[:, None]
    np.testing.assert_allclose(
        mean_squared_error(sums, readout), np.mean((found - np.asarray(targets)) ** 2, axis=1), rtol=1e-10
    )
    np.testing.assert_allclose(variance(sums), np.var(targets, axis=0), rtol=1e-10)
    for index in range(len(RIDGES)):
        pairs = [np.corrcoef(found[index, :, o], targets[:, o])[0, 1] ** 2 for o in range(O)]
        np.testing.assert_allclose(squared_correlation(sums, readout)[index], pairs, rtol=1e-8)


def test_rows_may_come_in_any_parts_and_masked_ones_count_nothing():
    mask = np.random.default_rng(3).random(N) < 0.7
    poisoned = jnp.where(mask[:, None], FEATURES, jnp.nan), jnp.where(mask[:, None], TARGETS, jnp.nan)
    expected = fit_ridge(add_rows(EMPTY, FEATURES[mask], TARGETS[mask]), 0.5)
    whole = add_rows(EMPTY, *poisoned, mask)
    first, second = (add_rows(EMPTY, *(leaf[part] for leaf in poisoned), mask[part]) for part in (slice(9), slice(9, N)))
    batched = add_rows(EMPTY, *(leaf.reshape(4, 10, -1) for leaf in poisoned), mask.reshape(4, 10))
    for sums in (whole, merged(second, first), batched):
        assert int(sums.rows) == mask.sum()
        assert relative_error(fit_ridge(sums, 0.5), expected) < 1e-12
        np.testing.assert_allclose(sums.factor.T @ sums.factor, whole.factor.T @ whole.factor, rtol=1e-12)


def test_directions_of_a_billionth_are_found_where_normal_equations_lose_them():
    features = FEATURES - FEATURES.mean(axis=0, keepdims=True)
    narrow = features.at[:, 1].set(features[:, 0] + 1e-9 * features[:, 1])
    target = features[:, 1:2]  # a billion times the difference of two columns
    readout = fit_ridge(add_rows(no_rows(F, 1, jnp.float64), narrow, target), 0.0)
    np.testing.assert_allclose(readout.kernel[:2, 0], [-1e9, 1e9], rtol=1e-5)
    gram = np.asarray(narrow.T @ narrow)
    lost = np.linalg.lstsq(gram, np.asarray(narrow.T @ target), rcond=None)[0]
    assert np.abs(lost).max() < 1e8


def test_features_whose_squares_are_0_in_float32_are_used_as_well():
    features, targets = (leaf.astype(jnp.float32) for leaf in (1e-25 * (FEATURES - 3), TARGETS))
    readout = fit_ridge(add_rows(no_rows(F, O), features, targets), 0.0)
    expected = fit_ridge(SUMS, 0.0)
    assert relative_error(readout.kernel.astype(jnp.float64) * 1e-25, expected.kernel) < 1e-4


def test_a_singular_problem_has_the_smallest_solution_and_a_warning():
    twice = jnp.concatenate([FEATURES[:, :2], FEATURES[:, :2] @ jnp.array([[2.0], [1.0]])], axis=1)
    sums = add_rows(no_rows(3, O, jnp.float64), twice, TARGETS)
    with pytest.warns(RuntimeWarning, match="1 of 3 directions of the features are 0 up to rounding"):
        readout = fit_ridge(sums, 0.0)
    centred = np.asarray(twice - twice.mean(axis=0, keepdims=True))
    expected = np.linalg.pinv(centred, rcond=1e-12) @ np.asarray(TARGETS - TARGETS.mean(axis=0, keepdims=True))
    np.testing.assert_allclose(readout.kernel, expected, rtol=1e-9)
    with pytest.warns(RuntimeWarning, match="3 of 3 directions"):
        flat = fit_ridge(add_rows(no_rows(3, O, jnp.float64), jnp.ones((4, 3)), TARGETS[:4]), 0.0)
    np.testing.assert_array_equal(flat.kernel, 0)
    np.testing.assert_allclose(flat.bias, TARGETS[:4].mean(axis=0), rtol=1e-12)
    compiled = jax.jit(lambda: fit_ridge(sums, 0.0))()  # warns of nothing, for it knows no values
    np.testing.assert_allclose(compiled.kernel, expected, rtol=1e-9)


def test_float64_is_refused_where_jax_computes_in_float32():
    with jax.enable_x64(False), pytest.raises(ValueError, match='float64 needs jax.config.update."jax_enable_x64", True.'):
        no_rows(F, O, jnp.float64)


CELL = emit_with_input(elman(3, 4, param_dtype=jnp.float64))
T, B = 23, 3
XS, TO = random_array((T, B, 3), 4), random_array((T, B, O), 5)
PARAMS, STATE = drawn(CELL)


def rows_by_hand(washout, state, mask, resets):
    """The rows that count, one sequence and step at a time."""
    step, rows = jax.jit(CELL.step), []
    for row in range(B):
        s = jnp.zeros(4) if state is None else state[row]
        left = washout if state is None else 0
        for t in range(T):
            if resets[t, row]:
                s, left = jnp.zeros(4), washout
            if mask[t, row]:
                s, y = step(PARAMS, s, XS[t, row])
                if left == 0:
                    rows.append(np.concatenate([y, TO[t, row]]))
                left = max(left - 1, 0)
    return np.array(rows)


@pytest.mark.parametrize("washout", [0, 4])
@pytest.mark.parametrize("handed_on", [False, True])
def test_a_run_adds_the_rows_of_a_loop_and_washes_out_where_sequences_start(washout, handed_on):
    rng = np.random.default_rng(6)
    mask, resets = rng.random((T, B)) < 0.8, rng.random((T, B)) < 0.1
    state = STATE if handed_on else None
    expected = rows_by_hand(washout, state, mask, resets)
    targets = jnp.where(mask[..., None], TO, jnp.nan)
    run = jax.jit(lambda chunk: add_run(
        no_rows(7, O, jnp.float64), CELL, PARAMS, XS, targets, state, washout=washout, mask=mask, resets=resets, chunk=chunk
    ), static_argnums=0)  # fmt: skip
    for chunk in (5, 100):
        final, sums = run(chunk)
        assert sums.rows == len(expected)
        z = np.concatenate([np.ones((len(expected), 1)), expected], axis=1)
        np.testing.assert_allclose(sums.factor.T @ sums.factor, z.T @ z, rtol=1e-10, atol=1e-10)
        after, _ = unroll(CELL, PARAMS, XS, state, mask=mask, resets=resets)
        assert relative_error(final, after) < 1e-12


def run_with(**options):
    targets = options.pop("targets", TO)
    return add_run(no_rows(7, O, jnp.float64), CELL, PARAMS, XS, targets, **options)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: no_rows(0, 1), "features must be a positive integer; got 0"),
        (lambda: add_rows(EMPTY, FEATURES[:, :2], TARGETS), r"features must have the shape \[\*rows, 5\]"),
        (lambda: add_rows(EMPTY, FEATURES, TARGETS[:-1]), r"targets must have the shape \[\*rows, 2\] with the rows \(40,\)"),
        (lambda: add_rows(EMPTY, FEATURES, TARGETS, jnp.ones(N)), "mask must be boolean"),
        (lambda: merged(EMPTY, no_rows(F, 1, jnp.float64)), "make both with no_rows of the same sizes"),
        (lambda: fit_ridge(EMPTY, 1.0), "no row was added"),
        (lambda: fit_ridge(SUMS, -1.0), "a ridge must be at least 0 and finite; got -1.0"),
        (lambda: fit_ridge(SUMS, np.array([1.0, np.nan])), "a ridge must be"),
        (lambda: run_with(washout=23), "washout must be an integer from 0 to below the 23 steps of xs; got 23"),
        (lambda: run_with(washout=-1), "washout must be"),
        (lambda: run_with(washout=1.5), "washout must be"),
        (lambda: run_with(chunk=0), "chunk must be an integer of at least 1"),
        (lambda: run_with(targets=TO[:-1]), r"targets must have the shape .* = \(23, 3\); got \(22, 3, 2\)"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_sequences_shorter_than_the_washout_leave_no_row():
    _, sums = run_with(washout=10, lengths=jnp.array([10, 3, 0]))
    assert sums.rows == 0
    with pytest.raises(ValueError, match="washed out; give more steps or a shorter washout"):
        fit_ridge(sums, 1.0)
