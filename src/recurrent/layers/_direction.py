"""Layers against the direction of time."""

import jax
import jax.numpy as jnp
from jax import Array

from recurrent.made import remembered
from recurrent.sequences import flipped, mask_of
from recurrent.types import ApplyFn, Layer


@remembered
def backwards(layer: Layer) -> Layer:
    """Runs a layer from the last step to the first, each row from its own last valid step; outputs stay in the order of time.

    Its state is the one before the last step, and comes back as the one after the first.
    """
    return Layer(layer.init, layer.against_time or _flipping(layer.apply), layer.initial_state, layer.apply)


def resets_against_time(resets: Array | None) -> Array | None:
    """Where a run against time starts anew: at x_{t-1}, where x_t starts a sequence."""
    return None if resets is None else jnp.concatenate([resets[1:], jnp.zeros_like(resets[:1])])


def _flipping(apply: ApplyFn) -> ApplyFn:
    def against_time(params, xs, state=None, *, lengths=None, mask=None, resets=None):
        if lengths is not None:
            mask = mask_of(lengths, mask, len(jax.tree.leaves(xs)[0]), jnp.shape(lengths))
        flags = {"mask": flipped(mask), "resets": flipped(resets_against_time(resets))}
        state, ys = apply(params, flipped(xs), state, **flags)
        return state, flipped(ys)

    return against_time
