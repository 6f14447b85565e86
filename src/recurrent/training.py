"""The training core: optimisers with clipping statistics, train states, pure train steps, evaluation, early stopping."""

import math
from collections.abc import Callable, Iterable
from typing import Any, Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from recurrent import pytrees
from recurrent.clipping import ClipState, NonFinitePolicy, clip_by_global_norm
from recurrent.types import Params, PyTree, State

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
    """
    if optimizer not in get_args(OptimizerName):
        raise ValueError(f"optimizer must be one of {', '.join(get_args(OptimizerName))}; got {optimizer!r}")
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


class TrainState(NamedTuple):
    """Everything that the next train step depends on besides its batch.

    Attributes:
      params: what is trained.
      opt_state: state of the optimiser.
      step: number of updates so far, int32.
      key: PRNG key; every step splits it.
      carry: the recurrent state that one window hands to the next, or ().
      position: which batch comes next, int32.
    """

    params: Params
    opt_state: Any
    step: Array
    key: Array
    carry: State
    position: Array


class Metrics(NamedTuple):
    """What a train step measured.

    Attributes:
      loss: before the update.
      gradient_norm: over all leaves, before clipping; NaN for a gradient that was skipped.
      clipped: the gradient was longer than the threshold.
      finite: every entry of the gradient was finite.
      aux: whatever else the loss function reports.
    """

    loss: Array
    gradient_norm: Array
    clipped: Array
    finite: Array
    aux: dict[str, Array]


LossFn = Callable[[Params, State, PyTree, Array], tuple[Array, tuple[State, dict[str, Array]]]]
TrainStep = Callable[[TrainState, PyTree], tuple[TrainState, Metrics]]


def init_train_state(
    params: Params, optimizer: optax.GradientTransformation, key: Array, carry: State = (), position: int = 0
) -> TrainState:
    """Returns the state before the first update.

    Args:
      params: initial parameters.
      optimizer: any transformation of optax, such as `make_optimizer` returns.
      key: PRNG key for the steps.
      carry: recurrent state before the first window, such as `cell.initial_state(params, batch_shape)`; () for independent
        sequences.
      position: the first batch.
    """
    # weak types would not survive a step or a checkpoint, and a state of other types would be compiled anew
    params, carry = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.result_type(leaf)), (params, carry))
    return TrainState(params, optimizer.init(params), jnp.int32(0), key, carry, jnp.int32(position))


def make_train_step(loss_fn: LossFn, optimizer: optax.GradientTransformation) -> TrainStep:
    """θ ← θ + update(∂L/∂θ): returns the pure function `step(train_state, batch) -> (train_state, metrics)`.

        step = jax.jit(make_train_step(loss_fn, optimizer))
        train_state, metrics = step(train_state, batch)

    It may also be scanned, vmapped over a stack of states, or take part in a larger function.

    Args:
      loss_fn: `(params, carry, batch, key) -> (loss, (carry, aux))`. The new carry goes to the next step, and no gradient
        comes back through it: windows of one stream are truncated backpropagation through time. Where a stream starts over,
        the batch has to say so (`resets` of `unroll`). `aux` is a dict of scalars for the metrics.
      optimizer: any transformation of optax; one from `make_optimizer` also says whether it clipped.
    """

    def step(train_state: TrainState, batch: PyTree) -> tuple[TrainState, Metrics]:
        params, opt_state, _, key, carry, _ = train_state
        key, k_loss = jax.random.split(key)
        (loss, (carry, aux)), gradient = jax.value_and_grad(loss_fn, has_aux=True)(params, carry, batch, k_loss)
        updates, opt_state = optimizer.update(gradient, opt_state, params)
        params = optax.apply_updates(params, updates)
        seen = _clip_state(opt_state) or _unclipped(gradient)
        after = TrainState(params, opt_state, train_state.step + 1, key, carry, train_state.position + 1)
        return after, Metrics(loss, seen.norm, seen.was_clipped, seen.finite, aux)

    return step


def _clip_state(opt_state: Any) -> ClipState | None:
    nodes = jax.tree.leaves(opt_state, is_leaf=lambda node: isinstance(node, ClipState))
    return next((node for node in nodes if isinstance(node, ClipState)), None)


def _unclipped(gradient: PyTree) -> ClipState:
    norm = pytrees.norm(gradient).astype(jnp.float32)
    return ClipState(norm, jnp.zeros((), bool), pytrees.all_finite(gradient))


def evaluate(
    eval_step: Callable[[Params, PyTree], tuple[dict[str, Any], Any]], params: Params, batches: Iterable[PyTree]
) -> dict[str, float]:
    """Σ_b w_b m_b / Σ_b w_b for every metric m, summed in float64.

    Args:
      eval_step: `(params, batch) -> (metrics, weight)`: a dict of scalars that are means over the batch, and how much the
        batch counts, such as its number of unmasked steps. Call it under `jax.jit`. A batch of weight 0 does not count,
        whatever its metrics.
      params: parameters.
      batches: the batches, at least one of positive weight.

    Raises:
      ValueError: no batches, weights that are negative or all 0, batches with different metrics.
    """
    # read back at the end, so that an accelerator is never left waiting
    measured = jax.device_get([eval_step(params, batch) for batch in batches])
    weights = np.array([float(weight) for _, weight in measured])
    if not np.all(weights >= 0) or not np.sum(weights) > 0:
        raise ValueError(f"evaluate needs batches of positive weight in all; got {len(weights)} of weights {weights.tolist()}")
    names = {tuple(sorted(metrics)) for metrics, _ in measured}
    if len(names) > 1:
        raise ValueError(f"eval_step must return the same metrics for every batch; got {sorted(names)}")
    counted = [(metrics, weight) for metrics, weight in measured if weight > 0]
    return {
        name: float(np.average([np.float64(metrics[name]) for metrics, _ in counted], weights=weights[weights > 0]))
        for name in measured[0][0]
    }


class EarlyStopping(NamedTuple):
    """Stops where the validation loss has not fallen for `patience` evaluations.

        stopping = EarlyStopping(patience=5)
        stopping = stopping.update(validation_loss)
        if stopping.stopped: ...

    Attributes:
      patience: evaluations without a new best loss that end the training, at least 1.
      best: the lowest loss so far.
      waited: evaluations since then.
    """

    patience: int
    best: float = math.inf
    waited: int = 0

    def update(self, loss: float) -> "EarlyStopping":
        """Returns the state after one more evaluation; NaN counts as no improvement."""
        if float(loss) < self.best:
            return self._replace(best=float(loss), waited=0)
        return self._replace(waited=self.waited + 1)

    @property
    def stopped(self) -> bool:
        """Whether to stop."""
        return self.waited >= self.patience
