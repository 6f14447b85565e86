"""Evaluation in parallel over time: equal to the loop, flagged where it is not, and logarithmically deep."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import equations, perturbed, random_array, relative_error
from registry import CELLS, INPUT

import recurrent
from experiments.parallel.depth import depth
from recurrent import elman, gru, learned_state, lru, lstm, min_gru, scanned, serial, unroll, unroll_parallel
from recurrent.cells import delta_rule, diagonal, min_lstm
from recurrent.initializers import with_spectral_radius
from recurrent.layers import backwards, scanned_parallel
from recurrent.parallel import _newton

D, H = 3, 4
F64 = {"param_dtype": jnp.float64}
SMALL = {"recurrent_init": with_spectral_radius(0.5)}

LINEAR = {
    "diagonal": lambda **kw: diagonal(D, H, **kw),
    "lru": lambda **kw: lru(D, H, **kw),
    "min_gru": lambda **kw: min_gru(D, H, **kw),
    "min_lstm": lambda **kw: min_lstm(D, H, **kw),
    "delta_rule": lambda **kw: delta_rule(D, H, key_size=5, **kw),
}
OTHERS = {
    "elman": lambda **kw: elman(D, H, **SMALL, **kw),
    "gru": lambda **kw: gru(D, H, **SMALL, **kw),
    "lstm": lambda **kw: lstm(D, H, **SMALL, **kw),
}
NEWTON = ("deer", "quasi_deer", "elk")


def setting(make, num_steps, batch_shape, dtype=jnp.float64):
    """A cell whose initial state is a parameter, a given state, inputs with NaN where masked, and flags."""
    cell = learned_state(make(param_dtype=dtype), scale=0.5)
    params = perturbed(cell.init(jax.random.key(0)), 1, 0.2)
    state = perturbed(cell.initial_state(params, batch_shape), 2)
    rng = np.random.default_rng(3)
    mask, resets = (jnp.asarray(rng.random((num_steps, *batch_shape)) < p) for p in (0.75, 0.2))
    xs = random_array((num_steps, *batch_shape, D), 4, dtype)
    return cell, params, jnp.where(mask[..., None], xs, jnp.nan), state, {"mask": mask, "resets": resets}


def loss(final_state, ys):
    leaves = jax.tree.leaves((final_state, ys))
    weights = [jnp.cos(jnp.arange(leaf.size, dtype=leaf.dtype)).reshape(leaf.shape) for leaf in leaves]
    return sum(jnp.sum(w * leaf + 0.5 * leaf**2) for w, leaf in zip(weights, leaves, strict=True))


def values_and_gradients(run, *arguments):
    """Everything a run returns besides its convergence, and the gradients at params, xs and the state."""

    def scalar(*arguments):
        final_state, ys, *convergence = run(*arguments)
        return loss(final_state, ys), (final_state, ys, convergence)

    (_, (final_state, ys, convergence)), gradients = jax.jit(jax.value_and_grad(scalar, (0, 1, 2), has_aux=True))(*arguments)
    return (final_state, ys), gradients, convergence


def assert_equals_the_loop(cell, arguments, flags, tolerances=(1e-10, 1e-10), **options):
    expected = values_and_gradients(functools.partial(unroll, cell, **flags), *arguments)
    found = values_and_gradients(functools.partial(unroll_parallel, cell, **flags, **options), *arguments)
    assert relative_error(found[0], expected[0]) <= tolerances[0]
    assert relative_error(found[1], expected[1]) <= tolerances[1]
    (convergence,) = found[2]
    assert convergence.converged
    return convergence


ODD, EVEN, LONG = (1, (), False), (2, (2,), True), (33, (), False)
WIDE = (7, (2, 3), True)


def sizes():
    """One cell of each algebra in every size, the others in one; all pairs with `-m slow`."""
    always = {
        ("min_gru", ODD),
        ("lru", EVEN),
        ("min_lstm", LONG),
        *((name, WIDE) for name in ("diagonal", "lru", "delta_rule")),
    }
    for name in LINEAR:
        for size in (ODD, EVEN, LONG, WIDE):
            yield pytest.param(name, size, marks=[] if (name, size) in always else pytest.mark.slow)


@pytest.mark.parametrize(("name", "size"), list(sizes()))
def test_linear_cells_in_one_scan(name, size):
    num_steps, batch_shape, reverse = size
    cell, *arguments, flags = setting(LINEAR[name], num_steps, batch_shape)
    convergence = assert_equals_the_loop(cell, arguments, {**flags, "reverse": reverse})
    assert (convergence.iterations, convergence.residual) == (1, 0)


def iterations():
    """Every cell and size by Newton's method, the approximations of it on two; all pairs with `-m slow`."""
    for name, size in (("elman", EVEN), ("elman", LONG), ("gru", WIDE), ("lstm", WIDE)):
        for method in NEWTON:
            always = method == "deer" or (name, method) in {("elman", "elk"), ("gru", "quasi_deer")} and size != LONG
            yield pytest.param(name, size, method, marks=[] if always else pytest.mark.slow)


@pytest.mark.parametrize(("name", "size", "method"), list(iterations()))
def test_other_cells_by_iteration(name, size, method):
    num_steps, batch_shape, reverse = size
    cell, *arguments, flags = setting(OTHERS[name], num_steps, batch_shape)
    options = {"method": method, "tolerance": 1e-13, "max_iterations": 200}
    convergence = assert_equals_the_loop(cell, arguments, {**flags, "reverse": reverse}, **options)
    assert convergence.residual <= 1e-13
    if method != "elk":
        assert convergence.iterations <= num_steps


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("lru", "auto"),
        ("gru", "auto"),
        *(pytest.param(*pair, marks=pytest.mark.slow) for pair in (("min_gru", "auto"), ("elman", "quasi_deer"))),
    ],
)
def test_float32(name, method):
    cell, *arguments, flags = setting({**LINEAR, **OTHERS}[name], 33, (2,), jnp.float32)
    assert_equals_the_loop(cell, arguments, flags, (1e-5, 1e-4), method=method)


@pytest.mark.parametrize("name", ["min_gru", "gru"])
def test_lengths_and_the_cells_own_initial_state(name):
    cell = {**LINEAR, **OTHERS}[name](**F64)
    params, xs = perturbed(cell.init(jax.random.key(0)), 1, 0.2), random_array((7, 3, D), 2)
    lengths = jnp.array([7, 3, 0])
    found = jax.jit(functools.partial(unroll_parallel, cell))(params, xs, lengths=lengths)[:2]
    assert relative_error(found, unroll(cell, params, xs, lengths=lengths)) < 1e-12
    nothing = unroll_parallel(cell, params, xs[:0])
    assert nothing[1].shape == (0, 3, H)
    assert nothing[2].converged


def test_a_linear_cell_by_newton_takes_one_iteration():
    cell, *arguments, flags = setting(LINEAR["lru"], 7, (2,))
    assert assert_equals_the_loop(cell, arguments, flags, method="deer", tolerance=1e-12).iterations == 1


@pytest.mark.parametrize("method", ["associative", "deer"])
def test_vmap_equals_batch(method):
    cell = min_gru(D, H, **F64)
    params, xs = cell.init(jax.random.key(0)), random_array((7, 3, D), 2)
    run = jax.jit(functools.partial(unroll_parallel, cell, params, method=method))
    rows = jax.vmap(lambda x: run(x)[:2], in_axes=1, out_axes=(0, 1))(xs)
    assert relative_error(rows, run(xs)[:2]) < 1e-12


def test_layers_run_in_parallel():
    cells = min_gru(D, H, **F64), gru(H, H, **SMALL, **F64), lru(H, 5, **F64)
    loop = serial(scanned(cells[0]), backwards(scanned(cells[1])), scanned(cells[2]))
    fast = serial(scanned_parallel(cells[0]), backwards(scanned_parallel(cells[1])), scanned_parallel(cells[2]))
    params, xs, lengths = loop.init(jax.random.key(0)), random_array((7, 3, D), 1), jnp.array([7, 4, 0])
    total = lambda layer: lambda p: jnp.sum(jnp.sin(layer.apply(p, xs, lengths=lengths)[1]))  # noqa: E731
    run = lambda layer: jax.jit(jax.value_and_grad(total(layer)))(params)  # noqa: E731
    assert relative_error(run(fast), run(loop)) < 1e-10


# --- where it does not converge ---


@functools.cache
def chaotic(num_steps=40, dtype=jnp.float64):
    cell = elman(D, 8, recurrent_init=with_spectral_radius(4.0), param_dtype=dtype)
    params = cell.init(jax.random.key(0))
    return cell, params, random_array((num_steps, 2, D), 1, dtype), cell.initial_state(params, (2,))


@pytest.mark.parametrize("method", ["deer", *(pytest.param(name, marks=pytest.mark.slow) for name in NEWTON[1:])])
def test_divergence_is_flagged_and_the_fallback_is_the_loop(method):
    cell, *arguments = chaotic()
    run = functools.partial(unroll_parallel, cell, method=method, max_iterations=3)
    final_state, ys, convergence = jax.jit(run)(*arguments)
    assert not convergence.converged
    assert convergence.iterations == 3
    assert convergence.residual > 1e-3
    assert np.all(np.isfinite(ys))
    assert relative_error(ys, unroll(cell, *arguments)[1]) > 1e-3
    expected = values_and_gradients(functools.partial(unroll, cell), *arguments)
    found = values_and_gradients(functools.partial(run, fallback="sequential"), *arguments)
    assert relative_error(found[:2], expected[:2]) < 1e-12
    assert not found[2][0].converged


@pytest.mark.parametrize("method", ["deer", "quasi_deer"])
def test_every_iteration_makes_one_more_step_exact(method):
    cell, *arguments = chaotic()
    _, expected = unroll(cell, *arguments)
    for count in (2, 9):
        _, ys, _ = jax.jit(functools.partial(unroll_parallel, cell, method=method, max_iterations=count))(*arguments)
        assert relative_error(ys[: count + 1], expected[: count + 1]) < 1e-9
    short = jax.jit(functools.partial(unroll_parallel, cell, method=method))(arguments[0], arguments[1][:12], arguments[2])
    assert short[2].converged
    assert short[2].iterations <= 12
    assert relative_error(short[1], expected[:12]) < 1e-9


def test_overflowing_products_of_jacobians_poison_nothing():
    cell = elman(D, 8, activation=jnp.sin, recurrent_init=with_spectral_radius(30.0))
    params, xs = cell.init(jax.random.key(0)), random_array((64, D), 1, jnp.float32)
    growth = jnp.prod(jnp.full(64, 30.0, jnp.float32))
    assert np.isinf(growth)
    _, ys, convergence = jax.jit(functools.partial(unroll_parallel, cell, max_iterations=64))(params, xs)
    assert convergence.converged
    assert relative_error(ys[:4], unroll(cell, params, xs)[1][:4]) < 1e-3
    assert np.all(np.isfinite(ys))


def test_products_of_jacobians_that_overflow_leave_the_gradient_of_the_loop():
    cell = elman(D, 8, activation=jnp.sin, recurrent_init=with_spectral_radius(30.0))
    params, xs = cell.init(jax.random.key(0)), random_array((256, D), 1, jnp.float32)
    early = lambda run: lambda xs: run(params, xs)[1][:4].sum()  # noqa: E731
    expected = jax.jit(jax.grad(early(functools.partial(unroll, cell))))(xs)
    found = jax.jit(jax.grad(early(functools.partial(unroll_parallel, cell, max_iterations=256))))(xs)
    assert relative_error(found, expected) < 1e-3


def test_a_linear_form_that_overflows_is_flagged_and_the_fallback_is_the_loop():
    cell = diagonal(1, 1, decay=1.0)

    def coefficients(params, xs):
        return jnp.full_like(xs, 2), jnp.zeros_like(xs)

    linear = cell.linear._replace(coefficients=coefficients)
    cell = dataclasses.replace(cell, linear=linear, step=lambda params, s, x: (2 * s, 2 * s))
    params, xs = cell.init(jax.random.key(0)), jnp.zeros((300, 1), jnp.float32)
    _, ys, convergence = jax.jit(functools.partial(unroll_parallel, cell))(params, xs)
    assert not convergence.converged
    assert np.isnan(ys).any()
    _, ys, convergence = jax.jit(functools.partial(unroll_parallel, cell, fallback="sequential"))(params, xs)
    assert not convergence.converged
    assert not np.any(ys)


def test_second_derivatives_go_through_the_solution():
    cell = gru(2, 2, **SMALL, **F64)
    params, xs = perturbed(cell.init(jax.random.key(0)), 1), random_array((3, 2), 2)
    hessian = lambda run: jax.jit(jax.jacrev(jax.grad(lambda xs: (run(params, xs)[1] ** 2).sum())))(xs)  # noqa: E731
    found = hessian(functools.partial(unroll_parallel, cell, method="deer", tolerance=1e-14))
    assert relative_error(found, hessian(functools.partial(unroll, cell))) < 1e-9


@pytest.mark.parametrize(
    "name",
    [
        "stack",
        "deep_transition",
        "output_recurrence",
        "mlstm",
        *(pytest.param(n, marks=pytest.mark.slow) for n in ("gru-after", "layer_norm_lstm", "slstm")),
    ],
)
def test_any_cell_of_the_contract(name):
    cell = CELLS[name](recurrent_init=with_spectral_radius(0.5), **F64) if name == "gru-after" else CELLS[name](**F64)
    params = jax.tree.map(lambda leaf: 0.5 * leaf, perturbed(cell.init(jax.random.key(0)), 1))
    xs, resets = random_array((6, 2, INPUT), 2), jnp.zeros((6, 2), bool).at[3, 1].set(True)
    arguments = params, xs, perturbed(cell.initial_state(params, (2,)), 3)
    assert_equals_the_loop(cell, arguments, {"resets": resets}, method="deer", tolerance=1e-13)


@pytest.mark.parametrize("name", ["min_gru", "gru"])
def test_nan_in_an_input_stays_on_its_side_of_a_reset_and_is_flagged(name):
    cell = {**LINEAR, **OTHERS}[name](**F64)
    params, xs = cell.init(jax.random.key(0)), random_array((7, 2, D), 2).at[2, 0].set(jnp.nan)
    resets = jnp.zeros((7, 2), bool).at[4].set(True)
    _, expected = unroll(cell, params, xs, resets=resets)
    run = jax.jit(functools.partial(unroll_parallel, cell, fallback="sequential"))
    _, ys, convergence = run(params, xs, resets=resets)
    np.testing.assert_allclose(ys, expected, rtol=1e-10)
    assert np.isnan(ys[2, 0]).all()
    assert np.isfinite(ys[4:]).all()
    assert not convergence.converged
    assert np.isinf(convergence.residual)


# --- oracles of another kind ---


def weights_of(cell, seed=0):
    params = perturbed(cell.init(jax.random.key(seed)), 1)
    return params, jax.tree.map(np.asarray, params)


def test_the_real_diagonal_is_a_geometric_sum():
    for cell in (diagonal(D, H, **F64), diagonal(D, H, decay=-0.7, **F64)):
        params, p = weights_of(cell)
        xs = np.asarray(random_array((9, D), 2))
        a = np.full(H, -0.7) if p.nu_log is None else np.exp(-np.exp(p.nu_log))
        b = xs @ p.input_kernel + p.bias
        expected = np.stack([sum(a ** (t - k) * b[k] for k in range(t + 1)) for t in range(9)])
        assert relative_error(unroll_parallel(cell, params, xs)[1], expected) < 1e-12


@pytest.mark.parametrize("skip", ["elementwise", "dense"])
def test_the_lru_is_a_complex_recurrence(skip):
    cell = lru(D, H, skip=skip, **F64)
    params, p = weights_of(cell)
    xs = np.asarray(random_array((9, D), 2))
    eigenvalues = np.exp(-np.exp(p.nu_log) + 1j * np.exp(p.theta_log))
    b = p.input_kernel[:, :H] + 1j * p.input_kernel[:, H:]
    c = p.output_kernel[:H] - 1j * p.output_kernel[H:]
    state, expected = np.zeros(H, complex), []
    for x_t in xs:
        state = eigenvalues * state + np.exp(p.gamma_log) * (x_t @ b)
        expected.append((state @ c).real + (x_t * p.skip if skip == "elementwise" else x_t @ p.skip))
    assert relative_error(unroll_parallel(cell, params, xs)[1], np.stack(expected)) < 1e-12


def test_the_lru_starts_on_its_ring_and_keeps_the_variance_of_white_noise():
    params = lru(D, 4000, r_min=0.5, r_max=0.9, max_phase=0.3, **F64).init(jax.random.key(0))
    modulus, phase = np.exp(-np.exp(params.nu_log)), np.exp(params.theta_log)
    assert 0.5 <= modulus.min() < 0.51
    assert 0.89 < modulus.max() <= 0.9
    assert np.mean(modulus**2) == pytest.approx((0.25 + 0.81) / 2, abs=0.01)
    assert phase.max() <= 0.3
    np.testing.assert_allclose(np.exp(2 * params.gamma_log), 1 - modulus**2, rtol=1e-9)


def test_no_unit_is_drawn_dead():
    """Near the rim of the ring float32 cannot tell |a|² from 1, and 0 has no logarithm."""
    for draw in (lambda: diagonal(1, 300_000, r_min=0.999, r_max=1.0), lambda: lru(1, 300_000, r_min=0.999, r_max=1.0)):
        params = draw().init(jax.random.key(0))
        assert all(np.isfinite(leaf).all() for leaf in params if leaf.ndim == 1)


def log_space(log_a, log_b, log_h_0):
    """Heinsen's form: ln h_t = A_t + ln Σ_k exp(ln b_k - A_k), A_t = Σ ln a."""
    total = np.concatenate([np.zeros_like(log_a[:1]), np.cumsum(log_a, axis=0)])
    return (total + np.logaddexp.accumulate(np.concatenate([log_h_0[None], log_b]) - total, axis=0))[1:]


@pytest.mark.parametrize("name", ["min_gru", "min_lstm"])
def test_positive_gated_cells_equal_their_log_space_form(name):
    cell = getattr(recurrent.cells, name)(D, H, candidate="positive", **F64)
    params, p = weights_of(cell)
    xs, h_0 = np.asarray(random_array((9, D), 2)), np.linspace(0.1, 2, H)
    *gates, n = np.split(xs @ p.input_kernel + p.bias, 2 if name == "min_gru" else 3, axis=-1)
    log_sigmoid = lambda k: -np.logaddexp(0, -k)  # noqa: E731
    log_g = np.where(n >= 0, np.log(np.maximum(n, 0) + 0.5), log_sigmoid(n))
    if name == "min_gru":
        log_a, log_b = log_sigmoid(-gates[0]), log_sigmoid(gates[0]) + log_g
    else:
        log_i, log_f = map(log_sigmoid, gates)
        log_a, log_b = log_f - np.logaddexp(log_i, log_f), log_i - np.logaddexp(log_i, log_f) + log_g
    expected = np.exp(log_space(log_a, log_b, np.log(h_0)))
    assert relative_error(unroll_parallel(cell, params, xs, jnp.asarray(h_0))[1], expected) < 1e-12


@pytest.mark.parametrize("name", list(LINEAR))
def test_ten_thousand_steps_in_float32(name):
    cell64, cell32 = LINEAR[name](**F64), LINEAR[name]()
    params, xs = cell64.init(jax.random.key(0)), random_array((10_000, D), 1)
    narrow = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), (params, xs))
    exact = jax.tree.map(lambda leaf: leaf.astype(jnp.float64), narrow)
    _, expected = jax.jit(functools.partial(unroll, cell64))(*exact)
    error, error_of_the_loop = (
        relative_error(jax.jit(functools.partial(run, cell32))(*narrow)[1], expected) for run in (unroll_parallel, unroll)
    )
    assert error < max(1e-5, 2 * error_of_the_loop)
    assert error < 5e-5


def test_closed_gates_are_not_zero_by_zero():
    cell = min_lstm(1, 1)
    params = cell.init(jax.random.key(0))._replace(input_kernel=jnp.zeros((1, 3), jnp.float32))
    closed = params._replace(bias=jnp.array([-200.0, -201.0, 1.0], jnp.float32))
    a, b = cell.linear.coefficients(closed, jnp.zeros((1, 1), jnp.float32))
    np.testing.assert_allclose([a.item(), b.item()], [1 / (1 + np.e), np.e / (1 + np.e)], rtol=1e-6)


@pytest.mark.parametrize("reverse", [False, True])
def test_the_damped_correction_minimises_its_sum_of_squares(reverse):
    rng, size, damping = np.random.default_rng(0), 9, 0.3
    slope, gap = 1.5 * rng.normal(size=size), rng.normal(size=size)
    matrix = np.eye(size) - np.diag(slope[1:], -1)
    expected = np.linalg.solve(matrix.T @ matrix + damping * np.eye(size), matrix.T @ gap)
    order = slice(None, None, -1) if reverse else slice(None)
    push = lambda v: jnp.asarray(slope[order, None]) * v  # noqa: E731
    correct = jax.jit(lambda gap: _newton.correct_damped(damping, push, gap, jnp.zeros((size, 1)), reverse))
    found = correct(jnp.asarray(gap[order, None]))
    assert relative_error(found[order, 0], expected) < 1e-12


# --- depth ---


def primitives(jaxpr, ignored="") -> set[str]:
    return {equation.primitive.name for equation in equations(jaxpr, ignored)}


def jaxpr_of(cell, num_steps, gradient=False, **options):
    params, xs = jax.eval_shape(cell.init, jax.random.key(0)), jax.ShapeDtypeStruct((num_steps, 2, D), jnp.float32)
    run = lambda params, xs: loss(*unroll_parallel(cell, params, xs, **options)[:2])  # noqa: E731
    return jax.make_jaxpr(jax.grad(run) if gradient else run)(params, xs).jaxpr


@pytest.mark.parametrize("gradient", [False, True])
@pytest.mark.parametrize("name", ["lru", "min_gru", "delta_rule"])
def test_depth_grows_with_the_logarithm_of_time(name, gradient):
    traced = [jaxpr_of(LINEAR[name](), num_steps, gradient) for num_steps in (64, 256, 1024)]
    depths = [depth(jaxpr) for jaxpr in traced]
    assert depths[2] - depths[1] == depths[1] - depths[0]
    assert 0 < depths[2] - depths[1] < 60
    assert not primitives(traced[2]) & {"scan", "while"}


def test_newton_loops_over_iterations_only():
    cell = OTHERS["gru"]()
    depths = [depth(jaxpr_of(cell, num_steps, True, method="deer")) for num_steps in (64, 256, 1024)]
    assert depths[2] - depths[1] == depths[1] - depths[0]
    assert "scan" not in primitives(jaxpr_of(cell, 64, method="deer"))
    assert "scan" not in primitives(jaxpr_of(cell, 64, True, method="deer"), ignored="cond")  # a branch for what overflows


# --- mistakes ---


BAD = {
    "method": ({"method": "newton"}, "method must be .*got .newton"),
    "not linear": ({"method": "associative"}, "linear in its state.*deer"),
    "tolerance": ({"tolerance": 0.0}, "tolerance must be positive"),
    "damping": ({"damping": -1.0}, "damping must be positive"),
    "iterations": ({"max_iterations": 0}, "max_iterations.*at least 1"),
    "fallback": ({"fallback": "scan"}, "fallback must be"),
    "mask and lengths": ({"lengths": jnp.array([1, 2]), "mask": jnp.ones((5, 2), bool)}, "either lengths or mask"),
}


@pytest.mark.parametrize("mistake", list(BAD))
def test_mistakes_are_refused(mistake):
    options, message = BAD[mistake]
    cell = elman(D, H, **F64)
    with pytest.raises(ValueError, match=message):
        unroll_parallel(cell, cell.init(jax.random.key(0)), jnp.zeros((5, 2, D)), **options)


def test_counters_and_random_keys_are_refused():
    cell = recurrent.dropout(elman(D, H, **F64), 0.5, key=jax.random.key(1))
    with pytest.raises(ValueError, match="state of real numbers.*key.*use unroll"):
        unroll_parallel(cell, cell.init(jax.random.key(0)), jnp.zeros((5, 2, D)))


def test_a_gradient_that_is_not_the_steps_is_refused():
    cell = recurrent.wrappers.clip_state_gradients(min_gru(D, H, **F64), 0.1)
    with pytest.raises(ValueError, match="custom reverse-mode gradient.*use unroll"):
        unroll_parallel(cell, cell.init(jax.random.key(0)), jnp.zeros((5, 2, D)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: lru(3, 0), "hidden_size"),
        (lambda: lru(3, 4, r_min=0.9, r_max=0.5), "r_min < r_max"),
        (lambda: lru(3, 4, max_phase=0.0), "max_phase must be positive"),
        (lambda: lru(3, 4, skip="none"), 'skip must be "elementwise"'),
        (lambda: lru(3, 4, output_size=2), "equal sizes.*dense"),
        (lambda: diagonal(3, 4, decay=1.5), r"\[-1, 1\]"),
        (lambda: diagonal(3, 4, r_max=1.5), "r_min < r_max"),
        (lambda: min_gru(3, 4, candidate="tanh"), 'candidate must be "identity" or "positive"'),
        (lambda: min_lstm(3, 4.0), "hidden_size"),
    ],
)
def test_bad_options_of_the_cells_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_params_of_other_sizes_are_refused():
    cell = min_gru(D, H)
    with pytest.raises(ValueError, match=r"input_kernel must have the shape .* = \(3, 8\); got \(3, 10\)"):
        unroll_parallel(cell, min_gru(D, 5).init(jax.random.key(0)), jnp.zeros((5, D)))
