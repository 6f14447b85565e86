"""Gradient clipping in the form of optax transformations: what optax lacks for exploding gradients."""

from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from recurrent import checks, pytrees

NonFinitePolicy = Literal["skip", "zero", "propagate"]


class ClipState(NamedTuple):
    """What the last update looked like before clipping.

    Attributes:
      norm: global norm of the gradient, over all leaves.
      was_clipped: the norm was finite and exceeded the threshold.
      finite: every entry was finite.
    """

    norm: Array
    was_clipped: Array
    finite: Array


def clip_by_global_norm(max_norm: float, *, nonfinite: NonFinitePolicy = "skip") -> optax.GradientTransformation:
    """g ← g · max_norm / ‖g‖ where ‖g‖ > max_norm, the norm taken over all leaves together.

    The norm neither overflows nor underflows on the way: float32 gradients of 1e20 are clipped to the threshold, where a plain
    sum of squares is inf and the update 0. The direction is kept.

    Args:
      max_norm: the threshold, at least 0.
      nonfinite: what becomes of a gradient with NaN or inf in it. "skip": the whole update is 0. "zero": only the bad
        entries are 0, and the rest is clipped. "propagate": it passes unchanged, so that the failure shows. The state
        says so in every case, and `raise_if_nonfinite` turns it into an exception.

    Raises:
      ValueError: a negative threshold, or an unknown policy.

    >>> import jax.numpy as jnp
    >>> import recurrent
    >>> clip = recurrent.clip_by_global_norm(1.0)
    >>> gradient = {"w": jnp.array([3e20, 0.0]), "b": jnp.array([4e20])}
    >>> clipped, state = clip.update(gradient, clip.init(gradient))
    >>> print(f"{clipped['w'][0]:.3f} {clipped['b'][0]:.3f}")
    0.600 0.800

    Reference: Pascanu, Mikolov & Bengio (2013), algorithm 1.
    """
    _check_threshold(max_norm)
    checks.choice("nonfinite", nonfinite, ("skip", "zero", "propagate"))

    def init(params):
        del params
        return ClipState(jnp.zeros((), jnp.float32), jnp.zeros((), bool), jnp.ones((), bool))

    def update(updates, state, params=None):
        del state, params
        finite = pytrees.all_finite(updates)
        usable = jax.tree.map(lambda g: jnp.where(jnp.isfinite(g), g, jnp.zeros_like(g)), updates)
        clipped, norm = _clip(usable, max_norm)
        if nonfinite == "skip":
            clipped = jax.tree.map(lambda g: jnp.where(finite, g, jnp.zeros_like(g)), clipped)
        elif nonfinite == "propagate":
            clipped = jax.tree.map(lambda c, g: jnp.where(finite, c, g), clipped, updates)
        reported = norm if nonfinite == "zero" else jnp.where(finite, norm, jnp.nan)
        return clipped, ClipState(reported.astype(jnp.float32), (norm > max_norm) & finite, finite)

    return optax.GradientTransformation(init, update)


def clip_by_tensor_norm(max_norm: float) -> optax.GradientTransformation:
    """g_i ← g_i · max_norm / ‖g_i‖ where ‖g_i‖ > max_norm, for each leaf by its own norm.

    Not the clipping of Pascanu et al.: leaves are scaled by different factors, so the direction of the update changes. A
    leaf with NaN or inf passes unchanged, so that the failure shows.

    Raises:
      ValueError: a negative threshold.
    """
    _check_threshold(max_norm)

    def update(updates, state, params=None):
        del params
        clip = lambda g: jnp.where(jnp.all(jnp.isfinite(g)), _clip(g, max_norm)[0], g)  # noqa: E731
        return jax.tree.map(clip, updates), state

    return optax.GradientTransformation(lambda params: optax.EmptyState(), update)


def raise_if_nonfinite(opt_state: Any) -> None:
    """Raises FloatingPointError if the last gradient that a `clip_by_global_norm` in `opt_state` saw was not finite.

    Call it outside `jax.jit`: it waits for the update to be computed.
    """
    is_clip = lambda node: isinstance(node, ClipState)  # noqa: E731
    for node in jax.tree.leaves(opt_state, is_leaf=is_clip):
        if is_clip(node) and not bool(node.finite):
            raise FloatingPointError(
                "the gradient is not finite: find where with first_nonfinite_step, then lower the learning rate, "
                "shorten the sequences, or choose a smaller spectral radius"
            )


def _clip(updates: Any, max_norm: float) -> tuple[Any, Array]:
    """Scales a finite tree to at most `max_norm`, also where its norm is beyond the dtype's range; integers stay."""
    mantissa, exponent = pytrees.normalize_rows(updates)
    size = pytrees.norm_of_mantissa(mantissa)
    norm = pytrees.scale_rows(size, exponent)
    scale = max_norm / jnp.where(size > 0, size, 1)

    def clip(m, g):
        if not pytrees.is_inexact(g):
            return g
        wide = m.dtype if jnp.iscomplexobj(m) else scale.dtype  # complex ones keep their phase
        return jnp.where(norm > max_norm, (m.astype(wide) * scale.astype(wide)).astype(g.dtype), g)

    return jax.tree.map(clip, mantissa, updates), norm


def _check_threshold(max_norm: float) -> None:
    if not max_norm >= 0:
        raise ValueError(f"max_norm must be at least 0; got {max_norm}")
