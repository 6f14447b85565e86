"""A project that depends on the package: a cell of its own behind one of the package, three updates."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

import recurrent
from recurrent.train import TrainState, TrainStep


class MeanParams(NamedTuple):
    """How much of the running mean stays."""

    decay: Array


def running_mean(size: int) -> recurrent.Cell[MeanParams, Array]:
    """s_t = σ(decay) s_{t-1} + (1 - σ(decay)) x_t, y_t = s_t."""

    def init(key: Array) -> MeanParams:
        return MeanParams(jax.random.normal(key, (size,)))

    def initial_state(params: MeanParams, batch_shape: tuple[int, ...] = ()) -> Array:
        return jnp.zeros((*batch_shape, size), params.decay.dtype)

    def step(params: MeanParams, state: Array, x_t: Array) -> tuple[Array, Array]:
        kept = jnp.broadcast_to(jax.nn.sigmoid(params.decay), state.shape)
        state = kept * state + (1 - kept) * x_t
        return state, state

    return recurrent.Cell(init, initial_state, step)


class Params(NamedTuple):
    """Of both cells."""

    lstm: recurrent.cells.LSTMParams
    mean: MeanParams


def main() -> None:
    """Prints where the package lies, its version, and three losses."""
    lstm, mean = recurrent.lstm(3, 4), running_mean(4)
    keys = jax.random.split(jax.random.key(0), 4)
    params = Params(lstm.init(keys[0]), mean.init(keys[1]))
    xs = jax.random.normal(keys[2], (6, 2, 3))

    def loss_fn(params: Params, carry: None, xs: Array, key: Array) -> tuple[Array, tuple[None, dict[str, Array]]]:
        _, hs = recurrent.unroll(lstm, params.lstm, xs, lengths=jnp.array([6, 4]), backprop="explicit")
        final_state, _ = recurrent.unroll(mean, params.mean, hs)
        return jnp.mean((final_state - xs[0, :, :1]) ** 2), (carry, {})

    optimizer = recurrent.make_optimizer(1e-1, max_norm=1.0)
    print(recurrent.__file__, recurrent.__version__)
    train(jax.jit(recurrent.make_train_step(loss_fn, optimizer)), recurrent.init_train_state(params, optimizer, keys[3]), xs)


def train(step: TrainStep, state: TrainState, xs: Array) -> None:
    """Takes three updates."""
    for _ in range(3):
        state, metrics = step(state, xs)
        print(float(metrics.loss))


if __name__ == "__main__":
    main()
