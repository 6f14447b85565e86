"""The training loop of the experiments: many networks at once, on batches that are drawn beforehand."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from tqdm import tqdm

from experiments.common.sweeping import sweep
from recurrent import clip_by_global_norm, init_train_state, make_train_step
from recurrent.train import TrainState

CHUNK = 50
"""Updates between two reports of progress."""

LossFn = Callable[[Any, Any, Any], Array]
"""`(network, given, batch) -> loss`; a batch may be the key that it is drawn from."""


def train(
    loss_of: LossFn, networks: Any, batches: Any, learning_rate: float, label: str, *, given: Any = (), warm_up: bool = False
) -> tuple[Any, np.ndarray]:
    """Trains a stack of networks with Adam, gradients clipped to norm 1 and a learning rate that falls to 0 along a cosine.

    Args:
      loss_of: a function that lives as long as the program: the compiled training is kept by it.
      networks: leaves `[network, ...]`.
      batches: leaves `[network, update, ...]`, or keys.
      learning_rate: at the start, or after the warm-up.
      label: for the progress bar.
      given: what else the loss depends on, the same for all networks and updates.
      warm_up: let the learning rate rise from 0 during the first twentieth.

    Returns:
      The trained networks, and the losses `[network, update]`.
    """
    updates = jax.tree.leaves(batches)[0].shape[1]
    init, advance = _trainer(loss_of, updates, warm_up)
    states, losses, rate = init(networks), [], jnp.float32(learning_rate)
    with tqdm(total=updates, desc=f"{label}: compiling", unit="update", leave=False) as progress:
        for chunk in _chunks(updates):
            drawn = jax.tree.map(lambda leaf, chunk=chunk: jnp.asarray(leaf[:, chunk]), batches)
            states, found = advance(states, rate, given, drawn)
            losses.append(np.asarray(found))
            progress.set_description(label, refresh=False)
            progress.set_postfix(loss=f"{np.median(losses[-1]):.4g}")
            progress.update(len(chunk))
    return states.params, np.concatenate(losses, axis=1)


def train_one(loss_of: LossFn, network: Any, batches: Any, learning_rate: float, label: str, **options: Any):
    """Trains one network as `train` does a stack: there is no axis of networks, neither in what it takes nor in the result."""
    stack = functools.partial(jax.tree.map, lambda leaf: leaf[None])
    networks, losses = train(loss_of, stack(network), stack(batches), learning_rate, label, **options)
    return jax.tree.map(lambda leaf: leaf[0], networks), losses[0]


def clipped_adam(learning_rate: float | optax.Schedule) -> optax.GradientTransformation:
    """Adam on gradients clipped to norm 1."""
    # a plain chain: `make_optimizer` also shields the moments from gradients that are not finite, and rounds otherwise
    return optax.chain(clip_by_global_norm(1.0), optax.adam(learning_rate))


def falling_adam(learning_rate: Any, updates: int, *, warm_up: bool = False) -> optax.GradientTransformation:
    """`clipped_adam` with a learning rate that falls to 0 along a cosine; it may be traced, so that one program serves all."""
    if not warm_up:
        return clipped_adam(optax.cosine_decay_schedule(learning_rate, updates))
    rising = updates // 20 + 1
    # optax.warmup_cosine_decay_schedule compares the rate with 0, which a traced one does not allow
    parts = optax.linear_schedule(0.0, learning_rate, rising), optax.cosine_decay_schedule(learning_rate, updates + 1 - rising)
    return clipped_adam(optax.join_schedules(parts, [rising]))


def fitted(loss_of: LossFn, network: Any, learning_rate: Any, given: Any, batches: Any) -> Any:
    """One network after one update of `falling_adam` per batch, `[update, ...]`. To be compiled, the rate being data."""
    optimizer = falling_adam(learning_rate, len(jax.tree.leaves(batches)[0]))
    return descend(loss_of, optimizer, start(network, optimizer), given, batches)[0].params


def batch_keys(seed: int, networks: int, updates: int) -> Array:
    """Keys `[network, update]` for batches; network i gets the same ones in every stack."""
    return jax.vmap(lambda key: jax.random.split(key, updates))(jax.random.split(jax.random.key(seed), networks))


def descend(
    loss_of: LossFn, optimizer: optax.GradientTransformation, state: TrainState, given: Any, batches: Any
) -> tuple[TrainState, Array]:
    """Makes one update per batch, `[update, ...]`; returns the state after them and their losses. To be compiled."""

    def loss_fn(network, carry, batch, key):
        del key  # what is random is in the batches
        return loss_of(network, given, batch), (carry, {})

    step = make_train_step(loss_fn, optimizer)

    def update(state, batch):
        state, metrics = step(state, batch)
        return state, metrics.loss

    return jax.lax.scan(update, state, batches)


def start(network: Any, optimizer: optax.GradientTransformation) -> TrainState:
    """The state before the first of the updates that `descend` makes."""
    return init_train_state(network, optimizer, jax.random.key(0))


@functools.cache
def _trainer(loss_of: LossFn, updates: int, warm_up: bool):
    """Compiled once for all learning rates, on which the state at the start does not depend."""

    @jax.jit
    def advance(states, learning_rate, given, batches):
        optimizer = falling_adam(learning_rate, updates, warm_up=warm_up)
        return sweep(lambda one: descend(loss_of, optimizer, one[0], given, one[1]), (states, batches))

    return jax.jit(jax.vmap(lambda network: start(network, falling_adam(1.0, updates)))), advance


def _chunks(updates: int) -> Sequence[np.ndarray]:
    """Splits 0 ... updates - 1 into runs of about `CHUNK`, of two lengths at most, so that little is compiled."""
    return np.array_split(np.arange(updates), -(-updates // CHUNK))
