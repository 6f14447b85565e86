"""Functions from cells to cells: depth, noise, and what is done to states and their gradients."""

from tests.mutants.mutant import Mutant

_KEYS = ("test_independent_layers.py",)
_STREAMS = ("test_noise_streams.py",)
_CLIPPED = (
    "test_clipping.py::test_state_gradients_are_clipped_by_row_whatever_the_ranks",
    "test_clipped_states.py",
)
_DROPOUT = ("test_wrappers.py::test_dropout_masks_anew_at_every_step_and_row",)
_ZONEOUT = ("test_wrappers.py::test_zoneout_holds_single_units_and_is_right_on_average",)

MUTANTS = (
    Mutant(
        "all cells of a stack are drawn with one key",
        "wrappers/_stack.py",
        "zip(cells, jax.random.split(key, len(cells)), strict=True)",
        "zip(cells, [key] * len(cells), strict=True)",
        _KEYS,
    ),
    Mutant(
        "dense skips put the newest output first",
        "wrappers/_stack.py",
        "jnp.concatenate([x_t.astype(y_t.dtype), y_t], axis=-1)",
        "jnp.concatenate([y_t, x_t.astype(y_t.dtype)], axis=-1)",
        ("test_wrappers.py::test_every_cell_of_a_dense_stack_reads_all_below",),
    ),
    Mutant(
        "the identity around a cell is lost",
        "wrappers/_residual.py",
        "return y_t + x_t.astype(y_t.dtype)",
        "return y_t",
        ("test_wrappers.py::test_residual_adds_the_input",),
    ),
    Mutant(
        "the shortcut is added behind the activation",
        "cells/_deep_transition.py",
        "        a = a + dot(h_tm1, params.shortcut_kernel, dtype)\n    h_t = phi(a)\n",
        "        h_t = phi(a) + dot(h_tm1, params.shortcut_kernel, dtype)\n    else:\n        h_t = phi(a)\n",
        ("test_deep_transition.py::test_deep_transition_against_numpy",),
    ),
    Mutant(
        "the readout of an MLP is not linear",
        "wrappers/_mlp.py",
        "return state, dense(params.layers[-1], u_t, dtype)",
        "return state, phi(dense(params.layers[-1], u_t, dtype))",
        ("test_wrappers.py::test_mlps_before_and_behind_a_cell",),
    ),
    Mutant(
        "one mask for all leaves",
        "wrappers/_noise.py",
        "jax.random.fold_in(key, i)",
        "jax.random.fold_in(key, 0)",
        _STREAMS,
    ),
    Mutant(
        "all rows draw the same noise",
        "wrappers/_noise.py",
        "lambda row: jax.random.fold_in(key, row)",
        "lambda row: jax.random.fold_in(key, 0 * row)",
        _DROPOUT,
    ),
    Mutant(
        "the key is used again at every step",
        "wrappers/_noise.py",
        "return pairs[..., 0, :], pairs[..., 1, :]",
        "return pairs[..., 0, :], words",
        _DROPOUT,
    ),
    Mutant(
        "what is not dropped is not scaled",
        "wrappers/_noise.py",
        "jnp.where(drawn < rate, 0, x / (1 - rate))",
        "jnp.where(drawn < rate, 0, x)",
        _DROPOUT,
    ),
    Mutant(
        "zoneout holds where it should move",
        "wrappers/_noise.py",
        "jnp.where(drawn < rate, old, new)",
        "jnp.where(drawn < rate, new, old)",
        _ZONEOUT,
    ),
    Mutant(
        "the expectation of zoneout is turned around",
        "wrappers/_noise.py",
        "rate * old + (1 - rate) * new",
        "rate * new + (1 - rate) * old",
        ("test_wrappers.py::test_without_a_key_dropout_does_nothing_and_zoneout_its_expectation",),
    ),
    Mutant(
        "every leaf of a learned state is drawn with one key",
        "wrappers/_learned_state.py",
        "keys = jax.random.split(k_state, len(leaves))",
        "keys = [k_state] * len(leaves)",
        _KEYS,
    ),
    Mutant(
        "the scale of a learned state is squared",
        "wrappers/_learned_state.py",
        "s + scale * jax.random.normal",
        "s + scale**2 * jax.random.normal",
        _KEYS,
    ),
    Mutant(
        "a dilated step reads the newest state",
        "wrappers/_dilated.py",
        "lax.slice_in_dim(past, past.shape[axis] - 1, None, axis=axis)",
        "lax.slice_in_dim(past, 0, 1, axis=axis)",
        ("test_dilated.py::test_runs_take_turns",),
    ),
    Mutant(
        "all runs of a dilated cell draw the same noise",
        "wrappers/_dilated.py",
        "return cell.initial_state(params, (*batch_shape, dilation))",
        "start, axis = cell.initial_state(params, batch_shape), len(batch_shape)\n"
        "        return jax.tree.map(lambda leaf: jnp.stack([leaf] * dilation, axis), start)",
        ("test_dilated.py::test_runs_draw_noise_of_their_own",),
    ),
    Mutant(
        "the explicit pass keeps all of the past of a dilated cell",
        "wrappers/_dilated.py",
        "jnp.sum(last, axis) if pytrees.is_inexact(past) else jnp.squeeze(last, axis)",
        "jnp.squeeze(last, axis)",
        ("test_dilated.py::test_the_explicit_pass_keeps_the_states_that_are_read_and_not_the_past",),
    ),
    Mutant(
        "state gradients are clipped leaf by leaf",
        "wrappers/_clip_state_gradients.py",
        "(clip(dstate, num_lead),)",
        "(jax.tree.map(lambda leaf: clip(leaf, num_lead), dstate),)",
        _CLIPPED,
    ),
    Mutant(
        "state gradients are clipped over the batch",
        "wrappers/_clip_state_gradients.py",
        "size = pytrees.norm(dstate, num_lead)",
        "size = jnp.broadcast_to(pytrees.norm(dstate), pytrees.norm(dstate, num_lead).shape)",
        _CLIPPED,
    ),
)
