"""The output recurrence, trained by teacher forcing in parallel over time."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from helpers import equations, perturbed, random_array, relative_error

from recurrent import unroll
from recurrent.cells import output_recurrence, teacher_forced

T, B, D, H = 6, 3, 3, 4


F64 = {"param_dtype": jnp.float64}


def test_teacher_forcing_equals_the_cell_fed_with_targets_and_has_no_loop():
    cell = output_recurrence(D, H, 2, **F64)
    params, xs = perturbed(cell.init(jax.random.key(0)), 1), random_array((T, B, D), 2)
    targets = random_array((T, B, 2), 3)
    outputs = teacher_forced(cell, params, xs, targets)
    for t in range(T):
        before = targets[t - 1] if t else jnp.zeros((B, 2))
        assert relative_error(outputs[t], cell.step(params, before, xs[t])[1]) < 1e-12
    _, free = unroll(cell, params, xs)
    assert relative_error(teacher_forced(cell, params, xs, free), free) < 1e-12  # its own outputs as targets: the free run

    gradient = jax.make_jaxpr(jax.grad(lambda p: teacher_forced(cell, p, xs, targets).sum()))(params)
    found = {equation.primitive.name for equation in equations(gradient.jaxpr)}
    assert "dot_general" in found
    assert not {"scan", "while"} & found


def test_parity_is_learned_by_teacher_forcing_and_then_runs_free(users_numerics):
    """R2: the output is all the state that parity needs, so training needs no backpropagation through time."""
    cell, optimizer = output_recurrence(1, 12, 1), optax.adam(0.02)
    xs = jnp.asarray(np.random.default_rng(0).choice([-1.0, 1.0], (200, 4, 1)), jnp.float32)
    parity = jnp.cumprod(xs, axis=0)

    def update(carry, _):
        params, opt_state = carry
        loss, gradient = jax.value_and_grad(lambda p: jnp.mean((teacher_forced(cell, p, xs, parity) - parity) ** 2))(params)
        changes, opt_state = optimizer.update(gradient, opt_state)
        return (optax.apply_updates(params, changes), opt_state), loss

    params = cell.init(jax.random.key(0))
    (params, _), losses = jax.jit(lambda carry: jax.lax.scan(update, carry, None, length=600))((params, optimizer.init(params)))
    assert losses[0] > 0.5
    assert losses[-1] < 1e-3
    _, ys = unroll(cell, params, xs)
    np.testing.assert_array_equal(jnp.sign(ys[1:]), parity[1:])  # the first target follows an output of 0, not of ±1


def test_only_a_hidden_recurrence_keeps_what_the_output_does_not_show():
    """With V = 0 the output recurrence forgets everything at once."""
    cell = output_recurrence(D, H, 2, **F64)
    params = perturbed(cell.init(jax.random.key(0)), 1)
    params = params._replace(output_kernel=jnp.zeros_like(params.output_kernel))
    gradient = jax.grad(lambda xs: unroll(cell, params, xs)[1][-1].sum())(random_array((T, D), 2))
    assert not np.any(gradient[:-1])
