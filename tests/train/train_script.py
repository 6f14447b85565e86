"""Trains a small LSTM on a synthetic stream, to be killed and started again: python train_script.py FOLDER ..."""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from recurrent import fit, init_train_state, lstm, make_optimizer, make_train_step, unroll
from recurrent.data import epoch_order, windows
from recurrent.losses import cross_entropy
from recurrent.train import Checkpoints, evaluate

SYMBOLS, HIDDEN, BATCH, WINDOW = 5, 8, 4, 6
CELL = lstm(SYMBOLS, HIDDEN)
OPTIMIZER = make_optimizer(1e-2, max_norm=0.13)


def stream(num_steps: int, seed: int) -> np.ndarray:
    """Symbols of which each depends on the one before."""
    steps = np.random.default_rng(seed).choice(SYMBOLS, size=num_steps, p=[0.1, 0.6, 0.1, 0.1, 0.1])
    return np.cumsum(steps) % SYMBOLS


TRAINING = windows(stream(500, 0), BATCH, WINDOW)
VALIDATION = windows(stream(200, 1), BATCH, WINDOW)


def loss_fn(params, carry, batch, key):
    """Cross-entropy in nats; noise on the inputs, so that the key matters."""
    inputs, targets, starts_over = batch
    xs = jax.nn.one_hot(inputs, SYMBOLS, dtype=jnp.float32)
    xs = xs + 0.1 * jax.random.normal(key, xs.shape, jnp.float32)
    resets = (jnp.arange(WINDOW) == 0)[:, None] & jnp.full((1, BATCH), starts_over)
    carry, hs = unroll(CELL, params["cell"], xs, carry, resets=resets)
    losses = cross_entropy(hs @ params["readout"], targets)
    return losses.mean(), (carry, {"largest": losses.max()})


@jax.jit
def eval_step(params, batch):
    fresh = CELL.initial_state(params["cell"], (BATCH,))
    loss, _ = loss_fn(params, fresh, (*batch, False), jax.random.key(0))
    return {"loss": loss}, batch[0].size


def validate(params):
    return evaluate(eval_step, params, zip(*VALIDATION, strict=True))


def batches_at(position: int):
    """The windows in order, with other names for the symbols in every epoch."""
    epoch, index = divmod(position, len(TRAINING.inputs))
    shift = epoch_order(SYMBOLS, epoch, seed=7)[0]
    return (TRAINING.inputs[index] + shift) % SYMBOLS, (TRAINING.targets[index] + shift) % SYMBOLS, index == 0


@jax.jit
def start(seed: int = 0):
    """The state before the first update."""
    k_cell, k_readout, k_steps = jax.random.split(jax.random.key(seed), 3)
    readout = 0.1 * jax.random.normal(k_readout, (HIDDEN, SYMBOLS), jnp.float32)
    params = {"cell": CELL.init(k_cell), "readout": readout}
    return init_train_state(params, OPTIMIZER, k_steps, CELL.initial_state(params["cell"], (BATCH,)))


def leaves(train_state) -> list[np.ndarray]:
    """Every array of a train state as numpy."""
    train_state = train_state._replace(key=jax.random.key_data(train_state.key))
    return [np.asarray(leaf) for leaf in jax.tree.leaves(train_state)]


def main(folder: Path) -> None:
    step = jax.jit(make_train_step(loss_fn, OPTIMIZER))
    checkpoints = Checkpoints(folder / "checkpoints", {"learning_rate": 1e-2, "hidden_size": HIDDEN}, keep=2)
    options = {"evaluate": validate, "every": 3, "checkpoints": checkpoints, "log": folder / "log.csv", "progress": False}
    train_state = fit(step, start(), batches_at, 45, **options)
    np.savez(folder / "finished.npz", *leaves(train_state))


if __name__ == "__main__":
    for name in sys.argv[1:]:
        main(Path(name))
