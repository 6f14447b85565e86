"""Train states and pure train steps."""

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from recurrent import pytrees
from recurrent.train._clipping import ClipState
from recurrent.types import Params, PyTree, State


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

    Raises:
      ValueError: a loss function that does not take four arguments; when run, one that does not return (loss, (carry, aux)).

    >>> import jax
    >>> import jax.numpy as jnp
    >>> import recurrent
    >>> def loss_fn(w, carry, batch, key):
    ...     return jnp.sum((w - batch) ** 2), (carry, {})
    >>> optimizer = recurrent.make_optimizer(0.5, optimizer="sgd", max_norm=None)
    >>> train_state = recurrent.init_train_state(jnp.zeros(2), optimizer, jax.random.key(0))
    >>> train_state, metrics = jax.jit(recurrent.make_train_step(loss_fn, optimizer))(train_state, jnp.ones(2))
    >>> train_state.params.tolist(), float(metrics.loss), int(train_state.step)
    ([1.0, 1.0], 2.0, 1)
    """
    _check_signature(loss_fn)

    def checked(*arguments):
        returned = loss_fn(*arguments)
        if not _is_loss_and_rest(returned):
            raise ValueError(
                "a loss_fn(params, carry, batch, key) must return (loss, (carry, aux)), with a dict aux; got the structure "
                f"{jax.tree.structure(returned)}"
            )
        if jnp.shape(returned[0]):
            raise ValueError(f"the loss must be a scalar; got shape {jnp.shape(returned[0])} (take its mean, say)")
        return returned

    def step(train_state: TrainState, batch: PyTree) -> tuple[TrainState, Metrics]:
        params, opt_state, _, key, carry, _ = train_state
        key, k_loss = jax.random.split(key)
        (loss, (carry, aux)), gradient = jax.value_and_grad(checked, has_aux=True)(params, carry, batch, k_loss)
        updates, opt_state = optimizer.update(gradient, opt_state, params)
        params = optax.apply_updates(params, updates)
        seen = _clip_state(opt_state) or _unclipped(gradient)
        after = TrainState(params, opt_state, train_state.step + 1, key, carry, train_state.position + 1)
        return after, Metrics(loss, seen.norm, seen.was_clipped, seen.finite, aux)

    return step


def _is_loss_and_rest(returned: Any) -> bool:
    pairs = isinstance(returned, tuple) and len(returned) == 2 and isinstance(returned[1], tuple) and len(returned[1]) == 2
    return pairs and isinstance(returned[1][1], dict)


def _check_signature(loss_fn: LossFn) -> None:
    try:
        inspect.signature(loss_fn).bind(None, None, None, None)
    except TypeError as error:
        raise ValueError(
            "make_train_step needs a loss_fn(params, carry, batch, key) that returns (loss, (carry, aux)); "
            f"got {getattr(loss_fn, '__name__', loss_fn)}{inspect.signature(loss_fn)}: {error}"
        ) from error


def _clip_state(opt_state: Any) -> ClipState | None:
    nodes = jax.tree.leaves(opt_state, is_leaf=lambda node: isinstance(node, ClipState))
    return next((node for node in nodes if isinstance(node, ClipState)), None)


def _unclipped(gradient: PyTree) -> ClipState:
    norm = pytrees.norm(gradient).astype(jnp.float32)
    return ClipState(norm, jnp.zeros((), bool), pytrees.all_finite(gradient))
