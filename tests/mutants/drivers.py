"""Masks, resets, direction, windows and chunks of the drivers."""

from tests.mutants.mutant import Mutant

_LOOP = ("test_driver.py::test_any_mask_and_resets_equal_a_numpy_loop[autodiff]",)
_CHUNKS = ("test_driver.py::test_lengths_are_a_mask_and_chunks_make_the_whole", *_LOOP)
_WINDOWS = ("test_driver.py::test_truncation_equals_stopping_by_hand",)
_SINGULAR = ("test_driver.py::test_a_cell_that_is_singular_at_zero_sees_no_padding",)

MUTANTS = (
    Mutant(
        "a length counts one step more",
        "sequences.py",
        "return steps < jnp.asarray(lengths",
        "return steps <= jnp.asarray(lengths",
        ("test_driver.py::test_lengths_to_mask_clips_at_both_ends",),
    ),
    Mutant(
        "the padding reaches the cell",
        "sequences.py",
        "        xs = without_padding(xs, mask)\n",
        "        pass\n",
        _SINGULAR,
    ),
    Mutant(
        "a row without a valid step is fed zeros",
        "sequences.py",
        "neutral = jnp.ones_like(chosen) if pytrees.is_inexact(x) else jnp.zeros_like(chosen)",
        "neutral = jnp.zeros_like(chosen)",
        _SINGULAR,
    ),
    Mutant(
        "a reset returns to the given state",
        "sequences.py",
        "return Sequence(xs, state, fresh, Flags(mask, resets))",
        "return Sequence(xs, state, state, Flags(mask, resets))",
        _LOOP,
    ),
    Mutant(
        "flags are not turned around with the sequence",
        "sequences.py",
        "flags=flipped(sequence.flags, reverse))",
        "flags=sequence.flags)",
        ("test_flow_matrix.py::test_reverse_is_the_run_over_flipped_inputs[gradient_decay]",),
    ),
    Mutant(
        "a masked step moves the state",
        "sequences.py",
        "        state_t = pytrees.where(flags_t.mask, state_t, state_tm1)\n",
        "",
        _LOOP,
    ),
    Mutant(
        "a masked step has an output",
        "sequences.py",
        "        y_t = pytrees.where(flags_t.mask, y_t, pytrees.zeros_like(y_t))\n",
        "",
        _LOOP,
    ),
    Mutant(
        "a masked step does not reset",
        "sequences.py",
        "state_tm1 = pytrees.where(flags_t.resets, fresh, state_tm1)",
        "valid = True if flags_t.mask is None else flags_t.mask\n"
        "        state_tm1 = pytrees.where(flags_t.resets & valid, fresh, state_tm1)",
        _LOOP,
    ),
    Mutant(
        "cuts let the gradient through",
        "sequences.py",
        "jnp.where(here, jax.lax.stop_gradient(s), s)",
        "jnp.where(here, s, s)",
        _WINDOWS,
    ),
    Mutant(
        "windows end a step early",
        "unrolling/_unroll.py",
        "cuts = (order % window == 0) & (order > 0)",
        "cuts = (order % window == window - 1) & (order > 0)",
        _WINDOWS,
    ),
    Mutant(
        "windows are counted from the front in both directions",
        "unrolling/_unroll.py",
        "order = order[::-1] if reverse else order",
        "order = order",
        _WINDOWS,
    ),
    Mutant(
        "the first window is cut from the given state",
        "unrolling/_unroll.py",
        "cuts = (order % window == 0) & (order > 0)",
        "cuts = order % window == 0",
        _WINDOWS,
    ),
    Mutant(
        "checkpointed chunks run forwards in both directions",
        "unrolling/_unroll.py",
        "sequence.state, segments, reverse=reverse)",
        "sequence.state, segments)",
        _LOOP,
    ),
    Mutant(
        "the rest of the chunks comes first in the outputs",
        "unrolling/_segments.py",
        "jnp.concatenate([a, b])",
        "jnp.concatenate([b, a])",
        _CHUNKS,
    ),
)
