"""Optimisers of optax behind a clip that keeps statistics."""

import math
from typing import Any, Literal, get_args

import optax

from recurrent import checks, pytrees
from recurrent.train._clipping import NonFinitePolicy, clip_by_global_norm

OptimizerName = Literal["adam", "adamw", "rmsprop", "sgd"]


def make_optimizer(
    learning_rate: float | optax.Schedule,
    *,
    optimizer: OptimizerName = "adam",
    max_norm: float | None = 1.0,
    nonfinite: NonFinitePolicy = "skip",
    **options: Any,
) -> optax.GradientTransformation:
    """Chains `clip_by_global_norm` and an optimiser of optax; the clip's statistics are in the state.

    Args:
      learning_rate: a positive number, or a schedule of optax, a function of the number of updates.
      optimizer: "adam", "adamw", "rmsprop" or "sgd".
      max_norm: the largest norm of the gradient over all leaves; None clips nothing.
      nonfinite: what becomes of a gradient with NaN or inf in it. "skip": parameters and optimiser stay as they are, moments,
        weight decay and schedule included. "zero" and "propagate": as `clip_by_global_norm` says.
      **options: whatever else the optimiser of optax takes, such as `momentum` or `weight_decay`.

    Raises:
      ValueError: a learning rate that is not positive and finite, an unknown optimiser or policy, a negative `max_norm`.

    >>> import jax.numpy as jnp
    >>> import recurrent
    >>> optimizer = recurrent.make_optimizer(0.5, optimizer="sgd", max_norm=1.0)
    >>> params, gradient = jnp.zeros(2), jnp.array([0.0, 4.0])
    >>> updates, state = optimizer.update(gradient, optimizer.init(params), params)
    >>> updates.tolist()
    [-0.0, -0.5]
    """
    checks.choice("optimizer", optimizer, get_args(OptimizerName))
    if not callable(learning_rate) and not 0 < learning_rate < math.inf:
        raise ValueError(f"learning_rate must be positive and finite, or a schedule of optax; got {learning_rate}")
    clip = clip_by_global_norm(math.inf if max_norm is None else max_norm, nonfinite=nonfinite)
    descent = getattr(optax, optimizer)(learning_rate, **options)
    return _skipping(clip, descent) if nonfinite == "skip" else optax.chain(clip, descent)


def _skipping(clip: optax.GradientTransformation, descent: optax.GradientTransformation) -> optax.GradientTransformation:
    """The chain of both, but that a non-finite gradient leaves the state of the optimiser alone.

    In a plain chain the optimiser sees a gradient of 0: its moments decay, and momentum or weight decay moves the parameters.
    """

    def update(updates, state, params=None):
        clip_state, before = state
        updates, clip_state = clip.update(updates, clip_state, params)
        updates, after = descent.update(updates, before, params)
        finite = clip_state.finite  # pyright: ignore[reportAttributeAccessIssue]
        updates = pytrees.where(finite, updates, pytrees.zeros_like(updates))
        return updates, (clip_state, pytrees.where(finite, after, before))

    return optax.GradientTransformation(lambda params: (clip.init(params), descent.init(params)), update)
